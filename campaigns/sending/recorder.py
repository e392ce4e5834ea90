"""Group commit: one writer per process commits what all connections hand in while its last commit ran.

No timer: a group forms by itself, and its size follows the load. A commit per message reaches 16 % of the
rate of Postfix's load generator, grouped commits 79–96 % (measured, two cores).
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import Context
from dataclasses import dataclass, field

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, connections

from campaigns.sending import failpoints
from campaigns.sending.ledger import entries
from campaigns.sending.ledger.entries import Entries, Settlement, Written
from campaigns.sending.ledger.lease import Lease
from campaigns.sending.line import Told

logger = logging.getLogger(__name__)

# While PostgreSQL is away the same entries are written again (they are idempotent), for at most this long.
PATIENCE_SECONDS = 300
PAUSE_SECONDS = 0.5
# The one statement that commits is planned once, perhaps while the ledger is empty or without statistics: then by the
# indexes, which are right at any size.
PLANNED_ONCE = {
    "plan_cache_mode": "force_generic_plan",
    **dict.fromkeys(("enable_seqscan", "enable_bitmapscan", "enable_hashjoin", "enable_mergejoin"), "off"),
}
PLANNED_EACH_TIME = {"plan_cache_mode": "force_custom_plan"}


class LeaseLost(Exception):
    """Another worker has taken the chunk; whatever this one still knows of it is not written."""


@dataclass(slots=True)
class _News:
    """What is to be written of one lease, and who wants to know when it is."""

    marks: list[int] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    settlements: list[Settlement] = field(default_factory=list)
    # Of the rows that are settled, those that were in flight.
    landed: set[int] = field(default_factory=set)
    flushes: list[asyncio.Future[None]] = field(default_factory=list)

    def tell(self, lease: Lease, written: Written) -> None:
        for told in self.told:
            told(written.granted)
        for future in self.flushes:
            if future.done():
                continue
            if written.held:
                future.set_result(None)
            else:
                future.set_exception(LeaseLost(f"Chunk {lease.chunk} was taken by another worker, or closed."))

    def fail(self, error: Exception) -> None:
        for told in self.told:
            told(False)
        for future in self.flushes:
            if not future.done():
                future.set_exception(error)


class Recorder:
    """The process's way to the ledger: a thread for the commits and one for all else, each with its own connection."""

    def __init__(self) -> None:
        self._calls = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ledger")
        # Apart from the rest, so that no mark waits while a chunk is taken or closed.
        self._commits = ThreadPoolExecutor(max_workers=1, thread_name_prefix="commits")
        self._news: dict[Lease, _News] = {}
        # Rows that were granted to be sent and are not settled: the ledger keeps the same set, for whoever comes next.
        self._in_flight: defaultdict[Lease, set[int]] = defaultdict(set)
        self._writer: asyncio.Task[None] | None = None

    async def call[**P, R](self, statement: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a function of the ledger in its turn, again and again while the database is away."""
        return await self._persist(self._calls, lambda: statement(*args, **kwargs))

    def mark(self, lease: Lease, row: int, told: Told) -> None:
        """Commit that the row is about to be sent, and tell.

        False: it may not be, because the attempt has been stopped, the lease is lost, or the database is gone.
        """
        news = self._of(lease)
        news.marks.append(row)
        news.told.append(told)

    def release(self, lease: Lease, row: int) -> None:
        """A row that was marked has not been sent after all."""
        self._in_flight[lease].discard(row)
        self._of(lease)

    def settle(self, lease: Lease, settlement: Settlement) -> None:
        """Hand in what became of a row; committed soon, and surely once flush() returns."""
        self._of(lease).settlements.append(settlement)

    async def flush(self, lease: Lease) -> None:
        """Wait until all that was handed in for the lease is committed. Raises LeaseLost."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._of(lease).flushes.append(future)
        try:
            await future
        except LeaseLost:
            # Nothing is written under it any more.
            self._in_flight.pop(lease, None)
            raise
        if not self._in_flight[lease]:
            del self._in_flight[lease]

    async def aclose(self) -> None:
        """Commit what is left, and let go of the threads and their connections."""
        if self._writer:
            await self._writer
        for thread in (self._calls, self._commits):
            await asyncio.get_running_loop().run_in_executor(thread, connections.close_all)
            thread.shutdown()

    def _of(self, lease: Lease) -> _News:
        news = self._news.get(lease)
        if news is None:
            news = self._news[lease] = _News()
            if self._writer is None or self._writer.done():
                self._writer = asyncio.create_task(self._write_all(), name="ledger writer", context=Context())
        return news

    async def _write_all(self) -> None:
        group = self._begin()
        while group:
            news, statement, running = group
            try:
                written = await self._persist(self._commits, statement, running)
                if failpoints.ARMED:
                    failpoints.reach("after-commit")
            except Exception as error:
                logger.exception("The ledger could not be written")
                self._leave_in_doubt(news)
                group = self._begin()
                for one in news.values():
                    one.fail(error)
            else:
                self._note(news, written)
                # The next commit runs while those who waited for this one go on.
                group = self._begin()
                for lease, one in news.items():
                    one.tell(lease, written[lease])
            # Those who were told may have handed in more.
            group = group or self._begin()

    def _begin(self) -> _Group | None:
        """Start to write what there is."""
        if not self._news:
            return None
        news, self._news = self._news, {}
        group = {lease: self._entries(lease, one) for lease, one in news.items()}
        if failpoints.ARMED:
            failpoints.reach("before-commit")

        def statement() -> dict[Lease, Written]:
            return entries.write(group)

        return news, statement, self._submit(self._commits, statement)

    def _entries(self, lease: Lease, news: _News) -> Entries:
        in_flight = self._in_flight[lease]
        news.landed = in_flight.intersection([settlement.row for settlement in news.settlements])
        in_flight -= news.landed
        return Entries(list(in_flight), news.marks, news.settlements)

    def _leave_in_doubt(self, news: dict[Lease, _News]) -> None:
        # Their outcomes are lost: the next commit must not take their marks away, or their letters would be sent again.
        for lease, one in news.items():
            self._in_flight[lease] |= one.landed

    def _note(self, news: dict[Lease, _News], written: dict[Lease, Written]) -> None:
        for lease, one in news.items():
            if written[lease].granted:
                self._in_flight[lease].update(one.marks)

    def _submit[R](self, thread: ThreadPoolExecutor, statement: Callable[[], R]) -> asyncio.Future[R]:
        options = PLANNED_ONCE if thread is self._commits else PLANNED_EACH_TIME
        return asyncio.get_running_loop().run_in_executor(thread, _in_session, statement, options)

    async def _persist[R](
        self, thread: ThreadPoolExecutor, statement: Callable[[], R], running: asyncio.Future[R] | None = None
    ) -> R:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + PATIENCE_SECONDS
        while True:
            try:
                return await (running or self._submit(thread, statement))
            except (OperationalError, InterfaceError) as error:
                if loop.time() > deadline:
                    raise
                logger.warning("The database does not answer, trying again: %s", error)
                await loop.run_in_executor(thread, _forget_connection)
                await asyncio.sleep(PAUSE_SECONDS)
                running = None


# What one commit writes: what waits for it, the statement, and the statement's first run.
type _Group = tuple[dict[Lease, _News], Callable[[], dict[Lease, Written]], asyncio.Future[dict[Lease, Written]]]


def _in_session[R](statement: Callable[[], R], options: dict[str, str]) -> R:
    if connection.connection is None:
        # A worker that is frozen in the middle of a commit must not keep its locks from the one that takes over.
        timeout = str(1000 * settings.STALLED_WORKER_SECONDS // 2)
        with connection.cursor() as cursor:
            for option, value in {"idle_in_transaction_session_timeout": timeout, **options}.items():
                cursor.execute("SELECT set_config(%s, %s, false)", [option, value])
    return statement()


def _forget_connection() -> None:
    with suppress(Exception):
        connections["default"].close()
