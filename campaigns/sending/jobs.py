"""The distributed engine: Procrastinate's jobs deliver chunks. No other file of the project imports it."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import datetime
from time import monotonic
from typing import cast

import psycopg
from django.conf import settings
from django.db import connection, transaction
from procrastinate import RetryStrategy
from procrastinate.contrib.django import app
from procrastinate.contrib.django.django_connector import DjangoConnector
from procrastinate.exceptions import ConnectorException
from procrastinate.job_context import JobContext
from procrastinate.jobs import Job, JobDeferrer
from procrastinate.jobs import Status as JobStatus
from procrastinate.manager import JobManager

from backoffice.correlation import correlated
from campaigns.models import MailingAttempt
from campaigns.sending import audience, failpoints, ledger, resolution
from campaigns.sending.engine import Engine
from campaigns.sending.recorder import LeaseLost

logger = logging.getLogger(__name__)

QUEUE = "sending"
# Chunks delivered at the same time by one worker: a slow one does not hold up the rest.
CONCURRENCY = 4
# Rows of the audience that one transaction writes: some 0.2 s.
SLICE_ROWS = 20_000
# A job waits for the earlier ones of its lock even if they are due only in hours. What a person asks for does not.
URGENT = 1
SIGN_OF_LIFE_SECONDS = settings.STALLED_WORKER_SECONDS / 3


@app.task(name="deliver_chunk", queue=QUEUE, pass_context=True, retry=RetryStrategy(wait=2))
async def deliver_chunk(context: JobContext, *, chunk: int, request_id: str, user_email: str) -> None:
    """Deliver a chunk; if it is not done then, come back to it when it wants."""
    engine: Engine = context.additional_context["engine"]
    with correlated(request_id, user_email):
        try:
            async with _heartbeat(context.job):
                again = await engine.deliver(chunk)
        except LeaseLost as error:
            logger.warning("%s", error)
            return
        if again:
            await _chunk_job(chunk, again.at).defer_async(chunk=chunk, request_id=request_id, user_email=user_email)


@app.task(name="expand_attempt", queue=QUEUE, pass_context=True, retry=RetryStrategy(wait=2))
async def expand_attempt(context: JobContext, *, attempt: int, request_id: str, user_email: str) -> None:
    """Write an attempt's audience into the ledger, slice by slice; what is written is delivered meanwhile."""
    engine: Engine = context.additional_context["engine"]
    caller = {"request_id": request_id, "user_email": user_email}
    with correlated(request_id, user_email):
        async with _heartbeat(context.job):
            among = await engine.expander.call(_owners, attempt)
            while await engine.expander.call(_expand_next, attempt, among, **caller):
                if engine.draining:
                    await _expansion_job(attempt).defer_async(attempt=attempt, **caller)
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


@asynccontextmanager
async def _heartbeat(job: Job) -> AsyncIterator[None]:
    """Keep the job's worker alive in the eyes of others.

    Procrastinate stops its own heartbeat when it is asked to stop or has lost the database, and waits for the
    running jobs only then: a slow mail server would have them taken away.
    """

    async def beat() -> None:
        while job.worker_id is not None:
            await asyncio.sleep(SIGN_OF_LIFE_SECONDS)
            with suppress(ConnectorException):
                await app.job_manager.update_heartbeat(job.worker_id)

    beating = asyncio.create_task(beat())
    try:
        yield
    finally:
        beating.cancel()


def enqueue(chunks: Iterable[int], request_id: str, user_email: str, *, urgent: bool = False) -> None:
    """Have the chunks delivered; part of the caller's transaction. Enqueueing a chunk twice does no harm.

    With `urgent`, a delivery that is planned for later does not hold this one up.
    """
    priority = URGENT if urgent else 0
    jobs = [
        _chunk_job(chunk, priority=priority).make_new_job(chunk=chunk, request_id=request_id, user_email=user_email)
        for chunk in chunks
    ]
    if jobs:
        _manager().batch_defer_jobs(jobs)


def enqueue_expansion(attempt: int, request_id: str, user_email: str) -> None:
    """Have the audience written by a worker; part of the caller's transaction."""
    job = _expansion_job(attempt).make_new_job(attempt=attempt, request_id=request_id, user_email=user_email)
    _manager().batch_defer_jobs([job])


def _manager() -> JobManager:
    # By Django's connection and so in its transaction, also in a thread of a worker.
    return JobManager(DjangoConnector())


def _expansion_job(attempt: int) -> JobDeferrer:
    return expand_attempt.configure(lock=f"attempt:{attempt}")


def _chunk_job(chunk: int, at: datetime | None = None, priority: int = 0) -> JobDeferrer:
    # The lock keeps two jobs of one chunk from running side by side.
    return deliver_chunk.configure(lock=f"chunk:{chunk}", schedule_at=at, priority=priority)


def run(until: Callable[[], bool] | None = None) -> None:
    """Work until SIGTERM or Ctrl-C, or until `until()`, asked a few times a second, is true.

    What is in flight then settles; what has not been started goes back to the queue.
    """
    with asyncio.Runner(loop_factory=_event_loop) as runner:
        runner.run(_run(until))


