"""The task that carries out a bulk change, and how it is enqueued."""

from __future__ import annotations

import asyncio
from typing import Protocol, cast

from django.db import connection, transaction
from procrastinate import RetryStrategy
from procrastinate.contrib.django import app
from procrastinate.contrib.django.django_connector import DjangoConnector
from procrastinate.job_context import JobContext
from procrastinate.jobs import JobDeferrer
from procrastinate.manager import JobManager

from backoffice.correlation import correlated
from campaigns.bulk import work
from campaigns.bulk.deeds import Recipients
from campaigns.models import BulkJob

QUEUE = "bulk"
# Done in the request, in about a second, and all or nothing.
INLINE_ROWS = 5_000


class Draining(Protocol):
    draining: bool


@app.task(name="carry_out_bulk", queue=QUEUE, pass_context=True, retry=RetryStrategy(wait=2))
async def carry_out_bulk(context: JobContext, *, job: int, request_id: str, user_email: str) -> None:
    """Carry out the bulk change, slice by slice; when the worker is asked to stop, another one goes on."""
    engine = cast(Draining, context.additional_context["engine"])
    with correlated(request_id, user_email):
        ended = await asyncio.to_thread(_carry_out, job, engine)
        if not ended:
            await _deferrer(job).defer_async(job=job, request_id=request_id, user_email=user_email)


def _carry_out(job: int, engine: Draining) -> bool:
    try:
        return work.carry_out(job, lambda: engine.draining)
    finally:
        connection.close()  # the thread is not kept


@transaction.atomic
def start(job: BulkJob, selected: Recipients) -> BulkJob:
    """Do it, if it is little, and otherwise have a worker do it; returns the job as it is then.

    Raises BulkRefused when the owner may not change the target, or a part of what is little is refused; nothing is
    changed then.
    """
    return _started(work.begin(job, selected))


@transaction.atomic
def start_deleting(job: BulkJob) -> BulkJob:
    """Delete the list of the job, if it is small, and otherwise have a worker do it; returns the job as it is then.

    Raises BulkRefused when a mailing names the list, or the owner may not delete it; nothing is changed then.
    """
    return _started(work.begin_deleting(job))


def _started(job: BulkJob) -> BulkJob:
    if job.total <= INLINE_ROWS:
        work.carry_out_at_once(job.pk)
        job.refresh_from_db(fields=["state", "reason", "position", "changed", "refused", "finished_at"])
    else:
        _enqueue(job)
    return job


def _enqueue(job: BulkJob) -> None:
    new = _deferrer(job.pk).make_new_job(job=job.pk, request_id=job.request_id, user_email=job.owner.email)
    # By Django's connection and so in its transaction.
    JobManager(DjangoConnector()).batch_defer_jobs([new])


def _deferrer(job: int) -> JobDeferrer:
    return carry_out_bulk.configure(lock=f"bulk:{job}")
