"""What became of letters, day by day, in the time zone that is active: the person's own."""

from dataclasses import dataclass
from datetime import date

from django.db.models import Min, Sum
from django.db.models.functions import TruncDate
from django.utils import timezone

from campaigns.reports.scope import Scope


@dataclass(frozen=True)
class Day:
    """How many letters were sent on that day, and how many of the others failed or are in doubt."""

    date: date
    sent: int = 0
    errors: int = 0
    unconfirmed: int = 0

    @property
    def total(self) -> int:
        return self.sent + self.errors + self.unconfirmed


def by_day(scope: Scope) -> list[Day]:
    """The letters of each day of a period that has a first one."""
    days = scope.tallies().annotate(day=TruncDate("minute")).order_by().values("day")
    sums = days.values_list("day", Sum("sent"), Sum("errors"), Sum("unconfirmed"))
    found = {day: Day(day, *figures) for day, *figures in sums}
    return [found.get(one) or Day(one) for one in scope.period.dates()]


def first_day(scope: Scope) -> date | None:
    """The day on which something came to an end first."""
    first = scope.tallies().aggregate(first=Min("minute"))["first"]
    return timezone.localdate(first) if first else None
