"""Every SQL statement that changes MailingLog (audience.py writes its rows), and the leases that guard it.

Locks are always taken in the order chunk, log rows, attempt, mailing.
"""

import json
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import psycopg
from django.db import connection, transaction
from django.db.models import Count, F, Min, Q
from django.db.models.functions import Now

from campaigns.models import Chunk, MailingLog
from campaigns.models.attempt import Status as AttemptStatus
from campaigns.models.log import Status
from campaigns.sending.letters import Addressee
from campaigns.sending.moves import finish


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
    # Whether the attempt ran when the chunk was taken.
    attempt_runs: bool


class Ready(NamedTuple):
    """A row to deliver: to whom, how often it was tried, and whether the recipient still exists."""

    to: Addressee
    tries: int
    exists: bool


class Settlement(NamedTuple):
    """What a row becomes after so many tries. DEFERRED comes with the seconds until the next one."""

    row: int
    status: Status
    detail: str = ""
    tries: int = 0
    retry_after: float | None = None


class Entries(NamedTuple):
    """What one lease has to write.

    Rows that were granted to be sent and are not settled; rows that are about to be sent; and outcomes.
    """

    in_flight: list[int] = []
    marks: list[int] = []
    settlements: list[Settlement] = []


class Written(NamedTuple):
    """What came of it: whether the marked rows may be sent now, and whether the lease still held."""

    granted: bool
    held: bool


class Closed(NamedTuple):
    """What was found, and when: the attempt's status, how many rows are open, and when a deferred one is due."""

    status: str
    open: int
    retry_at: datetime | None
    now: datetime


@transaction.atomic
def take(chunk: int) -> Lease | None:
    """Take the chunk from whoever had it; None when it is closed.

    Rows that the former holder left in flight become UNCONFIRMED: the letters may or may not have arrived.
    """
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, {"chunk": chunk})
        found = cursor.fetchone()
    if found is None:
        return None
    *fields, in_flight = found
    lease = Lease(*fields)
    reason = "The worker stopped while this letter was on its way; whether it arrived is not known."
    left = _rows(lease).filter(pk__in=in_flight, status__in=MailingLog.OPEN)
    _settle(
        lease,
        [
            Settlement(row, Status.UNCONFIRMED, reason, tries + 1)
            for row, tries in (left.values_list("pk", "tries") if in_flight else ())
        ],
    )
    return lease


_TAKE = """
WITH found AS (
    SELECT id, in_flight FROM campaigns_chunk WHERE id = %(chunk)s AND closed_at IS NULL FOR UPDATE
), taken AS (
    UPDATE campaigns_chunk c SET lease = c.lease + 1, in_flight = '{}' FROM found WHERE c.id = found.id
    RETURNING c.id, c.lease, c.attempt_id, c.first_id, c.last_id, found.in_flight
), started AS (
    UPDATE campaigns_mailingattempt a SET status = 'running', started_at = coalesce(a.started_at, now())
    FROM taken WHERE a.id = taken.attempt_id AND a.status = 'queued'
)
SELECT t.id, t.lease, t.attempt_id, t.first_id, t.last_id, a.status IN ('queued', 'running'), t.in_flight
FROM taken t JOIN campaigns_mailingattempt a ON a.id = t.attempt_id
"""


@transaction.atomic
def fence(chunks: Collection[int]) -> None:
    """Take the chunks of workers that are gone, all at once.

    One that is only asleep goes on, when it wakes, with every chunk that has not been taken from it yet.
    """
    for chunk in list(Chunk.objects.filter(pk__in=chunks).order_by("pk").select_for_update()):
        take(chunk.pk)


def ready(lease: Lease) -> list[Ready]:
    """The rows to deliver now."""
    with _prepared() as cursor:
        which = {"attempt": lease.attempt, "first": lease.first, "last": lease.last}
        cursor.execute(_READY, which, prepare=True, binary=True)
        return [
            Ready(Addressee(row, email, full_name, comment, json.loads(attributes)), tries, exists)
            for row, email, tries, exists, full_name, comment, attributes in cursor
        ]


_READY = f"""
SELECT l.id, l.email, l.tries, r.id IS NOT NULL,
       coalesce(r.full_name, ''), coalesce(r.comment, ''),
       CASE WHEN jsonb_typeof(r.attributes) = 'object' THEN r.attributes::text ELSE '{{}}' END
FROM campaigns_mailinglog l LEFT JOIN campaigns_recipient r ON r.id = l.recipient_id
WHERE l.id BETWEEN %(first)s AND %(last)s AND l.attempt_id + 0 = %(attempt)s
  AND (l.status = {Status.PENDING} OR l.status = {Status.DEFERRED} AND l.retry_at <= now())
ORDER BY l.id
"""


def write(entries: dict[Lease, Entries]) -> dict[Lease, Written]:
    """Commit marks and settlements of several leases together, in one statement.

    Marks stand in an array of the chunk, so a letter that goes well changes its own row once: that halves
    PostgreSQL's work and its log. They are granted only while the attempt runs and the lease holds; both are
    checked in the same statement, and the chunk stays locked until it is committed, so a newer lease sees
    either all of it or nothing. Nor are they granted once the mailing's end has passed. Idempotent under a
    lease: when the answer to a commit was lost, the same entries may be written again. No row may be both marked
    and settled in them.
    """
    with _prepared() as cursor:
        cursor.execute(_WRITE, _columns(entries), prepare=True, binary=True)
        answers: dict[int, bool] = dict(cursor.fetchall())
    return {
        lease: Written(answers.get(position, False), position in answers)
        for position, lease in enumerate(entries, start=1)
    }


