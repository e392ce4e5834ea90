"""What becomes of rows that nobody has in flight, by a person's word or when the mailing's time is over."""

from typing import Any
from zoneinfo import ZoneInfo

from django.contrib.postgres.functions import TransactionNow
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Value
from django.db.models.functions import Greatest, Now
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from campaigns.models import Chunk, Mailing, MailingAttempt, MailingLog
from campaigns.models.attempt import Status as AttemptStatus
from campaigns.models.log import Status
from campaigns.sending.ledger import tallies
from campaigns.sending.ledger.moves import finish

COUNTERS = {Status.ERROR: "errors", Status.UNCONFIRMED: "unconfirmed"}
# Chunks that one transaction closes (50,000 rows: 0.2 s).
CLOSE_CHUNKS = 50


def end_overdue() -> None:
    """Cancel the attempts of mailings whose time is over, and close all that cancelled attempts still have open.

    Any number of processes may do it at once, as often as they like.
    """
    for attempt in MailingAttempt.objects.overdue().select_related("mailing__owner"):
        MailingAttempt.objects.overdue().filter(pk=attempt.pk).cancel(_reason(attempt.mailing))
    for attempt in MailingAttempt.objects.unfinished().filter(status=AttemptStatus.CANCELLED):
        close_cancelled(attempt.pk)


def _reason(mailing: Mailing) -> str:
    end = timezone.localtime(mailing.end_at, ZoneInfo(mailing.owner.time_zone))
    when = {"end": date_format(end, "DATETIME_FORMAT"), "zone": mailing.owner.time_zone}
    return _("Its time was over at %(end)s (%(zone)s).") % when


def close_cancelled(attempt: int) -> None:
    """Close what a cancelled attempt has not in flight, and the attempt itself if nothing else is open.

    Never waits: chunks that a worker is writing to are closed by that worker.
    """
    after: int | None = 0
    while after is not None:
        after = _close_next(attempt, after)
    with transaction.atomic():
        finish(attempt)


@transaction.atomic
def _close_next(attempt: int, after: int) -> int | None:
    """Close some chunks whose ids are greater than `after`; returns the last of them, or None if there was none."""
    open_ones = Chunk.objects.filter(attempt=attempt, closed_at=None, pk__gt=after).order_by("pk")
    chunks = list(open_ones.select_for_update(skip_locked=True)[:CLOSE_CHUNKS])
    if not chunks:
        return None
    count = sum(_close_waiting(chunk) for chunk in chunks)
    cancelled = MailingAttempt.objects.filter(pk=attempt, status=AttemptStatus.CANCELLED)
    if not cancelled.update(cancelled=F("cancelled") + count):
        transaction.set_rollback(True)
        return None
    tallies.add(attempt, Status.CANCELLED, count)
    return chunks[-1].pk


def _close_waiting(chunk: Chunk) -> int:
    # By the ids: a new attempt is not in the planner's statistics, and by the index of its attempt each chunk
    # would read all its rows (of 1,000,000: 500 ms instead of 1).
    rows = MailingLog.objects.alias(of=F("attempt_id") + 0).filter(of=chunk.attempt_id)
    still_open = rows.filter(pk__range=(chunk.first_id, chunk.last_id), status__in=MailingLog.OPEN)
    waiting = still_open.exclude(pk__in=chunk.in_flight)
    # By the clock of the tally: Now() is another minute when the transaction began shortly before the full one.
    count: int = waiting.update(status=Status.CANCELLED, attention=None, retry_at=None, settled_at=TransactionNow())
    this = Chunk.objects.filter(pk=chunk.pk)
    if not chunk.in_flight or not still_open.exists():
        this.update(closed_at=Now(), in_flight=[])
    elif Chunk.NO_MORE not in chunk.in_flight:
        this.update(in_flight=[*chunk.in_flight, Chunk.NO_MORE])
    return count


@transaction.atomic
def reopen(attempt: int, status: Status) -> list[int]:
    """Open an ended attempt's rows of that status, ERROR or UNCONFIRMED, once more; returns their chunks.

    The rows keep their Message-ID, so a server or a person can see that it is the same letter.
    """
    counter = COUNTERS[status]
    chunks = Chunk.objects.filter(attempt=attempt).order_by("pk").select_for_update()
    within = MailingLog.objects.filter(attempt=attempt, attention=status, pk__gte=OuterRef("first_id"))
    reopened = list(chunks.filter(Exists(within.filter(pk__lte=OuterRef("last_id")))).values_list("pk", flat=True))
    tallies.move(attempt, status)
    rows = MailingLog.objects.filter(attempt=attempt, attention=status)
    count = rows.update(status=Status.PENDING, attention=None, detail="", tries=0, settled_at=None)
    ended = MailingAttempt.objects.filter(pk=attempt, finished_at__isnull=False, pruned_at=None)
    changes: dict[str, Any] = {counter: F(counter) - count, "status": AttemptStatus.QUEUED, "finished_at": None}
    if not count or not ended.update(**changes, server_response=""):
        transaction.set_rollback(True)
        return []
    # Fenced off: a worker that was asleep may still have the outcomes that are taken back here in its hands.
    Chunk.objects.filter(pk__in=reopened).update(closed_at=None, in_flight=[], lease=F("lease") + 1)
    return reopened


@transaction.atomic
def confirm(attempt: int, detail: str) -> int:
    """Take an ended attempt's UNCONFIRMED rows for SENT, because a person knows; returns how many."""
    # Nobody can open the letters again meanwhile, and count them twice.
    list(Chunk.objects.filter(attempt=attempt).order_by("pk").select_for_update())
    tallies.move(attempt, Status.UNCONFIRMED, Status.SENT)
    rows = MailingLog.objects.filter(attempt=attempt, attention=Status.UNCONFIRMED)
    count: int = rows.update(status=Status.SENT, attention=None, detail=detail)
    ended = MailingAttempt.objects.filter(pk=attempt, finished_at__isnull=False, pruned_at=None)
    if not ended.update(sent=F("sent") + count, unconfirmed=F("unconfirmed") - count):
        transaction.set_rollback(True)
        return 0
    ended.judge()
    _note_sent(ended.get())
    return count


def _note_sent(ended: MailingAttempt) -> None:
    # The letters left before the attempt ended. Greatest passes over what is NULL.
    latest = Greatest("last_sent_at", Value(ended.finished_at))
    Mailing.objects.filter(pk=ended.mailing_id).update(last_sent_at=latest)
