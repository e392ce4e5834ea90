"""Deliver one chunk: take it, compose, mark, send, settle, close."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from datetime import datetime, timedelta

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils import timezone

from campaigns.models import MailingAttempt
from campaigns.models.attempt import Status as AttemptStatus
from campaigns.models.log import Status
from campaigns.sending import ledger
from campaigns.sending.connections import Connections
from campaigns.sending.ledger import Lease, Ready, Settlement
from campaigns.sending.letters import Composer, Letter
from campaigns.sending.line import Line, Parcel
from campaigns.sending.outcomes import NotComposed, Outcome, TransportDown
from campaigns.sending.recorder import Recorder

logger = logging.getLogger(__name__)


class Engine:
    """What one worker process sends with."""

    def __init__(self) -> None:
        self.recorder = Recorder()
        # Writing an audience takes a while: a thread of its own, so that no letter waits for it.
        self.expander = Recorder()
        self.line = Line()
        self.connections = Connections(self.line, settings.SENDING_CONNECTIONS)
        self.draining = False
        self._deliveries: set[_Delivery] = set()

    def drain(self) -> None:
        """The worker is asked to stop: what is in flight settles, nothing new starts."""
        self.draining = True
        for delivery in self._deliveries:
            delivery.stop()

    async def deliver(self, chunk: int) -> datetime | None:
        """Deliver what the chunk has ready, and close it when nothing in it is open.

        Returns when it wants to be delivered again (now, if the worker is draining), or None. Raises LeaseLost
        when another worker took the chunk meanwhile.
        """
        lease = await self.recorder.call(ledger.take, chunk)
        if lease is None:
            return None
        attempt = await self._attempt(lease)
        if attempt.status == AttemptStatus.RUNNING:
            await self._send(attempt, lease)
            attempt = await self._attempt(lease)
        if attempt.status == AttemptStatus.CANCELLED:
            await self.recorder.call(ledger.cancel_open, lease)
        retry_at = await self.recorder.call(ledger.close, lease)
        if self.draining:
            return timezone.now()
        # Who resumes a paused attempt enqueues its chunks; until then they would come back at once, again and again.
        return retry_at if attempt.status == AttemptStatus.RUNNING else None

    async def aclose(self) -> None:
        """Let go of the database and the mail server."""
        await self.connections.aclose()
        await self.recorder.aclose()
        await self.expander.aclose()

    async def _attempt(self, lease: Lease) -> MailingAttempt:
        attempt: MailingAttempt = await self.recorder.call(MailingAttempt.objects.get, pk=lease.attempt)
        return attempt

    async def _send(self, attempt: MailingAttempt, lease: Lease) -> None:
        try:
            composer = Composer(attempt)
        except (NotComposed, ValidationError) as error:
            await self._cannot_compose(attempt, lease, f"No letter can be written: {_sentence(error)}")
            return
        rows = await self.recorder.call(ledger.ready, lease)
        delivery = _Delivery(self, composer, lease, deque(rows))
        self._deliveries.add(delivery)
        if self.draining:
            delivery.stop()
        try:
            await (delivery.rehearse() if attempt.dry_run else delivery.run())
        finally:
            self._deliveries.discard(delivery)
        await self.recorder.flush(lease)
        if delivery.down:
            await self._pause(attempt, delivery.down)

    async def _cannot_compose(self, attempt: MailingAttempt, lease: Lease, reason: str) -> None:
        if not attempt.dry_run:
            await self._pause(attempt, TransportDown(reason))
            return
        # Telling this is what a dry run is for: it ends, and the mailing that it rehearses is not touched.
        for row in await self.recorder.call(ledger.ready, lease):
            self.recorder.settle(lease, Settlement(row.to.row, Status.ERROR, reason))
        await self.recorder.flush(lease)

    async def _pause(self, attempt: MailingAttempt, reason: TransportDown) -> None:
        logger.warning("Attempt %s is paused: %s", attempt.pk, reason)
        await self.recorder.call(ledger.pause, attempt.pk, str(reason))


def _sentence(error: Exception) -> str:
    return " ".join(error.messages) if isinstance(error, ValidationError) else str(error)


class _Delivery:
    """One chunk on its way. Its letters are taken from it, and each is handed back with what became of it."""

    def __init__(self, engine: Engine, composer: Composer, lease: Lease, rows: deque[Ready]) -> None:
        self.engine, self.composer, self.lease, self.rows = engine, composer, lease, rows
        self.down: TransportDown | None = None
        self._stopped = False
        self._out = 0
        self._done = asyncio.Event()

    async def run(self) -> None:
        """Send all rows, or stop early: paused, cancelled, draining, lease lost, or transport down."""
        self.engine.line.add(self)
        try:
            self.engine.connections.want(len(self.rows))
            self._check()
            await self._done.wait()
        finally:
            self.engine.line.remove(self)

    async def rehearse(self) -> None:
        """Compose every letter and send none: a dry run opens no connection."""
        while parcel := self.next():
            self.settle(parcel, Outcome(Status.DRY_RUN))
            await asyncio.sleep(0)

    @property
    def stopped(self) -> bool:
        return self._stopped

    @property
    def waiting(self) -> int:
        return 0 if self._stopped else len(self.rows)

    def next(self) -> Parcel | None:
        while self.rows and not self._stopped:
            row = self.rows.popleft()
            if letter := self._compose(row):
                self._out += 1
                return Parcel(letter, row.to.row, row.tries, self)
        self._check()
        return None

    def mark(self, row: int) -> asyncio.Future[bool]:
        return self.engine.recorder.mark(self.lease, row)

    def settle(self, parcel: Parcel, outcome: Outcome | None) -> None:
        if outcome:
            self._record(parcel.row, parcel.tries, outcome)
        self._out -= 1
        self._check()

    def stop(self, reason: TransportDown | None = None) -> None:
        self._stopped = True
        self.down = self.down or reason
        self._check()

    def abandon(self, reason: TransportDown) -> None:
        self.stop(reason)
        self._done.set()

    def _check(self) -> None:
        if self._out == 0 and (self._stopped or not self.rows):
            self._done.set()

    def _compose(self, row: Ready) -> Letter | None:
        if not row.exists:
            self._record(row.to.row, row.tries, Outcome(Status.SKIPPED, "The recipient has been deleted."))
            return None
        try:
            return self.composer.compose(row.to, timezone.now())
        except NotComposed as error:
            self._record(row.to.row, row.tries, Outcome(Status.ERROR, str(error)))
            return None

    def _record(self, row: int, tries: int, outcome: Outcome) -> None:
        status, retry_at = outcome.status, None
        if status == Status.DEFERRED and tries + 1 >= settings.SENDING_TRIES:
            status = Status.ERROR
        elif status == Status.DEFERRED:
            retry_at = timezone.now() + timedelta(seconds=settings.SENDING_RETRY_SECONDS * 2**tries)
        self.engine.recorder.settle(self.lease, Settlement(row, status, outcome.detail, retry_at))
