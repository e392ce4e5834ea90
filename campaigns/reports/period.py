"""The days that a report covers, in the time zone that is active: the person's own."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from django.utils import timezone

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Period:
    """From the first day to the last, both included; without a first one, from the beginning."""

    first: date | None
    last: date

    @property
    def since(self) -> datetime | None:
        return midnight(self.first) if self.first else None

    @property
    def until(self) -> datetime:
        """When it is over: the first moment of the day that follows."""
        return midnight(self.last + DAY)

    @property
    def is_everything(self) -> bool:
        """Whether nothing that has happened is outside."""
        return self.first is None and self.last >= timezone.localdate()

    @property
    def days(self) -> int | None:
        return (self.last - self.first).days + 1 if self.first else None

    @property
    def before(self) -> "Period | None":
        """As many days, right before; None where there is nothing before."""
        if not self.first or not self.days:
            return None
        return Period(self.first - self.days * DAY, self.first - DAY)

    def starting(self, first: date | None) -> "Period":
        """Itself, from that day on if it has no first one."""
        return Period(self.first or first or self.last, self.last)

    def last_days(self, most: int) -> "Period":
        """The last so many days of it."""
        earliest = self.last - (most - 1) * DAY
        return Period(max(self.first or earliest, earliest), self.last)

    def dates(self) -> Iterator[date]:
        """Its days; only of one with a first day."""
        if self.first:
            yield from (self.first + number * DAY for number in range(self.days or 0))


def last_days(number: int) -> Period:
    """So many days, of which today is the last."""
    today = timezone.localdate()
    return Period(today - (number - 1) * DAY, today)


def always() -> Period:
    """All days up to today."""
    return Period(None, timezone.localdate())


def midnight(day: date) -> datetime:
    """The day's first moment; where clocks are put forward at midnight, that is no midnight."""
    return timezone.make_aware(datetime.combine(day, time.min))
