"""The distributed engine: Procrastinate's jobs deliver chunks. No other file of the project imports it."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import datetime

from django.conf import settings
from django.db import connection
from procrastinate import RetryStrategy
from procrastinate.contrib.django import app
from procrastinate.contrib.django.django_connector import DjangoConnector
from procrastinate.exceptions import ConnectorException
from procrastinate.job_context import JobContext

from backoffice.correlation import correlated
from campaigns.sending.engine import Engine
from campaigns.sending.recorder import LeaseLost

logger = logging.getLogger(__name__)

QUEUE = "sending"
SWEEP_SECONDS = 5
# Chunks delivered at the same time by one worker: a slow one does not hold up the rest.
CONCURRENCY = 4
# An arbitrary number that names the sweep among PostgreSQL's advisory locks.
SWEEP_LOCK = 1_190_113_001


@app.task(name="deliver_chunk", queue=QUEUE, pass_context=True, retry=RetryStrategy(wait=2))
async def deliver_chunk(context: JobContext, *, chunk: int, request_id: str, user_email: str) -> None:
    """Deliver a chunk; if it is not done then, come back to it when it wants."""
    engine: Engine = context.additional_context["engine"]
    with correlated(request_id, user_email):
        try:
            again_at = await engine.deliver(chunk)
        except LeaseLost as error:
            logger.warning("%s", error)
            return
        if again_at:
            await _chunk_job(chunk, again_at).defer_async(
                chunk=chunk, request_id=request_id, user_email=user_email
            )


def enqueue(chunks: Iterable[int], request_id: str, user_email: str) -> None:
    """Have the chunks delivered; part of the caller's transaction. Enqueueing a chunk twice does no harm."""
    for chunk in chunks:
        _chunk_job(chunk).defer(chunk=chunk, request_id=request_id, user_email=user_email)


def _chunk_job(chunk: int, at: datetime | None = None):  # type: ignore[no-untyped-def] # noqa: ANN202
    # The lock keeps two jobs of one chunk from running side by side.
    return deliver_chunk.configure(lock=f"chunk:{chunk}", schedule_at=at)


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
        watcher = asyncio.create_task(_watch(until, stop)) if until else None
        try:
            while not stop.is_set():
                await _work(engine, stop)
        finally:
            if watcher:
                watcher.cancel()
            await engine.aclose()


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


async def _watch(until: Callable[[], bool], stop: asyncio.Event) -> None:
    while not await asyncio.to_thread(until):
        await asyncio.sleep(0.25)
    stop.set()


async def _work(engine: Engine, stop: asyncio.Event) -> None:
    """One life of Procrastinate's worker. It ends by itself when its database connection breaks."""
    try:
        async with _worker(engine) as (worker, sweeper):
            asked = asyncio.create_task(stop.wait())
            await asyncio.wait((worker, asked), return_when=asyncio.FIRST_COMPLETED)
            asked.cancel()
            if stop.is_set():
                engine.draining.set()
            sweeper.cancel()
            worker.cancel()
            with suppress(asyncio.CancelledError):
                await worker
    except (ConnectorException, OSError) as error:
        logger.warning("The worker lost the database, starting again: %s", error)
    if not stop.is_set():
        await asyncio.sleep(1)


@asynccontextmanager
async def _worker(engine: Engine) -> AsyncIterator[tuple[asyncio.Task[None], asyncio.Task[None]]]:
    connector = app.connector
    assert isinstance(connector, DjangoConnector)
    with app.replace_connector(connector.get_worker_connector()):
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
        try:
            await _sweep(engine)
        except ConnectorException as error:
            logger.warning("The sweep could not run: %s", error)
        await asyncio.sleep(SWEEP_SECONDS)


async def _sweep(engine: Engine) -> None:
    """Restart the jobs of dead workers, and give a job to open chunks that have none."""
    if not await engine.recorder.call(_try_lock):
        return
    try:
        timeout = settings.PROCRASTINATE_WORKER_DEFAULTS["stalled_worker_timeout"]
        for job in await app.job_manager.get_stalled_jobs(queue=QUEUE, seconds_since_heartbeat=timeout):
            logger.warning("Restarting job %s: its worker is gone.", job.id)
            await app.job_manager.retry_job(job)
        for chunk, request_id, email in await engine.recorder.call(_orphans):
            logger.warning("Chunk %s is open and had no job: it has one again.", chunk)
            await _chunk_job(chunk).defer_async(chunk=chunk, request_id=request_id, user_email=email)
    finally:
        await engine.recorder.call(_unlock)


def _try_lock() -> bool:
    # Two sweeps at once could take a restarted job away from the worker that has just fetched it.
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [SWEEP_LOCK])
        row = cursor.fetchone()
    return bool(row and row[0])


def _unlock() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_unlock(%s)", [SWEEP_LOCK])


def _orphans() -> list[tuple[int, str, str]]:
    with connection.cursor() as cursor:
        cursor.execute(_ORPHANS)
        return cursor.fetchall()


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
