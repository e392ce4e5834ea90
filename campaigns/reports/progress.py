"""How far a mailing is: one row of counters, which the browser asks for while it runs."""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from campaigns.models import Mailing, MailingAttempt

# The outcomes a person reads, with the colour of each.
OUTCOMES = (
    ("sent", _("Sent"), "success"),
    ("dry_runs", _("Composed"), "success"),
    ("errors", _("Errors"), "danger"),
    ("unconfirmed", _("Unconfirmed"), "warning"),
    ("skipped", _("Skipped"), "default"),
    ("cancelled", _("Cancelled"), "default"),
)


@dataclass(frozen=True)
class Progress:
    """The attempt to watch, its outcomes as (label, count, colour, share in percent), and whether it still moves."""

    mailing: Mailing
    attempt: MailingAttempt | None
    outcomes: list[tuple[Any, int, str, float]]
    live: bool


def of_mailing(mailing: Mailing) -> Progress:
    """The progress of the mailing's attempt that is under way, or of its last one."""
    attempt = mailing.attempts.order_by("finished_at").filter(finished_at=None).first() or mailing.attempts.first()
    if attempt is None:
        return Progress(mailing, None, [], live=False)
    # A paused attempt is watched too: another person, or the scheduler, may resume it.
    return Progress(mailing, attempt, _outcomes(attempt), live=attempt.finished_at is None)


def _outcomes(attempt: MailingAttempt) -> list[tuple[Any, int, str, float]]:
    counted = ((label, getattr(attempt, name), colour) for name, label, colour in OUTCOMES)
    return [(label, count, colour, 100 * count / attempt.total) for label, count, colour in counted if count]
