from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.utils.translation import gettext_lazy as _

from campaigns.models.attempt import MailingAttempt
from campaigns.models.chunk import Chunk
from campaigns.models.recipient import Recipient


class Status(models.IntegerChoices):
    PENDING = 0, _("Pending")
    DEFERRED = 2, _("Deferred")
    SENT = 3, _("Sent")
    ERROR = 4, _("Error")
    SKIPPED = 5, _("Skipped")
    UNCONFIRMED = 6, _("Unconfirmed")
    DRY_RUN = 7, _("Dry run")
    CANCELLED = 8, _("Cancelled")


class LogQuerySet(models.QuerySet["MailingLog"]):
    def in_flight(self) -> LogQuerySet:
        """Rows whose letters may be on their way."""
        return self.filter(_in_flight())

    def with_in_flight(self) -> LogQuerySet:
        """Adds `in_flight`: whether the letter may be on its way."""
        return self.annotate(in_flight=_in_flight())


def _in_flight() -> Exists:
    held = Chunk.objects.filter(attempt=OuterRef("attempt"), closed_at=None)
    return Exists(held.filter(in_flight__contains=[OuterRef("pk")]))


class MailingLog(models.Model):
    """The ledger: one row per attempt and recipient, written before anything is sent (sending/ledger/).

    Which of the open rows are in flight, their chunk knows.
    """

    Status = Status
    OPEN = (Status.PENDING, Status.DEFERRED)
    FINAL = tuple(set(Status) - set(OPEN))
    # Rows that want a person, or will be tried again.
    ATTENTION = (Status.DEFERRED, Status.ERROR, Status.UNCONFIRMED)

    attempt = models.ForeignKey(
        MailingAttempt,
        on_delete=models.PROTECT,
        related_name="logs",
        verbose_name=_("attempt"),
        db_index=False,
    )
    # Without a constraint in the database, which would triple the cost of writing the ledger; the row
    # outlives the recipient and keeps the address as it was.
    recipient = models.ForeignKey(
        Recipient,
        on_delete=models.DO_NOTHING,
        null=True,
        related_name="+",
        verbose_name=_("recipient"),
        db_constraint=False,
        db_index=False,
    )
    email = models.CharField(_("e-mail"), max_length=254)
    status = models.PositiveSmallIntegerField(_("status"), choices=Status.choices, default=Status.PENDING)
    # Repeats the status of the few rows in ATTENTION, so that an index can find them: an index on the
    # status itself would make every mark a non-HOT update (30–47 k marks/s with it, 65–115 k without).
    attention = models.PositiveSmallIntegerField(choices=Status.choices, null=True, editable=False)
    detail = models.TextField(_("reply"), blank=True)
    tries = models.PositiveSmallIntegerField(_("tries"), default=0)
    retry_at = models.DateTimeField(_("next try"), null=True)
    settled_at = models.DateTimeField(_("settled"), null=True)

    objects: ClassVar[Any] = LogQuerySet.as_manager()

    class Meta:
        verbose_name = _("log entry")
        verbose_name_plural = _("log entries")
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["attempt", "recipient"], name="log_one_row_per_recipient"),
            models.CheckConstraint(
                condition=Q(attention=None) | Q(attention=F("status")), name="log_attention_repeats_status"
            ),
        ]
        indexes = [
            models.Index(fields=["attempt", "attention"], condition=Q(attention__isnull=False), name="log_attention")
        ]

    def __str__(self) -> str:
        return f"{self.email}: {self.get_status_display()}"
