"""Which rows of the ledger its list reads: those of the attempts that fill it, found by the counters."""

from collections.abc import Iterator
from typing import Any, cast

from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.db.models.functions import Lower
from django.http import HttpRequest
from django.utils.functional import cached_property

from accounts.models import User
from campaigns import access
from campaigns.admin.lists import CappedPaginator
from campaigns.audience import may_have
from campaigns.models import MailingAttempt, MailingLog, Recipient
from campaigns.models.log import Status
from campaigns.reports import counts

ATTEMPT, MAILING, STATUS = "attempt__id__exact", "attempt__mailing__id__exact", "status__exact"

# The counter of the attempt that says how many rows have that status. Open rows have none: few attempts are unfinished.
COUNTERS = {
    Status.SENT: "sent",
    Status.ERROR: "errors",
    Status.SKIPPED: "skipped",
    Status.UNCONFIRMED: "unconfirmed",
    Status.DRY_RUN: "dry_runs",
    Status.CANCELLED: "cancelled",
}

# An address is looked up in so many attempts of each kind at the most.
PROBES = 2000
# Attempts are read so many at a time: each fills a page of the database.
BATCH = 200


class LogPaginator(CappedPaginator):
    """Pages of the ledger."""

    @cached_property
    def counted(self) -> counts.Count:
        return counts.up_to_most_in_order(cast(QuerySet[MailingLog], self.object_list))


class LogList(ChangeList):
    """Without an attempt, or an address, to go by, the list has the rows of the latest attempts that fill it.

    No index knows the status of a sent letter, nor when it was sent; the counters of the attempts do.
    """

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[MailingLog]:
        found = super().get_queryset(request, exclude_parameters)
        if ATTEMPT in self.params or self.query:
            return found
        attempts = self._attempts(request)
        if self._status() in MailingLog.OPEN:
            return found.filter(attempt__in=list(attempts.unfinished().values_list("pk", flat=True)))
        return found.filter(attempt__in=_latest(attempts, self._counter()))

    def _attempts(self, request: HttpRequest) -> Any:
        attempts: Any = access.visible(request.user, MailingAttempt.objects.all())
        return attempts.filter(mailing=self.params[MAILING]) if MAILING in self.params else attempts

    def _status(self) -> Status | None:
        return Status(int(self.params[STATUS])) if self.params.get(STATUS) else None

    def _counter(self) -> str:
        status = self._status()
        return COUNTERS.get(status, "total") if status is not None else "total"


def _latest(attempts: Any, counter: str) -> list[int]:
    """The latest attempts whose counters, taken together, exceed what a list shows."""
    keys: list[int] = []
    rows = 0
    for key, count in _in_batches(attempts.filter(**{f"{counter}__gt": 0}).values_list("pk", counter)):
        keys.append(key)
        rows += count
        if rows > counts.MOST:
            break
    return keys


def _in_batches(counted: Any) -> Iterator[tuple[int, int]]:
    batch = list(counted.order_by("-pk")[:BATCH])
    while batch:
        yield from batch
        batch = list(counted.order_by("-pk").filter(pk__lt=batch[-1][0])[:BATCH])


def of_address(attempts: Any, queryset: QuerySet[MailingLog], address: str) -> QuerySet[MailingLog]:
    """The rows of those who have that address now, whosever recipients they are.

    No index knows the ledger's addresses: the recipients are found owner by owner, and then looked up in the attempts
    of the mailings that have them in the audience, and in the latest others, for who was taken out of it since.
    """
    owners = User.objects.order_by().values("pk")
    same = Recipient.objects.alias(lower_email=Lower("email")).filter(owner__in=owners, lower_email=address.lower())
    who = list(same.order_by().values_list("pk", flat=True)[:PROBES])
    audiences = may_have(who).values("pk")
    keys = attempts.order_by("-pk").values_list("pk", flat=True)
    candidates = {*keys.filter(mailing__in=audiences)[:PROBES], *keys[: PROBES // max(1, len(who))]}
    return queryset.filter(recipient__in=who, attempt__in=candidates)
