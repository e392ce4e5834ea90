"""What the leases have to write, written: the one statement that every letter goes through."""

from collections.abc import Iterable
from typing import NamedTuple

from campaigns.models import Chunk, MailingLog
from campaigns.models.log import Status
from campaigns.sending.ledger.cursors import prepared
from campaigns.sending.ledger.lease import Lease


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


def write(entries: dict[Lease, Entries]) -> dict[Lease, Written]:
    """Commit marks and settlements of several leases together, in one statement.

    Marks stand in an array of the chunk, so a letter that goes well changes its own row once: that halves
    PostgreSQL's work and its log. They are granted only while the attempt runs, its mailing's end has not passed and
    the lease holds; the chunk stays locked until the statement is committed, so a newer lease sees either all of it
    or nothing. A statement that had to wait for that lock does not see that the attempt was cancelled meanwhile: who
    cancels rows of a chunk leaves NO_MORE in the array, and that it does see. Idempotent under a lease: when the
    answer to a commit was lost, the same entries may be written again. No row may be both marked and settled in them.
    """
    with prepared() as cursor:
        cursor.execute(_WRITE, _columns(entries), prepare=True, binary=True)
        answers: dict[int, bool] = dict(cursor.fetchall())
    return {
        lease: Written(answers.get(position, False), position in answers)
        for position, lease in enumerate(entries, start=1)
    }


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
# attempts are locked in the order of their ids: writers of several could otherwise wait for each other. By IS NULL the
# one plan could walk through the index of all open chunks.
_WRITE = f"""
WITH held AS (
    SELECT l.position, c.id, c.attempt_id, l.in_flight, l.marks, {Chunk.NO_MORE} <> ALL(c.in_flight) AS open
    FROM campaigns_chunk c
    JOIN unnest(%(chunks)s::bigint[], %(numbers)s::bigint[], %(in_flight)s::text[], %(marks)s::text[])
         WITH ORDINALITY AS l(id, number, in_flight, marks, position)
      ON l.id = c.id AND l.number = c.lease
    WHERE num_nulls(c.closed_at) = 1 ORDER BY c.id FOR NO KEY UPDATE OF c
), allowed AS (
    SELECT h.position, h.id, h.in_flight, h.marks,
           h.open AND a.status = 'running' AND (m.end_at IS NULL OR m.end_at > now()) AS granted
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
), tallied AS (
    INSERT INTO campaigns_tally AS t (attempt_id, minute, sent, errors, skipped, unconfirmed, cancelled, dry_runs)
    SELECT c.attempt_id, date_trunc('minute', now()),
           c.sent, c.errors, c.skipped, c.unconfirmed, c.cancelled, c.dry_runs
    FROM counted c JOIN locked ON locked.id = c.attempt_id
    WHERE c.sent + c.errors + c.skipped + c.unconfirmed + c.cancelled + c.dry_runs > 0
    ON CONFLICT (attempt_id, minute) DO UPDATE
    SET sent = t.sent + excluded.sent, errors = t.errors + excluded.errors, skipped = t.skipped + excluded.skipped,
        unconfirmed = t.unconfirmed + excluded.unconfirmed, cancelled = t.cancelled + excluded.cancelled,
        dry_runs = t.dry_runs + excluded.dry_runs
)
SELECT position, granted FROM allowed
"""
