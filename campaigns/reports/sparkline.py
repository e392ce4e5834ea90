"""The course of a run, as bars of a small picture."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db.models import DateTimeField, F, Func, Max, Min, Sum, Value

from campaigns.models import MailingAttempt, Tally

# The most bars, and for how many there is room in any case: two bars do not fill the picture.
MOST_BARS, FEWEST_PLACES = 60, 20
HEIGHT, STEP, WIDTH = 100, 4, 3
MINUTE = timedelta(minutes=1)
BINS = DateTimeField()

_good, _bad = F("sent") + F("dry_runs"), F("errors") + F("unconfirmed")


class Bar(NamedTuple):
    """What was done from `at` on, and where it stands in the picture."""

    at: datetime
    sent: int
    failed: int
    x: int
    sent_height: int
    failed_height: int

    @property
    def sent_y(self) -> int:
        return HEIGHT - self.sent_height

    @property
    def failed_y(self) -> int:
        return self.sent_y - self.failed_height


@dataclass(frozen=True)
class Sparkline:
    """The bars from left to right, each of so many minutes; `most` letters stand in the highest."""

    bars: list[Bar]
    minutes: int
    most: int
    since: datetime
    until: datetime
    width: int
    height: int = HEIGHT
    bar_width: int = WIDTH


def of_attempt(attempt: Any) -> Sparkline | None:
    """The course of an attempt of Progress; None while there is none to show, in its first minute."""
    tallies = Tally.objects.filter(attempt=attempt)
    ends = tallies.aggregate(first=Min("minute"), last=Max("minute"))
    if ends["first"] is None:
        return None
    last = attempt.now if attempt.status == MailingAttempt.Status.RUNNING else ends["last"]
    minutes = int((last - ends["first"]) / MINUTE) + 1
    if minutes < 2:
        return None
    each = -(-minutes // MOST_BARS)
    bin_ = Func(Value(each * MINUTE), F("minute"), Value(ends["first"]), function="date_bin", output_field=BINS)
    rows = tallies.annotate(at=bin_).values_list("at").annotate(good=Sum(_good), bad=Sum(_bad)).order_by("at")
    return _drawn(list(rows), each, ends["first"], last, minutes)


def _drawn(
    rows: list[tuple[datetime, int, int]], each: int, since: datetime, until: datetime, minutes: int
) -> Sparkline:
    most = max(sent + failed for _at, sent, failed in rows)
    bars = [
        Bar(at, sent, failed, STEP * int((at - since) / (each * MINUTE)), _height(sent, most), _height(failed, most))
        for at, sent, failed in rows
    ]
    places = max(FEWEST_PLACES, -(-minutes // each))
    return Sparkline(bars, each, most, since, until, width=STEP * places)


def _height(count: int, most: int) -> int:
    # Few errors among many letters are seen, too.
    return max(3, HEIGHT * count // most) if count > 0 else 0
