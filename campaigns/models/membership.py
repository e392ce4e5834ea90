from django.db import models

from campaigns.models.recipient import Recipient
from campaigns.models.recipient_list import RecipientList


class Membership(models.Model):
    """A recipient stands in a list."""

    # The constraint's index finds the members of a list, in the order of their ids.
    list = models.ForeignKey(RecipientList, on_delete=models.CASCADE, related_name="memberships", db_index=False)
    recipient = models.ForeignKey(Recipient, on_delete=models.CASCADE, related_name="memberships")

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["list", "recipient"], name="membership_once")]

    def __str__(self) -> str:
        return f"{self.recipient} in {self.list}"
