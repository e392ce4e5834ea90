"""The mailing log of long ago, removed; what the reports say of it stays."""

import logging
from datetime import datetime
from typing import NamedTuple

from django.db import transaction
from django.db.models import QuerySet, Sum

from campaigns.models import MailingAttempt
from campaigns.reports import rollups
from campaigns.sending.ledger import pruning

logger = logging.getLogger(__name__)


class Pruned(NamedTuple):
    """So many attempts, and rows of the mailing log."""

    attempts: int
    rows: int


def prunable(before: datetime) -> Pruned:
    """What prune_logs() would remove."""
    old = _old(before)
    return Pruned(old.count(), old.aggregate(rows=Sum("total"))["rows"] or 0)


def prune_logs(before: datetime) -> Pruned:
    """Remove the mailing log of attempts that ended before; counters, tallies and roll-ups stay.

    One attempt after the other, in batches of 5,000 rows. Interrupted, it goes on where it was when it is called
    again. Attempts of a mailing that is under way wait for the next time.
    """
    for attempt in pruning.half_removed().values_list("pk", flat=True):
        pruning.remove(attempt)
    attempts = rows = 0
    for attempt in list(_old(before).order_by("pk").values_list("pk", flat=True)):
        if _mark(attempt):
            attempts += 1
            rows += pruning.remove(attempt)
    if attempts:
        logger.info("Removed the log of %s attempts, %s rows.", attempts, rows)
    return Pruned(attempts, rows)


def _old(before: datetime) -> QuerySet[MailingAttempt]:
    found: QuerySet[MailingAttempt] = MailingAttempt.objects.filter(finished_at__lt=before, pruned_at=None)
    return found


@transaction.atomic
def _mark(attempt: int) -> bool:
    rollups.write(attempt)
    return pruning.mark(attempt)
