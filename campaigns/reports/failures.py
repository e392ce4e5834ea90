"""The letters that failed or are in doubt, one by one: those of the latest attempts first."""

from datetime import datetime
from typing import NamedTuple

from django.db import connection
from django.db.models import F

from campaigns.models import MailingLog
from campaigns.reports.scope import Scope

MOST = 50
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


def latest(scope: Scope, most: int = MOST) -> list[Failure]:
    """At most so many, of the attempts that were launched in the period and whose ledger is still there."""
    troubled = scope.launched().annotate(trouble=F("errors") + F("unconfirmed")).filter(trouble__gt=0, pruned_at=None)
    attempts = list(troubled.order_by("-pk").values_list("pk", flat=True)[:most])
    statuses = [int(Status.ERROR), int(Status.UNCONFIRMED)]
    with connection.cursor() as cursor:
        cursor.execute(_LATEST, {"attempts": attempts, "statuses": statuses, "most": most})
        return [Failure(*row) for row in cursor.fetchall()]


# Of each attempt no more than are shown at all: its 100,000 errors are not sorted to show 50.
_LATEST = """
SELECT l.id, l.email, l.status, l.detail, l.settled_at, a.id, m.id, m.name
FROM campaigns_mailingattempt a JOIN campaigns_mailing m ON m.id = a.mailing_id
CROSS JOIN LATERAL (
    SELECT * FROM campaigns_mailinglog
    WHERE attempt_id = a.id AND attention = ANY(%(statuses)s) LIMIT %(most)s
) l
WHERE a.id = ANY(%(attempts)s::bigint[]) ORDER BY a.id DESC, l.id LIMIT %(most)s
"""
