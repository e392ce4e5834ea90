"""The places for connections to the mail server, of which all workers together have no more than the limit allows.

A place is a PostgreSQL advisory lock of the worker's own session, so that it is free again the moment its worker dies.
Every worker that has something to send shares one more lock, and those who do share the places evenly.
"""

from __future__ import annotations

from collections.abc import Callable
from math import ceil

from campaigns.sending.limits.session import Session

# An arbitrary number, the first of the two that name such a lock. The second is the place's, or 0 for the shared one.
SPACE = 1_190_113_005


class Slot:
    """A connection's place. Once `revoked`, the connection begins no other letter and is closed."""

    __slots__ = ("number", "revoked")

    def __init__(self, number: int) -> None:
        self.number = number
        self.revoked = False


class Slots:
    """The places of this process. `wake` is called when settle() should not wait for its next turn."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self.due = False
        # Until the database has been asked, there are none.
        self._limit: int | None = 0
        # By number: to take, and to give up. What others are to have must not be taken again.
        self._free: set[int] = set()
        self._surplus: set[int] = set()
        self._open: list[Slot] = []
        self._wanted = 0
        self._shares = False

    def want(self, connections: int) -> None:
        """The process has letters for so many connections now, those that are open among them."""
        self._wanted = connections
        if self._limit is not None and connections > len(self._open) + len(self._free):
            self._hurry()

    def take(self) -> Slot | None:
        """A place for one more connection, to be given back when it is closed; None: there is none now."""
        if self._limit is None:
            slot = Slot(0)
        elif self._free:
            slot = Slot(self._free.pop())
        else:
            return None
        self._open.append(slot)
        return slot

    def give(self, slot: Slot) -> None:
        """The connection is closed."""
        self._open.remove(slot)
        if slot.number:
            (self._surplus if slot.revoked else self._free).add(slot.number)
            self._hurry()

    def lose(self) -> None:
        """The session, and with it every lock, is gone: others may have the places already."""
        self._free.clear()
        self._surplus.clear()
        self._shares = False
        for slot in self._open:
            slot.revoked = slot.revoked or bool(slot.number)
            slot.number = 0

    async def settle(self, session: Session, limit: int | None) -> bool:
        """Take the places that the process wants and may have, and give up the others.

        Returns whether some are free to take, or some were revoked. Raises psycopg.Error.
        """
        self.due = False
        opened, self._limit = limit is None and self._limit is not None, limit
        aim = await self._aim(session)
        revoked = self._revoke(aim)
        await self._release(session, aim)
        lacking = aim - len(self._free) - len(self._open)
        if limit and lacking > 0:
            await self._lock(session, lacking, limit)
        return opened or revoked or bool(self._free)

    async def _aim(self, session: Session) -> int:
        """How many places the process should have; it shares them with the others while it wants any."""
        wanted = max(self._wanted, len(self._open)) if self._limit else 0
        if bool(wanted) != self._shares:
            await session.execute(_SHARE if wanted else _UNSHARE, {"space": SPACE})
            self._shares = bool(wanted)
        if not wanted or not self._limit:
            return 0
        [(sharers,)] = await (await session.execute(_SHARERS, {"space": SPACE})).fetchall()
        return min(wanted, ceil(self._limit / int(sharers)))

    def _revoke(self, aim: int) -> bool:
        if self._limit is None:
            return False
        staying = [slot for slot in self._open if not slot.revoked]
        in_place = [slot for slot in staying if 0 < slot.number <= self._limit]
        for slot in (leaving := set(staying) - set(in_place[:aim])):
            slot.revoked = True
        return bool(leaving)

    async def _release(self, session: Session, aim: int) -> None:
        in_place = sorted(number for number in self._free if number <= (self._limit or 0))
        keep = set(in_place[: max(0, aim - len(self._open))])
        if gone := self._surplus | (self._free - keep):
            self._free, self._surplus = keep, set()
            await session.execute(_RELEASE, {"space": SPACE, "numbers": list(gone)})

    async def _lock(self, session: Session, count: int, limit: int) -> None:
        held = [*self._free, *self._surplus, *(slot.number for slot in self._open)]
        asked = {"space": SPACE, "held": held, "count": count, "limit": limit}
        locked = await (await session.execute(_LOCK, asked)).fetchall()
        self._free.update(number for (number,) in locked)

    def _hurry(self) -> None:
        self.due = True
        self._wake()


# A session that asks again for a lock of its own gets it, once more; CASE keeps it from asking.
_LOCK = """
SELECT n FROM generate_series(1, %(limit)s) n
WHERE CASE WHEN n = ANY(%(held)s::int[]) THEN false ELSE pg_try_advisory_lock(%(space)s, n) END
LIMIT %(count)s
"""
_RELEASE = "SELECT pg_advisory_unlock(%(space)s, n) FROM unnest(%(numbers)s::int[]) n"
_SHARE = "SELECT pg_advisory_lock_shared(%(space)s, 0)"
_UNSHARE = "SELECT pg_advisory_unlock_shared(%(space)s, 0)"
_SHARERS = """
SELECT count(*) FROM pg_locks
WHERE locktype = 'advisory' AND classid = %(space)s AND objid = 0 AND objsubid = 2 AND granted
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
