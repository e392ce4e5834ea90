"""A chunk of the ledger: taken, read, and closed under its lease."""

import json
from collections.abc import Collection
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.db.models import Count, F, Min, Q
from django.db.models.functions import Now

from campaigns.models import Chunk, MailingLog
from campaigns.models.attempt import Status as AttemptStatus
from campaigns.models.log import Status
from campaigns.sending.ledger import passed_over
from campaigns.sending.ledger.cursors import prepared
from campaigns.sending.ledger.entries import Entries, Settlement, write
from campaigns.sending.ledger.lease import Lease
from campaigns.sending.ledger.moves import finish
from campaigns.sending.letters.composer import Addressee


class Ready(NamedTuple):
    """A row to deliver: to whom, how often it was tried, and the reason why it can not be any more, if there is one."""

    to: Addressee
    tries: int
    skipped_for: str


class Closed(NamedTuple):
    """What was found, and when.

    The attempt's status and until when its letters are held back, how many rows are open, and when a deferred one is
    due.
    """

    status: str
    held_until: datetime | None
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
    FROM taken WHERE a.id = taken.attempt_id AND a.status = 'queued' AND coalesce(a.held_until <= now(), true)
)
SELECT t.id, t.lease, t.attempt_id, t.first_id, t.last_id,
       a.status IN ('queued', 'running') AND coalesce(a.held_until <= now(), true), t.in_flight
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
    with prepared() as cursor:
        which = {"attempt": lease.attempt, "first": lease.first, "last": lease.last}
        cursor.execute(_READY, which, binary=True)
        rows = cursor.fetchall()
    # Read together: one by one they took as long as all the rest (4 µs a row).
    attributes = json.loads(f"[{','.join(row[-1] for row in rows)}]")
    return [
        Ready(Addressee(row, email, full_name, comment, own), tries, skipped_for)
        for (row, email, tries, skipped_for, full_name, comment, _json), own in zip(rows, attributes, strict=True)
    ]


_READY = f"""
SELECT l.id, l.email, l.tries,
       CASE WHEN s.reason IS NOT NULL THEN {passed_over.suppressed("s")}
            WHEN r.id IS NULL THEN 'The recipient has been deleted.' ELSE '' END,
       coalesce(r.full_name, ''), coalesce(r.comment, ''),
       CASE WHEN jsonb_typeof(r.attributes) = 'object' THEN r.attributes::text ELSE '{{}}' END
FROM campaigns_mailinglog l LEFT JOIN campaigns_recipient r ON r.id = l.recipient_id
LEFT JOIN campaigns_suppression s ON lower(s.email) = lower(l.email)
WHERE l.id BETWEEN %(first)s AND %(last)s AND l.attempt_id + 0 = %(attempt)s
  AND (l.status = {Status.PENDING} OR l.status = {Status.DEFERRED} AND l.retry_at <= now())
ORDER BY l.id
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
    found = held.values_list("attempt__status", "attempt__held_until", Now()).first()
    if found is None:
        return None
    status, held_until, now = found
    if status == AttemptStatus.CANCELLED:
        _cancel_open(lease)
    rows = _rows(lease).filter(status__in=MailingLog.OPEN)
    left = rows.aggregate(open=Count("pk"), retry_at=Min("retry_at", filter=Q(status=Status.DEFERRED)))
    if not left["open"]:
        Chunk.objects.filter(pk=lease.chunk).update(closed_at=Now(), in_flight=[])
        finish(lease.attempt)
    return Closed(status, held_until, now=now, **left)


@transaction.atomic
def fail(lease: Lease, reason: str) -> None:
    """End the chunk's rows that are ready as ERROR with the reason, and close it; nothing, if the lease is lost.

    The chunk is taken anew: a letter of it that somebody still has in hand can not be marked any more, and one that
    was marked becomes UNCONFIRMED.
    """
    held = Chunk.objects.filter(pk=lease.chunk, lease=lease.number).select_for_update()
    again = take(lease.chunk) if held.exists() else None
    if again:
        _settle(again, [Settlement(row.to.row, Status.ERROR, reason, row.tries) for row in ready(again)])
        close(again)


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
