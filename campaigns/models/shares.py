"""Who else may do what with whose objects: guardian's tables with direct foreign keys, one pair a noun."""

from django.db import models
from guardian.models import GroupObjectPermissionBase, UserObjectPermissionBase

from campaigns.models.mailing import Mailing
from campaigns.models.message import Message
from campaigns.models.recipient import Recipient


class MailingUserShare(UserObjectPermissionBase):
    content_object = models.ForeignKey(Mailing, on_delete=models.CASCADE, related_name="user_shares")

    class Meta(UserObjectPermissionBase.Meta):
        default_permissions = ()


class MailingGroupShare(GroupObjectPermissionBase):
    content_object = models.ForeignKey(Mailing, on_delete=models.CASCADE, related_name="group_shares")

    class Meta(GroupObjectPermissionBase.Meta):
        default_permissions = ()


class MessageUserShare(UserObjectPermissionBase):
    content_object = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="user_shares")

    class Meta(UserObjectPermissionBase.Meta):
        default_permissions = ()


class MessageGroupShare(GroupObjectPermissionBase):
    content_object = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="group_shares")

    class Meta(GroupObjectPermissionBase.Meta):
        default_permissions = ()


class RecipientUserShare(UserObjectPermissionBase):
    content_object = models.ForeignKey(Recipient, on_delete=models.CASCADE, related_name="user_shares")

    class Meta(UserObjectPermissionBase.Meta):
        default_permissions = ()


class RecipientGroupShare(GroupObjectPermissionBase):
    content_object = models.ForeignKey(Recipient, on_delete=models.CASCADE, related_name="group_shares")

    class Meta(GroupObjectPermissionBase.Meta):
        default_permissions = ()
