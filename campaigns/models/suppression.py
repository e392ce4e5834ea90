from __future__ import annotations

from collections.abc import Collection
from typing import Any, ClassVar

from django.conf import settings
from django.db import connection, models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from accounts.models import User

_ENTER = """
INSERT INTO campaigns_suppression (email, reason, source, owner_id, created_at)
SELECT address, %s, %s, %s, now() FROM unnest(%s::text[]) AS address
ON CONFLICT DO NOTHING
"""


class Reason(models.TextChoices):
    UNSUBSCRIBED = "unsubscribed", _("Asked for no more mail")
    COMPLAINED = "complained", _("Complained")
    UNDELIVERABLE = "undeliverable", _("Undeliverable")
    OTHER = "other", _("Other")


class SuppressionQuerySet(models.QuerySet["Suppression"]):
    def enter(self, addresses: Collection[str], owner: User, reason: str, source: str = "") -> int:
        """Suppress the addresses in one statement; returns how many were not suppressed already."""
        with connection.cursor() as cursor:
            cursor.execute(_ENTER, [reason, source, owner.pk, list(addresses)])
            return int(cursor.rowcount)


class Suppression(models.Model):
    """An address that gets no mail of any mailing, whoever's recipient it is."""

    Reason = Reason

    email = models.EmailField(_("e-mail"))
    reason = models.CharField(_("reason"), max_length=13, choices=Reason.choices, default=Reason.UNSUBSCRIBED)
    source = models.CharField(
        _("source"), max_length=200, blank=True, help_text=_("How it became known: a call, a reply, a letter.")
    )
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="suppressions",
        verbose_name=_("entered by"),
    )
    created_at = models.DateTimeField(_("since"), auto_now_add=True)

    objects: ClassVar[Any] = SuppressionQuerySet.as_manager()

    class Meta:
        verbose_name = _("suppression")
        verbose_name_plural = _("suppressions")
        ordering = ["-id"]
        permissions = [("view_all_suppressions", "Can view everybody's suppressions")]
        indexes = [models.Index(fields=["owner", "-id"], name="suppression_list")]
        constraints = [
            models.UniqueConstraint(
                Lower("email"),
                name="suppression_once",
                violation_error_message=_("This address is suppressed already."),
            ),
        ]

    def __str__(self) -> str:
        return self.email
