"""What became of letters, day by day, in the time zone that is active: the person's own."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from django.db.models import QuerySet, Sum
from django.db.models.functions import TruncDate
from django.utils import timezone

from campaigns.models import MailingAttempt, Tally


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


def first_moment(number: int) -> datetime:
    """When the first of so many days begins, of which today is the last."""
    first = timezone.localdate() - timedelta(days=number - 1)
    return timezone.make_aware(datetime.combine(first, time.min))


def last_days(attempts: QuerySet[MailingAttempt], number: int) -> list[Day]:
    """The letters of these attempts on each of so many days, of which today is the last."""
    tallies = Tally.objects.filter(minute__gte=first_moment(number), attempt__in=attempts.order_by().values("pk"))
    by_day = tallies.annotate(day=TruncDate("minute")).order_by().values("day")
    sums = by_day.values_list("day", Sum("sent"), Sum("errors"), Sum("unconfirmed"))
    found = {day: Day(day, *figures) for day, *figures in sums}
    return [found.get(day) or Day(day) for day in _dates(number)]


def _dates(number: int) -> Iterator[date]:
    today = timezone.localdate()
    return (today - timedelta(days=back) for back in reversed(range(number)))
