"""Workers that ask before they begin a letter, without a mail server."""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic

from django.db import connection, connections

from campaigns.models import SendingLimit
from campaigns.sending.limits.limits import Limits
from campaigns.sending.limits.slots import Slot

PATIENCE_SECONDS = 60
Unit = SendingLimit.Unit


def limit(maximum: int, unit: int = Unit.SECOND, domain: str = "") -> SendingLimit:
    return SendingLimit.objects.create(domain=domain, maximum=maximum, unit=unit)


class Worker:
    """What an engine does with its limits: it asks again whenever something has changed."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()
        self.limits = Limits(self._changed.set)
        self.open: list[Slot] = []

    async def waits_until(self, holds: Callable[[], bool]) -> None:
        """Wait for changes until it holds."""
        while not holds():
            self._changed.clear()
            await self._changed.wait()

    async def begins(self, letters: int = 1, domain: str = "a.example") -> None:
        """Begin so many letters, however long that takes."""
        for _ in range(letters):
            await self.waits_until(lambda: self.limits.admits(domain))

    async def begins_for(self, seconds: float, domain: str = "a.example") -> int:
        """Begin as many letters as it may in that time; returns how many."""
        letters, end = 0, monotonic() + seconds
        while (left := end - monotonic()) > 0:
            self._changed.clear()
            if self.limits.admits(domain):
                letters += 1
                continue
            try:
                async with asyncio.timeout(left):
                    await self._changed.wait()
            except TimeoutError:
                break
        return letters

    def connects(self, wanted: int) -> int:
        """Open as many connections as it wants and may, close those that must; returns how many are open."""
        slots = self.limits.slots
        slots.want(wanted)
        for slot in [slot for slot in self.open if slot.revoked or len(self.open) > wanted]:
            self.open.remove(slot)
            slots.give(slot)
        while len(self.open) < wanted and (place := slots.take()):
            self.open.append(place)
        return len(self.open)


type Scene[T] = Callable[..., Awaitable[T]]


def play[T](scene: Scene[T], workers: int = 1) -> T:
    """Run the scene with so many workers, each with a session of its own. Raises TimeoutError when it hangs."""

    async def run() -> T:
        cast = [Worker() for _ in range(workers)]
        for worker in cast:
            worker.limits.start()
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                return await scene(*cast)
        finally:
            for worker in cast:
                await worker.limits.aclose()

    return asyncio.run(run())


async def database[T](statement: Callable[[], T]) -> T:
    """What a person does meanwhile, by a connection of its own."""

    def act() -> T:
        try:
            return statement()
        finally:
            connections.close_all()

    return await asyncio.to_thread(act)


def end_sessions() -> None:
    """Break the worker's session with the database; the server may not have ended that of an earlier one yet."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'autosend-limits' AND datname = current_database()"
        )
        assert cursor.rowcount
