"""From what somebody selected to what became of it."""

from __future__ import annotations

import logging
from collections.abc import Callable

from django.contrib.postgres.expressions import ArraySubquery
from django.db import IntegrityError, transaction
from django.db.models import F
from django.db.models.deletion import ProtectedError, RestrictedError
from django.utils.translation import gettext as _

from campaigns.bulk import deeds
from campaigns.bulk.deeds import Recipients
from campaigns.bulk.errors import BulkRefused
from campaigns.models import BulkJob, Recipient
from campaigns.models.bulk_job import State

logger = logging.getLogger(__name__)

# Recipients of one transaction, in which nobody else waits for long: 0.2 s to add them, 0.3–1 s to delete them with all
# that hangs on them.
SLICE_ROWS = 2_000


def begin(job: BulkJob, selected: Recipients) -> BulkJob:
    """Keep who is selected, by one statement: who comes into the list later is not meant.

    Raises BulkRefused when the owner may not change the target.
    """
    deeds.check(job)
    with transaction.atomic():
        job.save()
        BulkJob.objects.filter(pk=job.pk).update(keys=ArraySubquery(selected.order_by("pk").values("pk")))
        BulkJob.objects.filter(pk=job.pk).update(total=F("keys__len"))
    return BulkJob.objects.defer("keys").get(pk=job.pk)


def carry_out(pk: int, stop: Callable[[], bool] = lambda: False) -> bool:
    """Go on until it has ended, or until `stop()` is true, which is asked after each slice; returns whether it ended.

    Safe to be called again after a process that was killed, and beside one that lives: they take turns.
    """
    while _do_next(pk):
        if stop():
            return False
    return True


def _do_next(pk: int) -> bool:
    """One slice, or the end. False: it has ended."""
    try:
        with transaction.atomic():
            return _do_slice(pk)
    except BulkRefused as error:
        BulkJob.objects.filter(pk=pk).fail(str(error))
    except (IntegrityError, ProtectedError, RestrictedError):
        logger.exception("Bulk change %s was refused by the database", pk)
        BulkJob.objects.filter(pk=pk).fail(_("The rest could not be changed."))
    return False


def _do_slice(pk: int) -> bool:
    # Who is late waits here, and sees where the other one has come to.
    locked = (
        BulkJob.objects.select_for_update(of=("self",))
        .select_related("owner", "recipient_list", "mailing")
        .defer("keys")
    )
    job = locked.filter(pk=pk, state=State.RUNNING).first()
    if job is None:
        return False
    keys = _slice(job)
    if not keys:
        BulkJob.objects.filter(pk=pk).finish()
        return False
    changed, refused = deeds.do(job, Recipient.objects.filter(pk__in=keys))
    BulkJob.objects.filter(pk=pk).update(
        position=F("position") + len(keys), changed=F("changed") + changed, refused=F("refused") + refused
    )
    return True


def _slice(job: BulkJob) -> list[int]:
    name = f"keys__{job.position}_{job.position + SLICE_ROWS}"
    keys: list[int] = BulkJob.objects.values_list(name, flat=True).get(pk=job.pk)
    return keys
