"""The process's connections: opened when there is something to send, never more than the limit."""

from __future__ import annotations

import asyncio
import logging
from contextvars import Context
from typing import Any, Protocol

from django.conf import settings

from campaigns.sending.backends import BackendConnection
from campaigns.sending.limits.slots import Slot, Slots
from campaigns.sending.line import Line
from campaigns.sending.outcomes import TransportDown, readable
from campaigns.sending.smtp.connection import SmtpConnection

logger = logging.getLogger(__name__)


class Connection(Protocol):
    """A way out for letters: opened once, serves the line until it has had enough or is told to retire, closed."""

    async def open(self) -> None: ...

    async def serve(self, line: Line) -> None: ...

    async def close(self) -> None: ...

    def retire(self) -> None: ...

    def expire(self) -> None: ...


def connection(alias: str = "default") -> Connection:
    """A new, unopened connection by that entry of MAILERS."""
    mailer: dict[str, Any] = settings.MAILERS[alias]
    if mailer["BACKEND"] == settings.SMTP_BACKEND:
        return SmtpConnection(mailer["OPTIONS"])
    return BackendConnection(alias)


class Connections:
    """Keeps as many connections on the line as there is work for, up to the limit and the places there are."""

    def __init__(self, line: Line, slots: Slots, limit: int) -> None:
        self._line, self._slots, self._limit = line, slots, limit
        self._tasks: set[asyncio.Task[None]] = set()
        self._open: dict[Connection, Slot] = {}
        self._opening = 0
        self._first = asyncio.Lock()
        self._watch: asyncio.Task[None] | None = None

    def adjust(self) -> None:
        """There are letters to send, or other places for connections than before."""
        for served, slot in self._open.items():
            if slot.revoked:
                served.retire()
        self._want()
        for _ in range(min(self._limit - len(self._tasks), self._line.waiting)):
            if (place := self._slots.take()) is None:
                break
            # In the log, a connection is no work of the job that happened to open it.
            task = asyncio.create_task(self._guarded(place), name="connection", context=Context())
            self._tasks.add(task)
            task.add_done_callback(self._ended)
        if self._watch is None:
            self._watch = asyncio.create_task(self._expire())

    async def aclose(self) -> None:
        """Let all finish what they are at."""
        self._line.close()
        if self._tasks:
            await asyncio.wait(self._tasks)
        if self._watch:
            self._watch.cancel()

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._want()

    def _want(self) -> None:
        self._slots.want(min(self._limit, max(self._line.waiting, len(self._tasks))))

    async def _guarded(self, slot: Slot) -> None:
        try:
            await self._keep_serving(slot)
        except Exception as error:
            # A fault of ours, and no reason to hang: the attempt pauses, and what was in flight stays in doubt.
            logger.exception("A connection failed")
            self._line.abandon(TransportDown(f"The worker failed: {readable(repr(error))}"))
        finally:
            self._slots.give(slot)

    async def _keep_serving(self, slot: Slot) -> None:
        while self._line.waiting and not slot.revoked:
            self._opening += 1
            try:
                fresh = await self._opened()
            except TransportDown as reason:
                self._could_not_open(reason)
                return
            finally:
                self._opening -= 1
            if fresh:
                await self._serve(fresh, slot)

    async def _opened(self) -> Connection | None:
        """A new connection; None if it is not needed any more.

        While none is open they are tried one by one: each wrong login counts, and providers lock accounts.
        """
        fresh = connection()
        async with self._first:
            alone = not self._open
            if alone and self._line.waiting:
                await fresh.open()
                return fresh
        if alone:
            return None
        await fresh.open()
        return fresh

    async def _serve(self, fresh: Connection, slot: Slot) -> None:
        self._open[fresh] = slot
        if slot.revoked:  # while it was being opened
            fresh.retire()
        try:
            await fresh.serve(self._line)
        finally:
            del self._open[fresh]
            await fresh.close()

    def _could_not_open(self, reason: TransportDown) -> None:
        if self._open or (reason.temporary and self._opening > 1):
            # The server takes some and no more: those that it took go on, and others may try.
            logger.warning("%s; going on with the other connections.", reason)
        else:
            self._line.fail(reason)

    async def _expire(self) -> None:
        while True:
            await asyncio.sleep(1)
            for served in list(self._open):
                served.expire()
