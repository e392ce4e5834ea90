"""How fast a run is, and when it ends if it goes on like that."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db.models import Count, F, Max, Min

from campaigns.models import MailingAttempt, MailingLog, Tally

MINUTE = timedelta(minutes=1)
# The rate is that of the last minutes, of so many that they say something.
SPANS = (2 * MINUTE, 10 * MINUTE, 60 * MINUTE)
ENOUGH_LETTERS = 20
# Before that, the first answers of the server are no rate.
SHORTEST = timedelta(seconds=5)
# Of the letters that wait for another try so many are looked at; they are found by the index of the few such rows.
MOST_WAITING = 10_000
UNITS = ((1, "second"), (60, "minute"), (3600, "hour"))

# Rows that are skipped or cancelled come to their end in masses, without a letter.
_letters = F("sent") + F("errors") + F("unconfirmed") + F("dry_runs")


class Pace(NamedTuple):
    """Letters a second, and when the last of them is done; each None where it can not be told.

    Where all that are left wait for another try, there is no end, but the time of the first of these tries.
    """

    per_second: float | None = None
    ends_at: datetime | None = None
    next_try_at: datetime | None = None
    # Whether that is in less than a minute, and whether the mailing's end comes before it.
    soon: bool = False
    too_late: bool = False

    @property
    def figure(self) -> tuple[float, str] | None:
        """The rate as a person reads it: how many a "second", "minute" or "hour"."""
        if self.per_second is None:
            return None
        each, unit = next((one for one in UNITS if self.per_second * one[0] >= 1), UNITS[-1])
        return self.per_second * each, unit


def of_attempt(attempt: Any) -> Pace:
    """The pace of an attempt of Progress; nothing unless it runs."""
    if attempt.status != MailingAttempt.Status.RUNNING or attempt.started_at is None:
        return Pace()
    recent = Tally.objects.filter(attempt=attempt, minute__gt=attempt.now - SPANS[-1])
    per_second = rate(dict(recent.values_list("minute", _letters)), attempt.started_at, attempt.now)
    if not attempt.expanded_at:
        return Pace(per_second)
    waiting = _waiting(attempt)
    if waiting["letters"] and waiting["letters"] >= attempt.open:
        return Pace(per_second, next_try_at=waiting["first"])
    ends_at = _end(attempt, per_second, waiting["last"]) if per_second else None
    if ends_at is None:
        return Pace(per_second)
    end_at = attempt.mailing.end_at
    return Pace(per_second, ends_at, soon=ends_at < attempt.now + MINUTE, too_late=bool(end_at and ends_at > end_at))


def _waiting(attempt: Any) -> dict[str, Any]:
    """The letters that are not tried before a later time: how many, and the first and the last of these times."""
    deferred = MailingLog.objects.filter(attempt=attempt, attention=MailingLog.Status.DEFERRED)
    later = deferred.filter(retry_at__gt=attempt.now).order_by()[:MOST_WAITING]
    return later.aggregate(letters=Count("pk"), first=Min("retry_at"), last=Max("retry_at"))


def _end(attempt: Any, per_second: float, last_try_at: datetime | None) -> datetime | None:
    """When all are done at that rate, but not before the last try; None: in more years than there are."""
    try:
        ends_at: datetime = attempt.now + timedelta(seconds=attempt.open / per_second)
    except OverflowError:
        return None
    return max(ends_at, last_try_at or ends_at)


def rate(letters: Mapping[datetime, int], started: datetime, now: datetime) -> float | None:
    """Letters a second over the last minutes, given how many were done in each minute of the last hour.

    None: that can not be told yet, or nothing happens.
    """
    for span in SPANS:
        earliest = _minute(now) - span + MINUTE
        if sum(count for minute, count in letters.items() if minute >= earliest) >= ENOUGH_LETTERS:
            break
    since = _since(letters, started, earliest, now)
    if since is None or now - since < SHORTEST:
        return None
    done = sum(count for minute, count in letters.items() if minute >= _minute(since))
    return done / (now - since).total_seconds() if done > 0 else None


def _since(letters: Mapping[datetime, int], started: datetime, earliest: datetime, now: datetime) -> datetime | None:
    """From when on the letters of the minutes from `earliest` on were sent without a break."""
    busy = sorted(minute for minute, count in letters.items() if count > 0)
    first = next((minute for minute in busy if minute >= earliest), None)
    if first is None or started >= first - MINUTE:
        return first and started
    if first - MINUTE in busy:
        return first
    # It was resumed somewhere in that minute.
    return first + MINUTE if first + MINUTE <= now else None


def _minute(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)
