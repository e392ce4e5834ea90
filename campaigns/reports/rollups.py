"""Domains and replies of ended attempts, added up once: reports over many attempts read these, not the ledger.

What is not added up yet is read from the ledger, so a report is right at any time, and fast soon after an attempt
has ended.
"""

from typing import Any, NamedTuple

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, QuerySet

from campaigns.models import DomainRollup, MailingAttempt, MailingLog, ReplyRollup, Rollup
from campaigns.reports.replies import PERSONAL_WORDS
from campaigns.reports.scope import Scope

MOST = 10
Status = MailingLog.Status


class Domain(NamedTuple):
    """The letters to one domain, or to all the others together: then `name` is empty, and `domains` says how many."""

    name: str
    domains: int
    total: int
    sent: int
    errors: int
    unconfirmed: int


class Reply(NamedTuple):
    """A reply that so many letters got which failed or are in doubt."""

    status: int
    text: str
    letters: int

    @property
    def label(self) -> Any:
        return Status(self.status).label


def domains(scope: Scope, most: int = MOST) -> list[Domain]:
    """The domains with the most trouble, then those with the most letters, and at last the rest in one line.

    Of the attempts that were launched in the period and have ended.
    """
    return [Domain(*row) for row in _rows(_DOMAINS, {**_parts(scope), "most": most})]


def replies(scope: Scope, most: int = MOST) -> list[Reply]:
    """The most frequent replies to letters that failed or are in doubt, of the same attempts."""
    return [Reply(*row) for row in _rows(_REPLIES, {**_parts(scope), "most": most})]


def missing(attempts: QuerySet[MailingAttempt]) -> QuerySet[MailingAttempt]:
    """Ended ones of the attempts that are not added up, or have changed since."""
    return attempts.filter(finished_at__isnull=False).exclude(_holds())


def write_missing() -> int:
    """Add up all ended real attempts that are not; returns how many there were."""
    keys = list(missing(MailingAttempt.objects.real()).order_by("pk").values_list("pk", flat=True))
    return sum(write(key) for key in keys)


@transaction.atomic
def write(attempt: int) -> bool:
    """Add up an ended attempt (a million rows: some 2 s). False: it has not ended, or its ledger is not whole."""
    # The lock keeps a retry or a confirmation waiting, which would change what is being counted.
    whole = MailingAttempt.objects.filter(pk=attempt, finished_at__isnull=False, pruned_at=None)
    ended = whole.select_for_update(no_key=True).only("finished_at", "unconfirmed").first()
    if ended is None:
        return False
    for model in (DomainRollup, ReplyRollup):
        model.objects.filter(attempt=attempt).delete()
    which: dict[str, Any] = {**_STATUSES, "attempt": attempt, "attempts": [attempt], "personal": PERSONAL_WORDS}
    with connection.cursor() as cursor:
        cursor.execute(_WRITE_DOMAINS, which)
        cursor.execute(_WRITE_REPLIES, which)
    holds = {"finished_at": ended.finished_at, "unconfirmed": ended.unconfirmed}
    Rollup.objects.update_or_create(attempt_id=attempt, defaults=holds)
    return True


def _holds() -> Exists:
    same = {name: OuterRef(name) for name in ("finished_at", "unconfirmed")}
    return Exists(Rollup.objects.filter(attempt=OuterRef("pk"), **same))


def _parts(scope: Scope) -> dict[str, Any]:
    """The attempts whose rows are read from the roll-ups, and those whose rows are read from the ledger."""
    found = list(scope.ended().annotate(holds=_holds()).values_list("pk", "holds"))
    rolled, open_ones = ([key for key, holds in found if holds is which] for which in (True, False))
    return {**_STATUSES, "rolled": rolled, "attempts": open_ones, "personal": PERSONAL_WORDS}


def _rows(sql: str, params: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return list(cursor.fetchall())


_STATUSES = {status.name.lower(): int(status) for status in Status}

_DOMAINS_OF_LEDGER = """
    SELECT lower(split_part(email, '@', -1)) AS domain,
           count(*) FILTER (WHERE status = %(sent)s) AS sent,
           count(*) FILTER (WHERE status = %(error)s) AS errors,
           count(*) FILTER (WHERE status = %(skipped)s) AS skipped,
           count(*) FILTER (WHERE status = %(unconfirmed)s) AS unconfirmed,
           count(*) FILTER (WHERE status = %(cancelled)s) AS cancelled
    FROM campaigns_mailinglog WHERE attempt_id = ANY(%(attempts)s::bigint[]) GROUP BY 1
"""
_REPLIES_OF_LEDGER = """
    SELECT attention AS status, regexp_replace(detail, %(personal)s, '…', 'g') AS text, count(*) AS letters
    FROM campaigns_mailinglog
    WHERE attempt_id = ANY(%(attempts)s::bigint[]) AND attention IN (%(error)s, %(unconfirmed)s) GROUP BY 1, 2
"""
_WRITE_DOMAINS = f"""
INSERT INTO campaigns_domainrollup (attempt_id, domain, sent, errors, skipped, unconfirmed, cancelled)
SELECT %(attempt)s, * FROM ({_DOMAINS_OF_LEDGER}) counted
"""
_WRITE_REPLIES = f"""
INSERT INTO campaigns_replyrollup (attempt_id, status, text, letters)
SELECT %(attempt)s, * FROM ({_REPLIES_OF_LEDGER}) counted
"""
# The roll-ups are added up before they stand in one column with the ledger's counts, which are of another type: to
# convert 118,000 rows takes as long as to add them up.
_DOMAINS = f"""
WITH counted AS (
    SELECT domain, sum(sent) AS sent, sum(errors) AS errors, sum(unconfirmed) AS unconfirmed,
           sum(sent + errors + skipped + unconfirmed + cancelled) AS total
    FROM (
        SELECT domain, sum(sent) AS sent, sum(errors) AS errors, sum(skipped) AS skipped,
               sum(unconfirmed) AS unconfirmed, sum(cancelled) AS cancelled
        FROM campaigns_domainrollup WHERE attempt_id = ANY(%(rolled)s::bigint[]) GROUP BY 1
        UNION ALL {_DOMAINS_OF_LEDGER}
    ) part GROUP BY domain
), placed AS (
    SELECT *, least(row_number() OVER (ORDER BY errors + unconfirmed DESC, total DESC, domain), %(most)s + 1) AS place
    FROM counted
)
SELECT CASE WHEN place > %(most)s THEN '' ELSE min(domain) END, count(*)::int, sum(total)::bigint, sum(sent)::bigint,
       sum(errors)::bigint, sum(unconfirmed)::bigint
FROM placed GROUP BY place ORDER BY place
"""
_REPLIES = f"""
SELECT status, text, sum(letters)::bigint AS letters FROM (
    SELECT status, text, letters FROM campaigns_replyrollup WHERE attempt_id = ANY(%(rolled)s::bigint[])
    UNION ALL {_REPLIES_OF_LEDGER}
) part GROUP BY status, text ORDER BY letters DESC, status, text LIMIT %(most)s
"""
