"""Rows of attempts whose log is no longer kept, removed in small batches."""

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.functions import Now

from campaigns.models import Chunk, Mailing, MailingAttempt, MailingLog

# Rows that one transaction removes: a worker that waits for it waits some milliseconds.
BATCH_ROWS = 5000


@transaction.atomic
def mark(attempt: int) -> bool:
    """Say of an ended attempt that its rows are removed. False: it, or another of its mailing, has not ended.

    From then on its letters are neither sent again nor confirmed, and none is launched to new recipients only, who
    could not be told any more. The mailing is locked, as by a launch, so that none is under way.
    """
    mailings = Mailing.objects.filter(attempts=attempt).select_for_update(no_key=True, of=("self",))
    mailing = mailings.values_list("pk", flat=True).get()
    if MailingAttempt.objects.unfinished().filter(mailing=mailing).exists():
        return False
    ended = MailingAttempt.objects.filter(pk=attempt, finished_at__isnull=False, pruned_at=None)
    return bool(ended.update(pruned_at=Now()))


def remove(attempt: int) -> int:
    """Remove the rows of a marked attempt, and its chunks; returns how many rows. It may be called once more."""
    removed = 0
    while count := _remove_some(attempt):
        removed += count
    Chunk.objects.filter(attempt=attempt).delete()
    return removed


def half_removed() -> QuerySet[MailingAttempt]:
    """Marked attempts that still have rows: who removed them was interrupted."""
    left = MailingLog.objects.filter(attempt=OuterRef("pk"))
    found: QuerySet[MailingAttempt] = MailingAttempt.objects.filter(Exists(left), pruned_at__isnull=False)
    return found


def _remove_some(attempt: int) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_REMOVE, {"attempt": attempt, "most": BATCH_ROWS})
        return int(cursor.rowcount)


_REMOVE = """
DELETE FROM campaigns_mailinglog WHERE id IN (
    SELECT l.id FROM campaigns_mailinglog l JOIN campaigns_mailingattempt a ON a.id = l.attempt_id
    WHERE l.attempt_id = %(attempt)s AND a.pruned_at IS NOT NULL LIMIT %(most)s
)
"""
