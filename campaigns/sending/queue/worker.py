"""A worker: one process that takes jobs until it is asked to stop."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import cast

import psycopg
from django.db import Error as DatabaseError
from procrastinate.contrib.django import app
from procrastinate.contrib.django.django_connector import DjangoConnector
from procrastinate.exceptions import ConnectorException

from campaigns.sending import home
from campaigns.sending.engine import Engine
from campaigns.sending.queue.jobs import CONCURRENCY, QUEUE
from campaigns.sending.queue.sweep import Sweep

logger = logging.getLogger(__name__)

# What a worker takes jobs from, and how many at a time. An import runs in a process of its own, one for each worker.
QUEUES = {QUEUE: CONCURRENCY, "imports": 1, "bulk": 1}


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
    stop = asyncio.Event()
    with _stopping_on_signals(stop):
        engine = Engine()
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
    except (ConnectorException, psycopg.Error, DatabaseError, OSError) as error:
        logger.warning("The worker lost the database, starting again: %s", error)
    if not stop.is_set():
        await asyncio.sleep(1)


@asynccontextmanager
async def _worker(engine: Engine) -> AsyncIterator[tuple[asyncio.Task[None], asyncio.Task[None]]]:
    with app.replace_connector(cast(DjangoConnector, app.connector).get_worker_connector()):
        async with app.open_async():
            worker = asyncio.create_task(_take_jobs(engine))
            yield worker, asyncio.create_task(Sweep(engine).forever())


async def _take_jobs(engine: Engine) -> None:
    """Jobs of each queue beside those of the others: a queue that is full holds up none."""
    # At each life: the database that is back may be another one.
    await engine.recorder.call(home.hold_copies)
    takers = [asyncio.create_task(_take_from(engine, *queue)) for queue in QUEUES.items()]
    try:
        await asyncio.wait(takers, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for taker in takers:
            taker.cancel()
        ends = await asyncio.gather(*takers, return_exceptions=True)
    for end in ends:
        if isinstance(end, Exception):
            raise end


async def _take_from(engine: Engine, queue: str, concurrency: int) -> None:
    await app.run_worker_async(
        queues=[queue],
        concurrency=concurrency,
        additional_context={"engine": engine},
        install_signal_handlers=False,
    )
