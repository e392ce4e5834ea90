"""How an attempt fares with each domain."""

from typing import NamedTuple

from django.db import connection

from campaigns.models import MailingAttempt, MailingLog
from campaigns.reports.cache import remembered

MOST_DOMAINS = 10
Status = MailingLog.Status


class Domain(NamedTuple):
    """The rows of one domain, or of all the others together: then `name` is empty."""

    name: str
    domains: int
    total: int
    sent: int
    errors: int
    unconfirmed: int
    open: int
    trouble: int


def of_attempt(attempt: MailingAttempt) -> list[Domain]:
    """The domains with the most trouble, then those with the most recipients, and at last the rest in one line."""
    return [Domain(*row) for row in remembered(attempt, "domains", lambda: _counted(attempt.pk))]


def _counted(attempt: int) -> list[tuple[object, ...]]:
    statuses = {status.name.lower(): int(status) for status in Status}
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, {**statuses, "attempt": attempt, "most": MOST_DOMAINS})
        return list(cursor.fetchall())


# All rows of the attempt are read: 0.5 s for a million.
_COUNT = """
WITH counted AS (
    SELECT lower(split_part(email, '@', -1)) AS name, count(*) AS total,
           count(*) FILTER (WHERE status IN (%(sent)s, %(dry_run)s)) AS sent,
           count(*) FILTER (WHERE status = %(error)s) AS errors,
           count(*) FILTER (WHERE status = %(unconfirmed)s) AS unconfirmed,
           count(*) FILTER (WHERE status IN (%(pending)s, %(deferred)s)) AS open,
           count(*) FILTER (WHERE status IN (%(error)s, %(unconfirmed)s, %(deferred)s)) AS trouble
    FROM campaigns_mailinglog WHERE attempt_id = %(attempt)s GROUP BY 1
), placed AS (
    SELECT *, least(row_number() OVER (ORDER BY trouble DESC, total DESC, name), %(most)s + 1) AS place FROM counted
)
SELECT CASE WHEN place > %(most)s THEN '' ELSE min(name) END, count(*)::bigint, sum(total)::bigint, sum(sent)::bigint,
       sum(errors)::bigint, sum(unconfirmed)::bigint, sum(open)::bigint, sum(trouble)::bigint
FROM placed GROUP BY place ORDER BY place
"""
