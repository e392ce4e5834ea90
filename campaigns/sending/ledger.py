"""Every SQL statement that changes MailingLog (audience.py writes its rows), and the leases that guard it.

Locks are always taken in the order chunk, log rows, attempt, mailing.
"""

import json
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

import psycopg
from django.db import connection, transaction
from django.db.models import Exists, F, Min, OuterRef, Q
from django.db.models.functions import Now
from django.utils import timezone

from campaigns.models import Chunk, Mailing, MailingAttempt, MailingLog
from campaigns.models.attempt import Status as AttemptStatus
from campaigns.models.log import Status
from campaigns.sending.letters import Addressee


@dataclass(frozen=True, eq=False)
class Lease:
    """The right to write the ledger rows of a chunk, until somebody takes a newer one.

    Each is only equal to itself: it is looked up three times a letter, and hashing its fields would cost 8 µs.
    """

    chunk: int
    number: int
    attempt: int
    first: int
    last: int


@dataclass(frozen=True)
class Ready:
    """A row to deliver: to whom, how often it was tried, and whether the recipient still exists."""

    to: Addressee
    tries: int
    exists: bool


@dataclass(frozen=True)
class Settlement:
    """What a row becomes. DEFERRED comes with the time of the next try."""

    row: int
    status: Status
    detail: str = ""
    retry_at: datetime | None = None


@dataclass
class Entries:
    """What one lease has to write: rows about to be sent, and rows whose outcome is known."""

    marks: list[int] = field(default_factory=list)
    settlements: list[Settlement] = field(default_factory=list)


@dataclass(frozen=True)
class Written:
    """What came of it: the rows that may be sent now, and whether the lease still held."""

    marked: frozenset[int] = frozenset()
    held: bool = True


@transaction.atomic
def take(chunk: int) -> Lease | None:
    """Take the chunk from whoever had it; None when it is closed.

    Rows that the former holder left in flight become UNCONFIRMED: the letters may or may not have arrived.
    """
    taken = Chunk.objects.filter(pk=chunk, closed_at=None).update(lease=F("lease") + 1)
    if not taken:
        return None
    row = Chunk.objects.get(pk=chunk)
    lease = Lease(row.pk, row.lease, row.attempt_id, row.first_id, row.last_id)
    MailingAttempt.objects.filter(pk=lease.attempt).start()
    left = _rows(lease).filter(status=Status.IN_FLIGHT).values_list("pk", flat=True)
    reason = "The worker stopped while this letter was on its way; whether it arrived is not known."
    _settle(lease, [Settlement(pk, Status.UNCONFIRMED, reason) for pk in left])
    return lease


@transaction.atomic
def fence(chunks: Collection[int]) -> None:
    """Take the chunks of workers that are gone, all at once.

    One that is only asleep goes on, when it wakes, with every chunk that has not been taken from it yet.
    """
    for chunk in list(Chunk.objects.filter(pk__in=chunks).order_by("pk").select_for_update()):
        take(chunk.pk)


def ready(lease: Lease) -> list[Ready]:
    """The rows to deliver now."""
    with connection.cursor() as cursor:
        cursor.execute(_READY, {"attempt": lease.attempt, "first": lease.first, "last": lease.last})
        return [
            Ready(Addressee(row, email, full_name, comment, json.loads(attributes)), tries, exists)
            for row, email, tries, exists, full_name, comment, attributes in cursor.fetchall()
        ]


_READY = f"""
SELECT l.id, l.email, l.tries, r.id IS NOT NULL,
       coalesce(r.full_name, ''), coalesce(r.comment, ''),
       CASE WHEN jsonb_typeof(r.attributes) = 'object' THEN r.attributes ELSE '{{}}' END
FROM campaigns_mailinglog l LEFT JOIN campaigns_recipient r ON r.id = l.recipient_id
WHERE l.id BETWEEN %(first)s AND %(last)s AND l.attempt_id = %(attempt)s
  AND (l.status = {Status.PENDING} OR l.status = {Status.DEFERRED} AND l.retry_at <= now())
ORDER BY l.id
"""


def write(entries: dict[Lease, Entries]) -> dict[Lease, Written]:
    """Commit marks and settlements of several leases together, in one statement.

    No row may be both marked and settled in it.
    Idempotent under a lease: when the answer to a commit was lost, the same entries may be written again. A
    row is marked only while the attempt runs and the lease holds; both are checked in the same statement, and
    the chunk stays locked until it is committed, so a newer lease sees either all of it or nothing.
    """
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        # Bound by the server and prepared: Django's cursor would have the arrays parsed anew each time.
        cursor.execute(_WRITE, _columns(entries), prepare=True, binary=True)
        held, marked = cast(tuple[list[int], list[int]], cursor.fetchone())
    rows = frozenset(marked)
    return {
        lease: Written(rows if position in held else frozenset(), held=position in held)
        for position, lease in enumerate(entries, start=1)
    }