@contextmanager
def _prepared() -> Iterator[psycopg.Cursor[Any]]:
    """A cursor that binds on the server: Django's would have long statements and arrays parsed anew each time."""
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        yield cursor


def _columns(entries: dict[Lease, Entries]) -> dict[str, str]:
    # Two leases of one chunk may be in the same group, so outcomes name their lease by its position.
    settled = [(position, one) for position, entry in enumerate(entries.values(), start=1) for one in entry.settlements]
    return {
        "chunks": _array(lease.chunk for lease in entries),
        "numbers": _array(lease.number for lease in entries),
        "in_flight": _array(f'"{_array(entry.in_flight)}"' for entry in entries.values()),
        "marks": _array(f'"{_array(entry.marks)}"' for entry in entries.values()),
        "leases": _array(position for position, _one in settled),
        "rows": _array(one.row for _position, one in settled),
        "statuses": _array(int(one.status) for _position, one in settled),
        "details": _array(_quoted(one.detail) for _position, one in settled),
        "tries": _array(one.tries for _position, one in settled),
        "delays": _array("NULL" if one.retry_after is None else one.retry_after for _position, one in settled),
    }


def _array(values: Iterable[object]) -> str:
    # As text: psycopg dumps lists element by element in Python, which cost 5 µs a letter.
    return f"{{{','.join(map(str, values))}}}"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


_ATTENTION = ", ".join(str(int(status)) for status in MailingLog.ATTENTION)

# The counters move by what really changed, so writing the same settlement twice counts it once. Chunks and
# attempts are locked in the order of their ids: writers of several could otherwise wait for each other.
_WRITE = f"""
WITH held AS (
    SELECT l.position, c.id, c.attempt_id, l.in_flight, l.marks FROM campaigns_chunk c
    JOIN unnest(%(chunks)s::bigint[], %(numbers)s::bigint[], %(in_flight)s::text[], %(marks)s::text[])
         WITH ORDINALITY AS l(id, number, in_flight, marks, position)
      ON l.id = c.id AND l.number = c.lease
    WHERE c.closed_at IS NULL ORDER BY c.id FOR NO KEY UPDATE OF c
), allowed AS (
    SELECT h.position, h.id, h.in_flight, h.marks,
           a.status = 'running' AND (m.end_at IS NULL OR m.end_at > now()) AS granted
    FROM held h JOIN campaigns_mailingattempt a ON a.id = h.attempt_id JOIN campaigns_mailing m ON m.id = a.mailing_id
), marked AS (
    UPDATE campaigns_chunk c
    SET in_flight = d.in_flight::bigint[] || CASE WHEN d.granted THEN d.marks::bigint[] ELSE '{{}}' END
    FROM allowed d WHERE c.id = d.id
), outcome AS (
    SELECT h.attempt_id, o.id, o.status, o.detail, o.tries, o.delay
    FROM unnest(%(leases)s::bigint[], %(rows)s::bigint[], %(statuses)s::int[], %(details)s::text[],
                %(tries)s::int[], %(delays)s::float[]) AS o(lease, id, status, detail, tries, delay)
    JOIN held h ON h.position = o.lease
), changed AS (
    UPDATE campaigns_mailinglog l
    SET status = o.status, detail = o.detail, tries = o.tries, retry_at = now() + o.delay * interval '1 second',
        attention = CASE WHEN o.status IN ({_ATTENTION}) THEN o.status END,
        settled_at = CASE WHEN o.status > {Status.DEFERRED} THEN now() END
    FROM outcome o
    WHERE l.id = o.id AND l.attempt_id + 0 = o.attempt_id AND l.status <= {Status.DEFERRED}
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
)
SELECT position, granted FROM allowed
"""


def _settle(lease: Lease, settlements: list[Settlement]) -> None:
    if settlements:
        write({lease: Entries(settlements=settlements)})


@transaction.atomic
def close(lease: Lease) -> Closed | None:
    """Close the chunk if none of its rows is open, and with its last chunk the attempt; None: the lease is lost.

    What a cancelled attempt has left open is cancelled first.
    """
    held = Chunk.objects.filter(pk=lease.chunk, lease=lease.number, closed_at=None).select_for_update(of=("self",))
    found = held.values_list("attempt__status", Now()).first()
    if found is None:
        return None
    status, now = found
    if status == AttemptStatus.CANCELLED:
        _cancel_open(lease)
    rows = _rows(lease).filter(status__in=MailingLog.OPEN)
    left = rows.aggregate(open=Count("pk"), retry_at=Min("retry_at", filter=Q(status=Status.DEFERRED)))
    if not left["open"]:
        Chunk.objects.filter(pk=lease.chunk).update(closed_at=Now(), in_flight=[])
        finish(lease.attempt)
    return Closed(status, now=now, **left)


def _cancel_open(lease: Lease) -> None:
    in_flight = Chunk.objects.values_list("in_flight", flat=True).get(pk=lease.chunk)
    waiting = _rows(lease).filter(status__in=MailingLog.OPEN).exclude(pk__in=in_flight)
    cancelled = [Settlement(row, Status.CANCELLED, tries=tries) for row, tries in waiting.values_list("pk", "tries")]
    if cancelled:
        write({lease: Entries(in_flight, settlements=cancelled)})


def _rows(lease: Lease) -> Any:
    # By the ids: a new attempt is not in the planner's statistics, and by the index of its attempt each chunk
    # would read all its rows (of 1,000,000: 500 ms instead of 1). So `+ 0`, here and in the statements above.
    of_attempt = MailingLog.objects.alias(of=F("attempt_id") + 0).filter(of=lease.attempt)
    return of_attempt.filter(pk__range=(lease.first, lease.last))
