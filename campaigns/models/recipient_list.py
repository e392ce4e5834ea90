from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Value
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from campaigns.models import through
from campaigns.models.recipient import Recipient


class RecipientListQuerySet(models.QuerySet["RecipientList"]):
    def of_name(self, name: str) -> RecipientListQuerySet:
        """Those of that name, whatever the case of its letters: an owner has one at the most."""
        return self.alias(lower_name=Lower("name")).filter(lower_name=Lower(Value(name)))


class RecipientList(models.Model):
    """Recipients under a name, so that a mailing can be sent to them without choosing each."""

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="recipient_lists", verbose_name=_("owner")
    )
    name = models.CharField(_("name"), max_length=200)
    members = models.ManyToManyField(
        Recipient, through="Membership", blank=True, related_name="lists", verbose_name=_("members")
    )
    version = models.PositiveIntegerField(_("version"), default=1, db_default=1, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    objects: ClassVar[Any] = RecipientListQuerySet.as_manager()

    class Meta:
        verbose_name = _("recipient list")
        verbose_name_plural = _("recipient lists")
        ordering = ["-id"]
        permissions = [("view_all_recipientlists", "Can view everybody's recipient lists")]
        indexes = [models.Index(fields=["owner", "-id"], name="recipientlist_list")]
        constraints = [
            models.UniqueConstraint(
                "owner",
                Lower("name"),
                name="recipientlist_name_once_per_owner",
                violation_error_message=_("There is a list with this name already."),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def add_members(self, recipients: models.QuerySet[Recipient]) -> int:
        """Add the recipients of the queryset in one statement; returns how many were not there before."""
        return through.add(recipients, RecipientList.members.through, self)

    def remove_members(self, recipients: models.QuerySet[Recipient]) -> int:
        """Remove the recipients of the queryset in one statement; returns how many were there."""
        return through.remove(recipients, RecipientList.members.through, self)