def _columns(entries: dict[Lease, Entries]) -> dict[str, list[Any]]:
    # Two leases of one chunk may be in the same group, so entries name their lease by its position.
    positions = list(enumerate(entries.values(), start=1))
    settled = [(position, settlement) for position, entry in positions for settlement in entry.settlements]
    marks = [(position, row) for position, entry in positions for row in entry.marks]
    return {
        "chunks": [lease.chunk for lease in entries],
        "numbers": [lease.number for lease in entries],
        "settled_leases": [position for position, _settlement in settled],
        "rows": [settlement.row for _position, settlement in settled],
        "statuses": [int(settlement.status) for _position, settlement in settled],
        "details": [settlement.detail for _position, settlement in settled],
        "retries": [settlement.retry_at for _position, settlement in settled],
        "marked_leases": [position for position, _row in marks],
        "marked_rows": [row for _position, row in marks],
    }


_ATTENTION = ", ".join(str(int(status)) for status in MailingLog.ATTENTION)

# The counters move by what really changed, so writing the same settlement twice counts it once. Attempts are
# locked in the order of their ids: writers of several could otherwise wait for each other.
_WRITE = f"""
WITH held AS (
    SELECT l.position, c.attempt_id FROM campaigns_chunk c
    JOIN unnest(%(chunks)s::bigint[], %(numbers)s::bigint[]) WITH ORDINALITY AS l(id, number, position)
      ON l.id = c.id AND l.number = c.lease
    WHERE c.closed_at IS NULL ORDER BY c.id FOR SHARE OF c
), outcome AS (
    SELECT h.attempt_id, o.id, o.status, o.detail, o.retry_at
    FROM unnest(%(settled_leases)s::bigint[], %(rows)s::bigint[], %(statuses)s::int[], %(details)s::text[],
                %(retries)s::timestamptz[]) AS o(lease, id, status, detail, retry_at)
    JOIN held h ON h.position = o.lease
), changed AS (
    UPDATE campaigns_mailinglog l
    SET status = o.status, detail = o.detail, retry_at = o.retry_at,
        attention = CASE WHEN o.status IN ({_ATTENTION}) THEN o.status END,
        settled_at = CASE WHEN o.status > {Status.DEFERRED} THEN now() END
    FROM outcome o
    WHERE l.id = o.id AND l.attempt_id = o.attempt_id AND l.status <= {Status.DEFERRED}
    RETURNING l.attempt_id, l.status
), counted AS (
    SELECT attempt_id,
           count(*) FILTER (WHERE status = {Status.SENT}) AS sent,
           count(*) FILTER (WHERE status = {Status.ERROR}) AS errors,
           count(*) FILTER (WHERE status = {Status.SKIPPED}) AS skipped,
           count(*) FILTER (WHERE status = {Status.UNCONFIRMED}) AS unconfirmed,
           count(*) FILTER (WHERE status = {Status.CANCELLED}) AS cancelled,
           count(*) FILTER (WHERE status = {Status.DRY_RUN}) AS dry_runs
    FROM changed GROUP BY attempt_id
), locked AS (
    SELECT id FROM campaigns_mailingattempt WHERE id IN (SELECT attempt_id FROM counted)
    ORDER BY id FOR NO KEY UPDATE
), totals AS (
    UPDATE campaigns_mailingattempt a
    SET sent = a.sent + c.sent, errors = a.errors + c.errors, skipped = a.skipped + c.skipped,
        unconfirmed = a.unconfirmed + c.unconfirmed, cancelled = a.cancelled + c.cancelled,
        dry_runs = a.dry_runs + c.dry_runs
    FROM counted c JOIN locked ON locked.id = c.attempt_id WHERE a.id = c.attempt_id
), marked AS (
    UPDATE campaigns_mailinglog l
    SET status = {Status.IN_FLIGHT}, attention = NULL, tries = l.tries + (l.status <> {Status.IN_FLIGHT})::int
    FROM unnest(%(marked_leases)s::bigint[], %(marked_rows)s::bigint[]) AS m(lease, id)
    JOIN held h ON h.position = m.lease
    JOIN campaigns_mailingattempt a ON a.id = h.attempt_id AND a.status = 'running'
    WHERE l.id = m.id AND l.attempt_id = h.attempt_id AND l.status <= {Status.DEFERRED}
    RETURNING l.id
)
SELECT ARRAY(SELECT position FROM held), ARRAY(SELECT id FROM marked)
"""


