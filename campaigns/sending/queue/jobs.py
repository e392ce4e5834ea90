"""The tasks, and how they are enqueued."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime

from django.conf import settings
from django.db import transaction
from procrastinate import RetryStrategy
from procrastinate.contrib.django import app
from procrastinate.contrib.django.django_connector import DjangoConnector
from procrastinate.job_context import JobContext
from procrastinate.jobs import JobDeferrer
from procrastinate.manager import JobManager

from backoffice.correlation import correlated
from campaigns.models import MailingAttempt
from campaigns.sending import failpoints
from campaigns.sending.engine import Engine
from campaigns.sending.ledger import audience
from campaigns.sending.queue.heartbeat import heartbeat
from campaigns.sending.recorder import LeaseLost

logger = logging.getLogger(__name__)

QUEUE = "sending"
# Chunks delivered at the same time by one worker: a slow one does not hold up the rest.
CONCURRENCY = 4
# Rows of the audience that one transaction writes: some 0.2 s.
SLICE_ROWS = 20_000
# A job waits for the earlier ones of its lock even if they are due only in hours. What a person asks for does not.
URGENT = 1


@app.task(name="deliver_chunk", queue=QUEUE, pass_context=True, retry=RetryStrategy(wait=2))
async def deliver_chunk(context: JobContext, *, chunk: int, request_id: str, user_email: str) -> None:
    """Deliver a chunk; if it is not done then, come back to it when it wants."""
    engine: Engine = context.additional_context["engine"]
    with correlated(request_id, user_email):
        try:
            async with heartbeat(context.job, engine):
                again = await engine.deliver(chunk)
        except LeaseLost as error:
            logger.warning("%s", error)
            return
        if again:
            await chunk_job(chunk, again.at).defer_async(chunk=chunk, request_id=request_id, user_email=user_email)


@app.task(name="expand_attempt", queue=QUEUE, pass_context=True, retry=RetryStrategy(wait=2))
async def expand_attempt(context: JobContext, *, attempt: int, request_id: str, user_email: str) -> None:
    """Write an attempt's audience into the ledger, slice by slice; what is written is delivered meanwhile."""
    engine: Engine = context.additional_context["engine"]
    caller = {"request_id": request_id, "user_email": user_email}
    with correlated(request_id, user_email):
        async with heartbeat(context.job, engine):
            among = await engine.expander.call(_owners, attempt)
            while await engine.expander.call(_expand_next, attempt, among, **caller):
                if engine.draining:
                    await expansion_job(attempt).defer_async(attempt=attempt, **caller)
                    return


def _owners(attempt: int) -> list[int]:
    return audience.owners(MailingAttempt.objects.values_list("mailing", flat=True).get(pk=attempt))


@transaction.atomic
def _expand_next(attempt: int, among: list[int], request_id: str, user_email: str) -> bool:
    # A short slice first: all that is delivered at a time, and sending begins.
    begun = MailingAttempt.objects.filter(pk=attempt, expanded_to__gt=0).exists()
    rows = SLICE_ROWS if begun else CONCURRENCY * settings.SENDING_CHUNK_ROWS
    chunks = audience.expand(attempt, among, rows, settings.SENDING_CHUNK_ROWS)
    if failpoints.ARMED:
        failpoints.reach("mid-expansion")
    enqueue(chunks, request_id, user_email)
    return MailingAttempt.objects.filter(pk=attempt, expanded_at=None).exists()


def enqueue(
    chunks: Iterable[int], request_id: str, user_email: str, *, urgent: bool = False, held_until: datetime | None = None
) -> None:
    """Have the chunks delivered; part of the caller's transaction. Enqueueing a chunk twice does no harm.

    With `urgent`, a delivery that is planned for later does not hold this one up. With `held_until`, none begins
    before.
    """
    priority = URGENT if urgent else 0
    jobs = [
        chunk_job(chunk, held_until, priority).make_new_job(chunk=chunk, request_id=request_id, user_email=user_email)
        for chunk in chunks
    ]
    if jobs:
        _manager().batch_defer_jobs(jobs)


def enqueue_expansion(attempt: int, request_id: str, user_email: str, *, held_until: datetime | None = None) -> None:
    """Have the audience written by a worker, not before `held_until`; part of the caller's transaction."""
    job = expansion_job(attempt, held_until)
    _manager().batch_defer_jobs([job.make_new_job(attempt=attempt, request_id=request_id, user_email=user_email)])


def _manager() -> JobManager:
    # By Django's connection and so in its transaction, also in a thread of a worker.
    return JobManager(DjangoConnector())


def expansion_job(attempt: int, at: datetime | None = None) -> JobDeferrer:
    return expand_attempt.configure(lock=f"attempt:{attempt}", schedule_at=at)


def chunk_job(chunk: int, at: datetime | None = None, priority: int = 0) -> JobDeferrer:
    """A job that delivers the chunk, to be deferred."""
    # The lock keeps two jobs of one chunk from running side by side.
    return deliver_chunk.configure(lock=f"chunk:{chunk}", schedule_at=at, priority=priority)
