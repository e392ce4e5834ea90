from __future__ import annotations

from datetime import UTC, datetime
from itertools import count
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Count, F, Q, Sum
from django.db.models.functions import Coalesce, Now
from django.utils.translation import gettext_lazy as _

from campaigns.models import conditions, through
from campaigns.models.message import Message
from campaigns.models.recipient import Recipient
from campaigns.models.recipient_list import RecipientList


class Status(models.TextChoices):
    DRAFT = "draft", _("Draft")
    SCHEDULED = "scheduled", _("Scheduled")
    RUNNING = "running", _("Running")
    PAUSED = "paused", _("Paused")
    FINISHED = "finished", _("Finished")
    DISABLED = "disabled", _("Disabled")


class Repetition(models.TextChoices):
    ONCE = "once", _("Once")
    DAILY = "daily", _("Every day")
    WEEKLY = "weekly", _("Every week")
    MONTHLY = "monthly", _("Every month")


STEPS = {
    Repetition.DAILY: relativedelta(days=1),
    Repetition.WEEKLY: relativedelta(weeks=1),
    Repetition.MONTHLY: relativedelta(months=1),
}

# What an attempt counts, by the name of its field and of the figure in with_stats().
COUNTERS = ("total", "sent", "errors", "skipped", "unconfirmed", "cancelled")


class MailingQuerySet(models.QuerySet["Mailing"]):
    def due(self, now: datetime) -> MailingQuerySet:
        """Scheduled mailings whose time has come and is not over, the longest waiting first."""
        return self.filter(Q(end_at=None) | Q(end_at__gt=now), status=Status.SCHEDULED, next_run_at__lte=now).order_by(
            "next_run_at", "id"
        )

    def over(self) -> MailingQuerySet:
        """Mailings whose end has passed, by the clock that the marks of their letters obey."""
        return self.filter(end_at__lte=Now())

    def overdue(self, now: datetime) -> MailingQuerySet:
        """Scheduled mailings whose end passed before they ran."""
        return self.filter(status=Status.SCHEDULED, end_at__lte=now)

    def with_stats(self) -> MailingQuerySet:
        """Adds `stats_attempts` and, for each counter, `stats_<counter>`.

        Both are over the real attempts: neither dry runs nor tests.
        """
        real = Q(attempts__dry_run=False, attempts__test=False)
        sums: dict[str, Any] = {
            f"stats_{name}": Coalesce(Sum(f"attempts__{name}", filter=real), 0) for name in COUNTERS
        }
        return self.annotate(stats_attempts=Count("attempts", filter=real), **sums)

    def move(self, to: str, *, of: tuple[str, ...], **changes: Any) -> bool:
        """Move the one mailing of this queryset from one of the states `of`; False: it was in none of them."""
        return self.filter(status__in=of).update(status=to, updated_at=Now(), **changes) == 1


