"""Group commit: one writer per process commits what all connections hand in while its last commit ran.

No timer: a group forms by itself, and its size follows the load. A commit per message reaches 16 % of the
rate of Postfix's load generator, grouped commits 79–96 % (measured, two cores).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, connections

from campaigns.sending import ledger
from campaigns.sending.ledger import Entries, Lease, Settlement, Written

logger = logging.getLogger(__name__)

# While PostgreSQL is away the same entries are written again (they are idempotent), for at most this long.
PATIENCE_SECONDS = 300
PAUSE_SECONDS = 0.5


class LeaseLost(Exception):
    """Another worker has taken the chunk; whatever this one still knows of it is not written."""


class Recorder:
    """The process's way to the ledger: a thread for the commits and one for all else, each with its own connection."""

    def __init__(self) -> None:
        self._calls = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ledger")
        # Apart from the rest, so that no mark waits while a chunk is taken or closed.
        self._commits = ThreadPoolExecutor(max_workers=1, thread_name_prefix="commits")
        self._entries: dict[Lease, Entries] = {}
        self._waiting: dict[Lease, list[tuple[int | None, asyncio.Future[bool]]]] = {}
        self._writer: asyncio.Task[None] | None = None

    async def call[**P, R](self, statement: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a function of the ledger in its turn, again and again while the database is away."""
        return await self._run(self._calls, statement, *args, **kwargs)

    async def _run[**P, R](
        self, thread: ThreadPoolExecutor, statement: Callable[P, R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + PATIENCE_SECONDS
        while True:
            try:
                return await loop.run_in_executor(thread, lambda: _in_session(statement, *args, **kwargs))
            except (OperationalError, InterfaceError) as error:
                if loop.time() > deadline:
                    raise
                logger.warning("The database does not answer, trying again: %s", error)
                await loop.run_in_executor(thread, _forget_connection)
                await asyncio.sleep(PAUSE_SECONDS)

    def mark(self, lease: Lease, row: int) -> asyncio.Future[bool]:
        """Commit that the row is about to be sent.

        False: it may not be, because the attempt has been stopped, the lease is lost, or the database is gone.
        """
        self._of(lease).marks.append(row)
        return self._committed(lease, row)

    def settle(self, lease: Lease, settlement: Settlement) -> None:
        """Hand in what became of a row; committed soon, and surely once flush() returns."""
        self._of(lease).settlements.append(settlement)
        self._wake()

    async def flush(self, lease: Lease) -> None:
        """Wait until all that was handed in for the lease is committed. Raises LeaseLost."""
        await self._committed(lease, None)

    async def aclose(self) -> None:
        """Commit what is left, and let go of the threads and their connections."""
        if self._writer:
            await self._writer
        for thread in (self._calls, self._commits):
            await asyncio.get_running_loop().run_in_executor(thread, connections.close_all)
            thread.shutdown()

    def _of(self, lease: Lease) -> Entries:
        return self._entries.setdefault(lease, Entries())

    def _committed(self, lease: Lease, row: int | None) -> asyncio.Future[bool]:
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._of(lease)
        self._waiting.setdefault(lease, []).append((row, future))
        self._wake()
        return future

    def _wake(self) -> None:
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write_all(), name="ledger writer")

    async def _write_all(self) -> None:
        while self._entries:
            entries, self._entries = self._entries, {}
            waiting, self._waiting = self._waiting, {}
            try:
                written = await self._run(self._commits, ledger.write, entries)
            except Exception as error:
                _fail(waiting, error)
            else:
                _tell(waiting, written)


def _tell(waiting: dict[Lease, list[tuple[int | None, asyncio.Future[bool]]]], written: dict[Lease, Written]) -> None:
    for lease, futures in waiting.items():
        result = written[lease]
        for row, future in futures:
            if future.done():
                continue
            if row is not None:
                future.set_result(row in result.marked)
            elif result.held:
                future.set_result(True)
            else:
                future.set_exception(LeaseLost(f"Chunk {lease.chunk} was taken by another worker."))


def _fail(waiting: dict[Lease, list[tuple[int | None, asyncio.Future[bool]]]], error: Exception) -> None:
    logger.error("The ledger could not be written: %s", error)
    for futures in waiting.values():
        for row, future in futures:
            if future.done():
                continue
            if row is None:
                future.set_exception(error)
            else:
                future.set_result(False)


def _in_session[**P, R](statement: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    if connection.connection is None:
        # A worker that is frozen in the middle of a commit must not keep its locks from the one that takes over.
        timeout = 1000 * settings.STALLED_WORKER_SECONDS // 2
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('idle_in_transaction_session_timeout', %s, false)", [str(timeout)])
    return statement(*args, **kwargs)


def _forget_connection() -> None:
    with suppress(Exception):
        connections["default"].close()
