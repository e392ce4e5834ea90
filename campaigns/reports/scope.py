"""What a report is about: attempts, and days."""

from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any

from django.db.models import BigIntegerField, Count, DecimalField, F, Func, Max, QuerySet, Sum
from django.db.models.functions import Concat, Extract

from campaigns.models import MailingAttempt, Tally
from campaigns.models.attempt import FINAL_COUNTERS
from campaigns.reports.period import Period


@dataclass(frozen=True)
class Scope:
    """Real attempts that the person may see, and the days of the report."""

    attempts: QuerySet[MailingAttempt]
    period: Period

    def within(self, period: Period) -> "Scope":
        """The same attempts on other days."""
        return replace(self, period=period)

    def tallies(self) -> QuerySet[Tally]:
        """What came to an end on these days."""
        found = Tally.objects.filter(attempt__in=_keys(self.attempts), minute__lt=self.period.until).order_by()
        return found.filter(minute__gte=self.period.since) if self.period.since else found

    def launched(self) -> QuerySet[MailingAttempt]:
        """The attempts that were launched on these days."""
        found = self.attempts.filter(created_at__lt=self.period.until).order_by()
        return found.filter(created_at__gte=self.period.since) if self.period.since else found

    def ended(self) -> QuerySet[MailingAttempt]:
        """Those of the launched ones that have ended."""
        return self.launched().filter(finished_at__isnull=False)

    def version(self) -> str:
        """Says whether the report may have changed: two that are equal have the same figures in every report.

        An outcome moves a counter of its attempt; who retries letters gives the attempt a new end; a mailing that is
        renamed, moved to another state or hidden has another time of change, or is no longer counted here; owners are
        in it by their names.
        """
        counters: dict[str, Any] = {name: Sum(name) for name in ("total", *FINAL_COUNTERS)}
        ends, changed = _moments("finished_at"), _moments("mailing__updated_at")
        owner = Concat("mailing__owner__full_name", "mailing__owner__email")
        owners = Sum(Func(owner, function="hashtext", output_field=BigIntegerField()))
        figures = self.attempts.order_by().aggregate(
            count=Count("pk"),
            newest=Max("pk"),
            keys=Sum("pk"),
            pruned=Count("pruned_at"),
            ends=ends,
            changed=changed,
            owners=owners,
            **counters,
        )
        return blake2b(repr(sorted(figures.items())).encode(), digest_size=12).hexdigest()


def _moments(field: str) -> Sum:
    # As a plain sum, Django would cut off what is less than a second.
    return Sum(Extract(F(field), "epoch"), output_field=DecimalField(max_digits=30, decimal_places=6))


def _keys(attempts: QuerySet[MailingAttempt]) -> Any:
    return attempts.order_by().values("pk")