def _steps(first: datetime, until: datetime, step: relativedelta) -> int:
    """How many steps lead from the one to shortly before the other."""
    months = 12 * (until.year - first.year) + until.month - first.month
    # One less than there are, because a change of clocks may have moved the last one behind `until`.
    return max(1, (months // step.months if step.months else (until - first).days // step.days) - 1)


class Mailing(models.Model):
    """A message for an audience, sent at once or by schedule."""

    Status = Status
    Repetition = Repetition
    # States in which a person may press Send, and in which the content may be edited.
    IDLE = (Status.DRAFT, Status.SCHEDULED, Status.FINISHED)
    ACTIVE = (Status.RUNNING, Status.PAUSED)

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="mailings", verbose_name=_("owner")
    )
    name = models.CharField(_("name"), max_length=200)
    message = models.ForeignKey(Message, on_delete=models.PROTECT, related_name="mailings", verbose_name=_("message"))
    recipients = models.ManyToManyField(Recipient, blank=True, related_name="mailings", verbose_name=_("recipients"))
    lists = models.ManyToManyField(RecipientList, blank=True, related_name="mailings", verbose_name=_("lists"))
    excluded_lists = models.ManyToManyField(
        RecipientList, blank=True, related_name="excluded_from", verbose_name=_("excluded lists")
    )
    conditions = models.JSONField(
        _("conditions"), default=list, db_default=[], blank=True, validators=[conditions.validate]
    )
    status = models.CharField(_("status"), max_length=10, choices=Status.choices, default=Status.DRAFT, editable=False)
    start_at = models.DateTimeField(
        _("start"),
        null=True,
        blank=True,
        help_text=_("When it is sent by itself, once it has been scheduled."),
    )
    end_at = models.DateTimeField(_("end"), null=True, blank=True, help_text=_("Nothing is sent after this."))
    repetition = models.CharField(_("repetition"), max_length=10, choices=Repetition.choices, default=Repetition.ONCE)
    next_run_at = models.DateTimeField(_("next run"), null=True, editable=False)
    last_sent_at = models.DateTimeField(_("last sent"), null=True, editable=False)
    version = models.PositiveIntegerField(_("version"), default=1, db_default=1, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    objects: ClassVar[Any] = MailingQuerySet.as_manager()

    class Meta:
        verbose_name = _("mailing")
        verbose_name_plural = _("mailings")
        ordering = ["-id"]
        permissions = [
            ("view_all_mailings", "Can view everybody's mailings"),
            ("send_mailing", "Can send the mailing"),
            ("disable_mailing", "Can disable any mailing"),
        ]
        indexes = [
            models.Index(fields=["owner", "-id"], name="mailing_list"),
            models.Index(fields=["next_run_at"], condition=Q(status=Status.SCHEDULED), name="mailing_due"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(start_at=None) | Q(end_at=None) | Q(end_at__gt=F("start_at")),
                name="mailing_ends_after_start",
                violation_error_message=_("The end must be after the start."),
            ),
            models.CheckConstraint(
                condition=~Q(status=Status.SCHEDULED) | Q(next_run_at__isnull=False),
                name="mailing_scheduled_has_next_run",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        super().clean()
        if self.start_at and self.end_at and self.end_at <= self.start_at:
            raise ValidationError({"end_at": _("The end must be after the start.")})
        if self.repetition != Repetition.ONCE and not self.start_at:
            raise ValidationError({"start_at": _("A repeated mailing needs a start.")})

    def next_run_after(self, moment: datetime) -> datetime | None:
        """The first run after `moment`, or None when there is none.

        Repetitions keep the start's time of day in the owner's time zone, across changes of clocks; the 31st
        becomes the last day of a shorter month.
        """
        if not self.start_at or self.start_at > moment:
            return self.start_at
        step = STEPS.get(Repetition(self.repetition))
        if not step:
            return None
        zone = ZoneInfo(self.owner.time_zone)
        first, until = (time.astimezone(zone).replace(tzinfo=None) for time in (self.start_at, moment))
        runs = (
            (first + step * number).replace(tzinfo=zone).astimezone(UTC) for number in count(_steps(first, until, step))
        )
        run = next(run for run in runs if run > moment)
        return None if self.end_at and run >= self.end_at else run

    def add_to_audience(self, recipients: models.QuerySet[Recipient]) -> int:
        """Add the recipients of the queryset in one statement; returns how many were not there before."""
        return through.add(recipients, Mailing.recipients.through, self)

    def remove_from_audience(self, recipients: models.QuerySet[Recipient]) -> int:
        """Remove the recipients of the queryset in one statement; returns how many were there."""
        return through.remove(recipients, Mailing.recipients.through, self)

    def stats_dict(self) -> dict[str, Any]:
        """The figures of with_stats() by name, with `attempts`, `success_rate` (0..1 or None) and `last_sent_at`."""
        source = self if hasattr(self, "stats_total") else Mailing.objects.with_stats().get(pk=self.pk)
        stats = {name: getattr(source, f"stats_{name}") for name in ("attempts", *COUNTERS)}
        tried = stats["sent"] + stats["errors"] + stats["unconfirmed"]
        return {
            **stats,
            "success_rate": stats["sent"] / tried if tried else None,
            "last_sent_at": self.last_sent_at,
        }


# A list that a mailing names is not deleted: without it, who was excluded would get mail. Django would delete the rows
# between them, which it makes itself, along with the list. What conditions name, triggers hold (migration 0018).
for _named in (Mailing.lists, Mailing.excluded_lists):
    _named.through._meta.get_field("recipientlist").remote_field.on_delete = models.PROTECT
