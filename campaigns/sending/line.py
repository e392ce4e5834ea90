"""The line where the letters of all chunks wait for a connection."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import Protocol

from campaigns.models.log import Status
from campaigns.sending.letters import Letter
from campaigns.sending.outcomes import Outcome, TransportDown


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

    def mark(self, row: int) -> asyncio.Future[bool]:
        """Commit that the row is about to be sent. False: it may not be."""

    def settle(self, parcel: Parcel, outcome: Outcome | None) -> None:
        """Hand in what became of a letter that was taken; None: its row stays as it is."""

    def stop(self, reason: TransportDown | None = None) -> None:
        """Start no more letters; with a reason, because none can be sent at all."""

    def abandon(self, reason: TransportDown) -> None:
        """Stop, and wait for no letter that is out: it may never be handed back."""


@dataclass(slots=True)
class Parcel:
    """A letter, and the ledger row it belongs to. Whoever takes one settles it, drops it or gives it back."""

    letter: Letter
    row: int
    tries: int
    delivery: Delivery
    marked: bool = False
    losses: int = 0

    def mark(self) -> asyncio.Future[bool]:
        """Have it committed that this letter is about to be sent; granted() tells when it is."""
        return self.delivery.mark(self.row)

    async def granted(self, marking: asyncio.Future[bool]) -> bool:
        """Whether the mark is committed. False: it may not be sent, and nothing of its delivery may."""
        self.marked = await marking
        if not self.marked:
            self.delivery.stop()
        return self.marked

    def settle(self, outcome: Outcome) -> None:
        self.delivery.settle(self, outcome)

    def drop(self) -> None:
        """It was not sent, and waits in the ledger for another time."""
        self.delivery.settle(self, Outcome(Status.PENDING) if self.marked else None)


class Line:
    """Gives the connections what to send, from all deliveries in turn."""

    def __init__(self) -> None:
        self._deliveries: deque[Delivery] = deque()
        self._returned: deque[Parcel] = deque()
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._closed = False

    def add(self, delivery: Delivery) -> None:
        self._deliveries.append(delivery)
        self._wake_all()

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

    def has_work(self) -> bool:
        """Whether somebody who took now would get something."""
        return bool(self._returned) or any(delivery.waiting for delivery in self._deliveries)

    def give_back(self, parcel: Parcel) -> None:
        """The server has nothing of it: another connection may have it."""
        self._returned.append(parcel)
        self._wake_all()

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
        self._wake_all()

    async def _change(self) -> None:
        future = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        await future

    def _wake_all(self) -> None:
        waiting, self._waiting = self._waiting, deque()
        for future in waiting:
            if not future.done():
                future.set_result(None)