def _event_loop() -> asyncio.AbstractEventLoop:
    if sys.platform == "win32":
        return asyncio.SelectorEventLoop()  # psycopg can not work on the default one
    import uvloop

    return uvloop.new_event_loop()


async def _run(until: Callable[[], bool] | None) -> None:
    engine, stop = Engine(), asyncio.Event()
    with _stopping_on_signals(stop):
        watcher = asyncio.create_task(_watch(engine, until, stop)) if until else None
        try:
            while not stop.is_set():
                await _work(engine, stop)
        finally:
            if watcher:
                watcher.cancel()
            await engine.aclose()
    if watcher:
        with suppress(asyncio.CancelledError):
            await watcher  # what until() raised is the caller's to know


@contextmanager
def _stopping_on_signals(stop: asyncio.Event) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    previous = {
        number: signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


async def _watch(engine: Engine, until: Callable[[], bool], stop: asyncio.Event) -> None:
    try:
        while not await engine.recorder.call(until):
            await asyncio.sleep(0.25)
    finally:
        stop.set()


async def _work(engine: Engine, stop: asyncio.Event) -> None:
    """One life of Procrastinate's worker. It ends by itself when its database connection breaks."""
    try:
        async with _worker(engine) as (worker, sweeper):
            asked = asyncio.create_task(stop.wait())
            await asyncio.wait((worker, asked), return_when=asyncio.FIRST_COMPLETED)
            asked.cancel()
            if stop.is_set():
                engine.drain()
            sweeper.cancel()
            worker.cancel()
            with suppress(asyncio.CancelledError):
                await worker
    except (ConnectorException, psycopg.Error, OSError) as error:
        logger.warning("The worker lost the database, starting again: %s", error)
    if not stop.is_set():
        await asyncio.sleep(1)


@asynccontextmanager
async def _worker(engine: Engine) -> AsyncIterator[tuple[asyncio.Task[None], asyncio.Task[None]]]:
    with app.replace_connector(cast(DjangoConnector, app.connector).get_worker_connector()):
        async with app.open_async():
            worker = asyncio.create_task(
                app.run_worker_async(
                    queues=[QUEUE],
                    concurrency=CONCURRENCY,
                    additional_context={"engine": engine},
                    install_signal_handlers=False,
                )
            )
            yield worker, asyncio.create_task(_sweep_forever(engine))


async def _sweep_forever(engine: Engine) -> None:
    while True:
        await asyncio.sleep(SIGN_OF_LIFE_SECONDS)
        try:
            await _sweep(engine)
        except Exception as error:
            logger.warning("The sweep could not run: %s", error)
            await asyncio.sleep(SIGN_OF_LIFE_SECONDS)


async def _sweep(engine: Engine) -> None:
    """Replace the jobs of dead workers, give a job to open chunks that have none, and end what is over.

    Several may do it at once.
    """
    await engine.expander.call(resolution.end_overdue)
    started, timeout = monotonic(), settings.STALLED_WORKER_SECONDS
    stalled = await app.job_manager.get_stalled_jobs(queue=QUEUE, seconds_since_heartbeat=timeout)
    if monotonic() - started > SIGN_OF_LIFE_SECONDS:
        return  # the database was away, and nobody could give a sign of life
    gone = [job for job in stalled if await _end(job)]
    chunks = [cast(int, job.task_kwargs["chunk"]) for job in gone if "chunk" in job.task_kwargs]
    await engine.recorder.call(ledger.fence, chunks)
    for job in gone:
        logger.warning("Restarting job %s: its worker is gone.", job.id)
        again = app.configure_task(job.task_name, queue=job.queue, lock=job.lock, priority=job.priority)
        await again.defer_async(**job.task_kwargs)
    for chunk, request_id, email in await engine.recorder.call(_orphans):
        logger.warning("Chunk %s is open and had no job: it has one again.", chunk)
        await _chunk_job(chunk).defer_async(chunk=chunk, request_id=request_id, user_email=email)


async def _end(job: Job) -> bool:
    """Delete the job of a worker that is gone; False: another sweep was first.

    It gets a new one, and is not put back into the queue: a worker that was only asleep ends its job when it
    wakes, whoever runs it then, and the chunk would be taken from its new worker.
    """
    try:
        await app.job_manager.finish_job(job, JobStatus.FAILED, delete_job=True)
    except ConnectorException:
        return False
    return True


def _orphans() -> list[tuple[int, str, str]]:
    with connection.cursor() as cursor:
        cursor.execute(_ORPHANS)
        return list(cursor.fetchall())


_ORPHANS = """
SELECT c.id, a.request_id, coalesce(u.email, '-')
FROM campaigns_chunk c
JOIN campaigns_mailingattempt a ON a.id = c.attempt_id
LEFT JOIN accounts_user u ON u.id = a.triggered_by_id
WHERE c.closed_at IS NULL AND a.finished_at IS NULL AND a.status <> 'paused'
  AND a.created_at < now() - interval '10 seconds'
  AND NOT EXISTS (SELECT 1 FROM procrastinate_jobs j
                  WHERE j.lock = 'chunk:' || c.id AND j.status IN ('todo', 'doing'))
ORDER BY c.id LIMIT 1000
"""
