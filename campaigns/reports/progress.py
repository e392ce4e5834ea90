"""How far a run is: one row of counters, which the browser asks for while it runs."""

from dataclasses import dataclass
from math import ceil
from typing import Any, NamedTuple

from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from campaigns.models import Mailing, MailingAttempt, MailingLog
from campaigns.models.attempt import FINAL_COUNTERS

_Row = MailingLog.Status
# The outcomes a person reads: the counter, the word, the colour, and what the ledger calls it.
OUTCOMES = (
    ("sent", _("Sent"), "success", _Row.SENT),
    ("dry_runs", _("Composed"), "success", _Row.DRY_RUN),
    ("errors", _("Errors"), "danger", _Row.ERROR),
    ("unconfirmed", _("Unconfirmed"), "warning", _Row.UNCONFIRMED),
    ("skipped", _("Skipped"), "default", _Row.SKIPPED),
    ("cancelled", _("Cancelled"), "default", _Row.CANCELLED),
)
Status = MailingAttempt.Status


class Outcome(NamedTuple):
    """How many rows ended so; `share` in percent, `status` as in the ledger."""

    label: Any
    rows: int
    colour: str
    share: float
    status: int


@dataclass(frozen=True)
class Progress:
    """The attempt to watch, its outcomes, and whether it still moves.

    The attempt carries the time of the database's clock, as `now`.
    """

    mailing: Mailing
    attempt: Any
    outcomes: list[Outcome]
    live: bool

    @property
    def held_seconds(self) -> int:
        """In how many seconds the first letter may leave; 0: now."""
        attempt = self.attempt
        if not attempt or attempt.status != Status.QUEUED or not attempt.held_until:
            return 0
        seconds: float = (attempt.held_until - attempt.now).total_seconds()
        return max(0, ceil(seconds))

    @property
    def waits(self) -> bool:
        """Whether only a worker is missing for it to begin."""
        return bool(self.attempt) and self.attempt.status == Status.QUEUED and not self.held_seconds

    def state(self) -> tuple[Any, ...]:
        """All that is shown of it depends on: who has seen this state has nothing new to see."""
        attempt = self.attempt
        if attempt is None:
            return (self.mailing.status,)
        counters = [getattr(attempt, name) for name in ("total", *FINAL_COUNTERS)]
        # While it runs, the rate falls with the time in which nothing happens.
        minute = attempt.now.replace(second=0, microsecond=0) if attempt.status == Status.RUNNING else None
        moments = (attempt.started_at, attempt.expanded_at, attempt.finished_at, self.held_seconds, minute)
        return (self.mailing.status, attempt.pk, attempt.status, attempt.server_response, *counters, *moments)


def of_mailing(mailing: Mailing) -> Progress:
    """The progress of the mailing's attempt that is under way, the real one first, or of its last one; no tests."""
    attempts = _light(mailing.attempts.filter(test=False))
    attempt = attempts.filter(finished_at=None).order_by("dry_run").first() or attempts.first()
    return _of(mailing, attempt)


def of_attempt(attempt: MailingAttempt) -> Progress:
    """The progress of this attempt."""
    return _of(attempt.mailing, _light(MailingAttempt.objects.filter(pk=attempt.pk)).get())


def _light(attempts: Any) -> Any:
    # Without the content: it is as large as the letter, and asked for every second.
    return attempts.annotate(now=Now()).defer("body", "body_html")


def _of(mailing: Mailing, attempt: MailingAttempt | None) -> Progress:
    if attempt is None:
        return Progress(mailing, None, [], live=False)
    # A paused attempt is watched too: another person, or the scheduler, may resume it.
    return Progress(mailing, attempt, _outcomes(attempt), live=attempt.finished_at is None)


def _outcomes(attempt: MailingAttempt) -> list[Outcome]:
    counted = ((getattr(attempt, name), label, colour, status) for name, label, colour, status in OUTCOMES)
    return [
        Outcome(label, count, colour, 100 * count / attempt.total, int(status))
        for count, label, colour, status in counted
        if count
    ]
