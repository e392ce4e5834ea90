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

from backoffice.correlation import correlated, working
from campaigns.models import Chunk, MailingAttempt
from campaigns.sending import failpoints
from campaigns.sending.engine import Again, Engine
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
    with correlated(request_id, user_email), working(job=context.job.id):
        async with heartbeat(context.job, engine):
            again = await _deliver(engine, chunk)
        if again:
            turn = -await engine.recorder.call(_chunks_before, chunk)
            await chunk_job(chunk, again.at, turn).defer_async(
                chunk=chunk, request_id=request_id, user_email=user_email
            )


async def _deliver(engine: Engine, chunk: int) -> Again | None:
    with working(**await engine.recorder.call(_work_of, chunk)):
        try:
            again = await engine.deliver(chunk)
        except LeaseLost as error:
            logger.warning("%s", error)
            return None
        logger.info("The delivery of chunk %s has ended%s.", chunk, "; another follows" if again else "")
        return again


def _work_of(chunk: int) -> dict[str, int]:
    found = MailingAttempt.objects.filter(chunks=chunk).values("pk", "mailing_id").first()
    return {"attempt": found["pk"], "mailing": found["mailing_id"]} if found else {}


@app.task(name="expand_attempt", queue=QUEUE, pass_context=True, retry=RetryStrategy(wait=2))
async def expand_attempt(context: JobContext, *, attempt: int, request_id: str, user_email: str) -> None:
    """Write an attempt's audience into the ledger, slice by slice; what is written is delivered meanwhile."""
    engine: Engine = context.additional_context["engine"]
    with correlated(request_id, user_email), working(job=context.job.id, attempt=attempt):
        async with heartbeat(context.job, engine):
            await _expand(engine, attempt, request_id, user_email)


async def _expand(engine: Engine, attempt: int, request_id: str, user_email: str) -> None:
    caller = {"request_id": request_id, "user_email": user_email}
    mailing = await engine.expander.call(_mailing_of, attempt)
    with working(mailing=mailing):
        among = await engine.expander.call(audience.owners, attempt)
        while await engine.expander.call(_expand_next, attempt, among, **caller):
            if engine.draining:
                await expansion_job(attempt).defer_async(attempt=attempt, **caller)
                return
        logger.info("The audience is written.")


def _mailing_of(attempt: int) -> int:
    mailing: int = MailingAttempt.objects.values_list("mailing", flat=True).get(pk=attempt)
    return mailing


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
    ordered = sorted(chunks)
    if not ordered:
        return
    # Attempts take turns, chunk by chunk: a small mailing does not wait for all of a large one that came before it.
    first = (URGENT if urgent else 0) - _chunks_before(ordered[0])
    jobs = [
        chunk_job(chunk, held_until, first - place).make_new_job(
            chunk=chunk, request_id=request_id, user_email=user_email
        )
        for place, chunk in enumerate(ordered)
    ]
    _manager().batch_defer_jobs(jobs)


def _chunks_before(chunk: int) -> int:
    """How many chunks of its attempt come before it."""
    return Chunk.objects.filter(attempt__chunks=chunk, pk__lt=chunk).count()


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
