from __future__ import annotations

import uuid
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Coalesce, Now
from django.utils.translation import gettext_lazy as _

from campaigns.models.mailing import Mailing


class Status(models.TextChoices):
    QUEUED = "queued", _("Queued")
    RUNNING = "running", _("Running")
    PAUSED = "paused", _("Paused")
    SUCCESS = "success", _("Success")
    PARTIAL = "partial", _("Partial")
    FAIL = "fail", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")


FINAL_COUNTERS = ("sent", "errors", "skipped", "unconfirmed", "cancelled", "dry_runs")

_settled = sum((F(name) for name in FINAL_COUNTERS[1:]), F(FINAL_COUNTERS[0]))
_verdict = Case(
    When(status=Status.CANCELLED, then=Value(Status.CANCELLED)),
    When(errors=0, unconfirmed=0, cancelled=0, then=Value(Status.SUCCESS)),
    When(sent=0, dry_runs=0, then=Value(Status.FAIL)),
    default=Value(Status.PARTIAL),
)


class AttemptQuerySet(models.QuerySet["MailingAttempt"]):
    def real(self) -> AttemptQuerySet:
        """Those that send letters to their audience: neither dry runs nor tests."""
        return self.filter(dry_run=False, test=False)

    def begun(self) -> AttemptQuerySet:
        """All but those that were cancelled, or undone, before a worker had begun: no letter of theirs has left."""
        return self.exclude(status=Status.CANCELLED, started_at=None)

    def undoable(self) -> AttemptQuerySet:
        """Launches whose letters are still held back, by the database's clock."""
        return self.filter(status=Status.QUEUED, started_at=None, held_until__gt=Now())

    def unfinished(self) -> AttemptQuerySet:
        return self.filter(finished_at=None)

    def overdue(self) -> AttemptQuerySet:
        """What is under way of mailings whose end has passed, tests among it."""
        late = self.unfinished().filter(dry_run=False, mailing__end_at__lte=Now())
        return late.exclude(status=Status.CANCELLED)

    def pause(self, reason: str = "") -> int:
        """No row is put in flight from now on; those that are settle."""
        return self.filter(status__in=(Status.QUEUED, Status.RUNNING)).update(
            status=Status.PAUSED, server_response=reason
        )

    def resume(self) -> int:
        return self.filter(status=Status.PAUSED).update(status=Status.QUEUED, server_response="")

    def cancel(self, reason: str = "") -> int:
        """No row is put in flight, nor written, from now on; what is open is left to close."""
        open_ones = self.unfinished().exclude(status=Status.CANCELLED)
        return open_ones.update(
            status=Status.CANCELLED, server_response=reason, expanded_at=Coalesce("expanded_at", Now())
        )

    def finish(self) -> int:
        """End the attempts of which no row is open nor to come, with the verdict that their counters give."""
        return (
            self.unfinished()
            .filter(total=_settled, expanded_at__isnull=False)
            .update(status=_verdict, finished_at=Now())
        )

    def judge(self) -> int:
        """Give ended attempts the verdict that their counters give now."""
        return self.filter(finished_at__isnull=False).update(status=_verdict)


class MailingAttempt(models.Model):
    """One launch: the content and audience frozen at that moment, and what became of it."""

    Status = Status

    mailing = models.ForeignKey(Mailing, on_delete=models.PROTECT, related_name="attempts", verbose_name=_("mailing"))
    key = models.UUIDField(_("key"), default=uuid.uuid4, unique=True, editable=False)
    dry_run = models.BooleanField(_("dry run"), default=False)
    test = models.BooleanField(
        _("test"), db_default=False, default=False, help_text=_("One letter to an address that was typed in.")
    )
    new_only = models.BooleanField(_("new recipients only"), db_default=False, default=False)
    triggered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("launched by"),
        help_text=_("Nobody: the scheduler."),
    )
    request_id = models.CharField(_("request id"), max_length=64, default="-")
    status = models.CharField(_("status"), max_length=10, choices=Status.choices, default=Status.QUEUED)
    server_response = models.TextField(_("reason"), blank=True)

    from_email = models.CharField(_("sender"), max_length=320)
    subject = models.CharField(_("subject"), max_length=255)
    body = models.TextField(_("text"), blank=True)
    body_html = models.TextField(_("HTML"), blank=True)

    total = models.PositiveIntegerField(_("recipients"), default=0)
    sent = models.PositiveIntegerField(_("sent"), default=0)
    errors = models.PositiveIntegerField(_("errors"), default=0)
    skipped = models.PositiveIntegerField(_("skipped"), default=0)
    unconfirmed = models.PositiveIntegerField(_("unconfirmed"), default=0)
    cancelled = models.PositiveIntegerField(_("cancelled"), default=0)
    dry_runs = models.PositiveIntegerField(_("composed in a dry run"), default=0)

    # Whom it is for, as the mailing said at the launch (campaigns/audience.py); before there were lists, nothing.
    audience = models.JSONField(default=dict, db_default={}, editable=False)
    # The audience is written into the ledger in slices: up to which recipient, and since when completely.
    expanded_to = models.BigIntegerField(db_default=0, default=0, editable=False)
    expanded_at = models.DateTimeField(null=True, editable=False)

    created_at = models.DateTimeField(_("launched"), auto_now_add=True)
    held_until = models.DateTimeField(
        _("held until"), null=True, help_text=_("No letter leaves before: until then, a launch can be undone.")
    )
    # What the mailing was before the launch, and is again when that is undone; nothing, if the attempt moved none.
    mailing_was = models.CharField(
        max_length=10, choices=Mailing.Status.choices, blank=True, default="", db_default="", editable=False
    )
    started_at = models.DateTimeField(_("started"), null=True)
    finished_at = models.DateTimeField(_("finished"), null=True)
    # From then on rows of its ledger are missing: they were removed to save room.
    pruned_at = models.DateTimeField(_("log removed"), null=True, editable=False)

    objects: ClassVar[Any] = AttemptQuerySet.as_manager()

    class Meta:
        verbose_name = _("attempt")
        verbose_name_plural = _("attempts")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["mailing", "dry_run"],
                condition=Q(finished_at=None, test=False),
                name="attempt_one_at_a_time",
            ),
            models.CheckConstraint(condition=Q(total__gte=_settled), name="attempt_counts_no_row_twice"),
        ]
        indexes = [
            # The few that are under way, tests among them.
            models.Index(fields=["mailing"], condition=Q(finished_at=None), name="attempt_unfinished"),
        ]

    def __str__(self) -> str:
        kind = _("Dry run") if self.dry_run else _("Test") if self.test else _("Attempt")
        return f"{kind} {self.pk}"

    @property
    def done(self) -> int:
        """Rows whose outcome is known."""
        return sum(getattr(self, name) for name in FINAL_COUNTERS)

    @property
    def open(self) -> int:
        return self.total - self.done

    @property
    def percent(self) -> int:
        if not self.total:
            # Before its audience is written down, too, it has no rows.
            return 100 if self.finished_at else 0
        return 100 * self.done // self.total
