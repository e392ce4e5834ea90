"""The line where the letters of all chunks wait for a connection."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol

from campaigns.sending.letters.composer import Letter
from campaigns.sending.outcomes import Outcome, TransportDown

# Told by the ledger whether a letter that is about to be sent may be.
type Told = Callable[[bool], None]


class Delivery(Protocol):
    """Where letters come from: one chunk on its way."""

    @property
    def stopped(self) -> bool:
        """Whether none of its letters may be started any more."""

    @property
    def waiting(self) -> int:
        """How many of its letters may be started."""

    def next(self) -> Parcel | None:
        """The next letter to send; None when there is none, or none may be started."""

    def mark(self, row: int, told: Told) -> None:
        """Commit that the row is about to be sent, and tell; False: it may not be."""

    def settle(self, parcel: Parcel, outcome: Outcome | None) -> None:
        """Hand in what became of a letter that was taken; None: it was not sent, and its row stays as it is."""

    def stop(self, reason: TransportDown | None = None) -> None:
        """Start no more letters; with a reason, because none can be sent at all."""

    def abandon(self, reason: TransportDown) -> None:
        """Stop, and wait for no letter that is out: it may never be handed back."""


class Parcel:
    """A letter, and the ledger row it belongs to. Whoever takes one settles it, drops it or gives it back."""

    __slots__ = ("delivery", "letter", "losses", "marked", "row", "tries")

    def __init__(self, letter: Letter, row: int, tries: int, delivery: Delivery) -> None:
        self.letter, self.row, self.tries, self.delivery = letter, row, tries, delivery
        self.marked = False
        self.losses = 0

    def mark(self, told: Told) -> None:
        """Have it committed that this letter is about to be sent. Whoever is told hands that on to granted()."""
        self.delivery.mark(self.row, told)

    def granted(self, granted: bool) -> bool:
        """Remember what came of the mark. Without it nothing of the delivery may be sent."""
        # One that an earlier connection was granted stands in the ledger until it is taken out.
        self.marked = self.marked or granted
        if not granted:
            self.delivery.stop()
        return granted

    def settle(self, outcome: Outcome) -> None:
        self.delivery.settle(self, outcome)

    def drop(self) -> None:
        """It was not sent, and waits in the ledger for another time."""
        self.delivery.settle(self, None)


class Line:
    """Gives the connections what to send, from all deliveries in turn."""

    def __init__(self) -> None:
        self._deliveries: deque[Delivery] = deque()
        self._returned: deque[Parcel] = deque()
        self._waiting: list[Callable[[], None]] = []
        self._closed = False

    def add(self, delivery: Delivery) -> None:
        self._deliveries.append(delivery)
        self.changed()

    def remove(self, delivery: Delivery) -> None:
        self._deliveries.remove(delivery)

    def take_now(self) -> Parcel | None:
        """The next letter, if there is one."""
        while self._returned:
            parcel = self._returned.popleft()
            if not parcel.delivery.stopped:
                return parcel
            parcel.drop()
        for _ in range(len(self._deliveries)):
            delivery = self._deliveries[0]
            self._deliveries.rotate(-1)
            if fresh := delivery.next():
                return fresh
        return None

    async def take(self, patience: float) -> Parcel | None:
        """The next letter; None when there was none for so many seconds."""
        parcel = self.take_now()
        if parcel is None and not self._closed:
            try:
                async with asyncio.timeout(patience):
                    while parcel is None and not self._closed:
                        await self._change()
                        parcel = self.take_now()
            except TimeoutError:
                return None
        return parcel

    @property
    def closed(self) -> bool:
        """Whether nothing comes any more."""
        return self._closed

    @property
    def waiting(self) -> int:
        """How many letters may be taken now."""
        return len(self._returned) + sum(delivery.waiting for delivery in self._deliveries)

    def give_back(self, parcel: Parcel) -> None:
        """The server has nothing of it: another connection may have it."""
        self._returned.append(parcel)
        self.changed()

    def fail(self, reason: TransportDown) -> None:
        """Nothing can be sent: tell all who have letters in the line."""
        for delivery in list(self._deliveries):
            delivery.stop(reason)
        self.take_now()

    def abandon(self, reason: TransportDown) -> None:
        """A connection has failed with a letter in its hands: whoever waits for one waits in vain."""
        for delivery in list(self._deliveries):
            delivery.abandon(reason)

    def close(self) -> None:
        """Nobody waits any longer."""
        self._closed = True
        self.take_now()
        self.changed()

    def when_changed(self, call: Callable[[], None]) -> None:
        """Call once, when there may be something to take, or the line has closed."""
        self._waiting.append(call)

    def changed(self) -> None:
        """There may be something to take now."""
        waiting, self._waiting = self._waiting, []
        loop = asyncio.get_running_loop()
        for call in waiting:
            loop.call_soon(call)

    async def _change(self) -> None:
        changed = asyncio.Event()
        self.when_changed(changed.set)
        await changed.wait()
