"""From what somebody selected to what became of it."""

from __future__ import annotations

import logging
from collections.abc import Callable

from django.contrib.postgres.expressions import ArraySubquery
from django.db import IntegrityError, transaction
from django.db.models import F
from django.db.models.deletion import ProtectedError, RestrictedError
from django.utils.translation import gettext as _

from campaigns.bulk import deeds, lists
from campaigns.bulk.deeds import Recipients
from campaigns.bulk.errors import BulkRefused
from campaigns.models import BulkJob, Membership, Recipient
from campaigns.models.bulk_job import Deed, State

logger = logging.getLogger(__name__)

# Recipients of one transaction, in which nobody else waits for long. Of 1,000,000 recipients, each in two or three
# lists and audiences: 0.11 s of processor time to add 2,000 to a list (half of it the database's), 0.31 s to delete
# them with all that hangs on them (0.12 s the database's); on two cores under a load of 25, 0.8 and 1.9 s by the clock.
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


def begin_deleting(job: BulkJob) -> BulkJob:
    """Keep how many members the list of the job has.

    Raises BulkRefused when a mailing names it, or the owner may not delete it.
    """
    job.total = Membership.objects.filter(list=lists.check(job)).count()
    job.save()
    return job


def carry_out(pk: int, stop: Callable[[], bool] = lambda: False) -> bool:
    """Go on until it has ended, or until `stop()` is true, which is asked after each slice; returns whether it ended.

    Safe to be called again after a process that was killed, and beside one that lives: they take turns.
    """
    while _do_next(pk):
        if stop():
            return False
    return True


def carry_out_at_once(pk: int) -> None:
    """Do all of it, in the transaction of the caller. Raises BulkRefused, on which the caller undoes all of it."""
    try:
        while _do_slice(pk):
            pass
    except IntegrityError as error:
        logger.exception("Bulk change %s was refused by the database", pk)
        raise BulkRefused(_("The database refused it. Nothing was changed.")) from error


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
    if job.deed == Deed.DELETE_LIST:
        return _delete_list(job)
    keys = _slice(job)
    if not keys:
        BulkJob.objects.filter(pk=pk).finish()
        return False
    changed, refused = deeds.do(job, Recipient.objects.filter(pk__in=keys))
    BulkJob.objects.filter(pk=pk).update(
        position=F("position") + len(keys), changed=F("changed") + changed, refused=F("refused") + refused
    )
    return True


def _delete_list(job: BulkJob) -> bool:
    """All at once, and then it has ended."""
    removed = lists.delete(job)
    BulkJob.objects.filter(pk=job.pk).update(position=F("total"), changed=removed)
    BulkJob.objects.filter(pk=job.pk).finish()
    return False


def _slice(job: BulkJob) -> list[int]:
    name = f"keys__{job.position}_{job.position + SLICE_ROWS}"
    keys: list[int] = BulkJob.objects.values_list(name, flat=True).get(pk=job.pk)
    return keys