def _settle(lease: Lease, settlements: list[Settlement]) -> None:
    write({lease: Entries(settlements=settlements)})


def _held(lease: Lease) -> bool:
    return Chunk.objects.filter(pk=lease.chunk, lease=lease.number, closed_at=None).select_for_update().exists()


@transaction.atomic
def cancel_open(lease: Lease) -> None:
    """Close the rows of a cancelled attempt that nobody has in flight."""
    if _held(lease):
        waiting = _rows(lease).filter(status__in=(Status.PENDING, Status.DEFERRED)).values_list("pk", flat=True)
        _settle(lease, [Settlement(pk, Status.CANCELLED) for pk in waiting])


@transaction.atomic
def close(lease: Lease) -> datetime | None:
    """Close the chunk if none of its rows is open, and with its last chunk the attempt.

    Returns when a deferred row wants its next try, or None.
    """
    if not _held(lease):
        return None
    rows = _rows(lease).filter(status__in=MailingLog.OPEN)
    if rows.exists():
        soonest: datetime | None = rows.filter(status=Status.DEFERRED).aggregate(at=Min("retry_at"))["at"]
        return soonest
    Chunk.objects.filter(pk=lease.chunk).update(closed_at=Now())
    finish(lease.attempt)
    return None


@transaction.atomic
def reopen(attempt: int, status: Status) -> list[int]:
    """Open an ended attempt's rows of that status, ERROR or UNCONFIRMED, once more; returns their chunks.

    The rows keep their Message-ID, so a server or a person can see that it is the same letter.
    """
    counter = _COUNTERS[status]
    chunks = Chunk.objects.filter(attempt=attempt).order_by("pk").select_for_update()
    within = MailingLog.objects.filter(attempt=attempt, attention=status, pk__gte=OuterRef("first_id"))
    reopened = list(chunks.filter(Exists(within.filter(pk__lte=OuterRef("last_id")))).values_list("pk", flat=True))
    rows = MailingLog.objects.filter(attempt=attempt, attention=status)
    count = rows.update(status=Status.PENDING, attention=None, detail="", tries=0, settled_at=None)
    ended = MailingAttempt.objects.filter(pk=attempt, finished_at__isnull=False)
    changes: dict[str, Any] = {counter: F(counter) - count, "status": AttemptStatus.QUEUED, "finished_at": None}
    if not count or not ended.update(**changes, server_response=""):
        transaction.set_rollback(True)
        return []
    Chunk.objects.filter(pk__in=reopened).update(closed_at=None)
    return reopened


@transaction.atomic
def confirm(attempt: int, detail: str) -> int:
    """Take an ended attempt's UNCONFIRMED rows for SENT, because a person knows; returns how many."""
    rows = MailingLog.objects.filter(attempt=attempt, attention=Status.UNCONFIRMED)
    count: int = rows.update(status=Status.SENT, attention=None, detail=detail)
    ended = MailingAttempt.objects.filter(pk=attempt, finished_at__isnull=False)
    if not ended.update(sent=F("sent") + count, unconfirmed=F("unconfirmed") - count):
        transaction.set_rollback(True)
        return 0
    ended.judge()
    return count


_COUNTERS = {Status.ERROR: "errors", Status.UNCONFIRMED: "unconfirmed"}


@transaction.atomic
def pause(attempt: int, reason: str = "") -> bool:
    """Hold the attempt: no row is put in flight until it is resumed. False: it was neither queued nor running."""
    if not MailingAttempt.objects.filter(pk=attempt).pause(reason):
        return False
    Mailing.objects.filter(attempts=attempt).move(Mailing.Status.PAUSED, of=(Mailing.Status.RUNNING,))
    return True


def finish(attempt: int) -> bool:
    """End the attempt if no row of it is open, and move its mailing on."""
    if not MailingAttempt.objects.filter(pk=attempt).finish():
        return False
    ended = MailingAttempt.objects.select_related("mailing").get(pk=attempt)
    if not ended.dry_run:
        _move_mailing_on(ended)
    return True


def _move_mailing_on(ended: MailingAttempt) -> None:
    mailing = Mailing.objects.filter(pk=ended.mailing_id)
    if ended.sent:
        mailing.update(last_sent_at=timezone.now())
    mailing.filter(next_run_at=None).move(Mailing.Status.FINISHED, of=Mailing.ACTIVE)
    mailing.exclude(next_run_at=None).move(Mailing.Status.SCHEDULED, of=Mailing.ACTIVE)


def _rows(lease: Lease) -> Any:
    return MailingLog.objects.filter(Q(pk__range=(lease.first, lease.last)), attempt=lease.attempt)
