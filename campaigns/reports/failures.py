"""The letters that failed or are in doubt, one by one: those of the latest attempts first."""

from datetime import datetime
from typing import NamedTuple

from django.db import connection
from django.db.models import F, Q, Sum

from campaigns.models import MailingLog
from campaigns.reports.scope import Scope

Status = MailingLog.Status


class Failure(NamedTuple):
    """A row of the ledger, as a person reads it."""

    row: int
    email: str
    status: int
    detail: str
    settled_at: datetime | None
    attempt: int
    mailing: int
    name: str

    @property
    def label(self) -> str:
        return str(Status(self.status).label)


class Failures:
    """Those of the attempts that were launched in the period, to be read page by page: a slice is asked for alone."""

    def __init__(self, scope: Scope) -> None:
        troubled = scope.launched().annotate(trouble=F("errors") + F("unconfirmed")).filter(trouble__gt=0)
        sums = troubled.aggregate(all=Sum("trouble"), pruned=Sum("trouble", filter=Q(pruned_at__isnull=False)))
        self._troubled = troubled.filter(pruned_at=None).order_by("-pk")
        # Letters whose rows are not kept any more: nobody knows which they were.
        self.pruned: int = sums["pruned"] or 0
        self._count = (sums["all"] or 0) - self.pruned

    def count(self) -> int:
        return self._count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, part: slice) -> list[Failure]:
        """The failures from `start` to `stop`, both of which have to be given."""
        attempts, skipped = self._attempts(part.start, part.stop)
        statuses = [int(Status.ERROR), int(Status.UNCONFIRMED)]
        which = {"attempts": attempts, "statuses": statuses, "skip": part.start - skipped}
        with connection.cursor() as cursor:
            cursor.execute(_PART, {**which, "end": part.stop - skipped, "most": part.stop - part.start})
            return [Failure(*row) for row in cursor.fetchall()]

    def _attempts(self, start: int, stop: int) -> tuple[list[int], int]:
        """Those among whose failures the part is, and how many failures the attempts before them have."""
        found, skipped, seen = [], 0, 0
        for attempt, trouble in self._troubled.values_list("pk", "trouble"):
            if seen >= stop:
                break
            seen += trouble
            if seen > start:
                found.append(attempt)
            else:
                skipped = seen
        return found, skipped


# The rows are sorted by `id + 0`: by the index of the ids, 50 failures would be looked for in the whole ledger.
_PART = """
SELECT l.id, l.email, l.status, l.detail, l.settled_at, a.id, m.id, m.name
FROM campaigns_mailingattempt a JOIN campaigns_mailing m ON m.id = a.mailing_id
CROSS JOIN LATERAL (
    SELECT * FROM campaigns_mailinglog
    WHERE attempt_id = a.id AND attention = ANY(%(statuses)s) ORDER BY id + 0 LIMIT %(end)s
) l
WHERE a.id = ANY(%(attempts)s::bigint[]) ORDER BY a.id DESC, l.id OFFSET %(skip)s LIMIT %(most)s
"""
