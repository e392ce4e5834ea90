"""Deliver one chunk: take it, compose, mark, send, settle, close."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils import timezone

from campaigns.models import MailingAttempt
from campaigns.models.attempt import Status as AttemptStatus
from campaigns.models.log import Status
from campaigns.sending import ledger
from campaigns.sending.ledger import Lease, Ready, Settlement
from campaigns.sending.letters import Composer, Letter
from campaigns.sending.outcomes import NotComposed, Outcome, TransportDown
from campaigns.sending.recorder import LeaseLost, Recorder
from campaigns.sending.smtp import Pool, Transport

logger = logging.getLogger(__name__)


@dataclass
class Engine:
    """What one worker process sends with."""

    recorder: Recorder = field(default_factory=Recorder)
    pool: Pool = field(default_factory=lambda: Pool(settings.SENDING_CONNECTIONS))
    # Set when the worker is asked to stop: what is in flight settles, nothing new starts.
    draining: asyncio.Event = field(default_factory=asyncio.Event)

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
        if self.draining.is_set():
            return timezone.now()
        # Who resumes a paused attempt enqueues its chunks; until then they would come back at once, again and again.
        return retry_at if attempt.status == AttemptStatus.RUNNING else None

    async def aclose(self) -> None:
        """Let go of the database and the mail server."""
        await self.recorder.aclose()
        await self.pool.aclose()

    async def _attempt(self, lease: Lease) -> MailingAttempt:
        attempt: MailingAttempt = await self.recorder.call(MailingAttempt.objects.get, pk=lease.attempt)
        return attempt

    async def _send(self, attempt: MailingAttempt, lease: Lease) -> None:
        try:
            composer = Composer(attempt)
        except (NotComposed, ValidationError) as error:
            await self._pause(attempt, TransportDown(f"No letter can be written: {_sentence(error)}"))
            return
        rows = await self.recorder.call(ledger.ready, lease)
        delivery = _Delivery(self, composer, lease, deque(rows))
        if attempt.dry_run:
            await delivery.rehearse()
        else:
            await delivery.run()
        await self.recorder.flush(lease)
        if delivery.down:
            await self._pause(attempt, delivery.down)

    async def _pause(self, attempt: MailingAttempt, reason: TransportDown) -> None:
        logger.warning("Attempt %s is paused: %s", attempt.pk, reason)
        await self.recorder.call(ledger.pause, attempt.pk, str(reason))


def _sentence(error: Exception) -> str:
    return " ".join(error.messages) if isinstance(error, ValidationError) else str(error)


class _Delivery:
    """One chunk on its way, over as many connections as there are."""

    def __init__(self, engine: Engine, composer: Composer, lease: Lease, rows: deque[Ready]) -> None:
        self.engine, self.composer, self.lease, self.rows = engine, composer, lease, rows
        self.down: TransportDown | None = None
        self._stopped = False

    async def run(self) -> None:
        """Send all rows, or stop early: paused, cancelled, draining, lease lost, or transport down."""
        senders = min(settings.SENDING_CONNECTIONS, len(self.rows))
        async with asyncio.TaskGroup() as group:
            for _ in range(senders):
                group.create_task(self._sender())

    async def rehearse(self) -> None:
        """Compose every letter and send none: a dry run opens no connection."""
        while row := self._next():
            if self._compose(row):
                self._settle(row, Outcome(Status.DRY_RUN))
            await asyncio.sleep(0)

    async def _sender(self) -> None:
        while row := self._next():
            if letter := self._compose(row):
                await self._attempt_to_send(row, letter)
            else:
                await asyncio.sleep(0)  # a thousand bad addresses in a row do not hold up the heartbeat

    def _next(self) -> Ready | None:
        if self._stopped or self.down or self.engine.draining.is_set() or not self.rows:
            return None
        return self.rows.popleft()

    def _compose(self, row: Ready) -> Letter | None:
        if not row.exists:
            self._settle(row, Outcome(Status.SKIPPED, "The recipient has been deleted."))
            return None
        try:
            return self.composer.compose(row.to, timezone.now())
        except NotComposed as error:
            self._settle(row, Outcome(Status.ERROR, str(error)))
            return None

    async def _attempt_to_send(self, row: Ready, letter: Letter) -> None:
        try:
            async with self.engine.pool.connection() as transport:
                await self._send(transport, row, letter)
        except TransportDown as error:
            self.down = error
        except LeaseLost:
            self._stopped = True

    async def _send(self, transport: Transport, row: Ready, letter: Letter) -> None:
        if not await self.engine.recorder.mark(self.lease, row.to.row):
            self._stopped = True
            return
        try:
            outcome = await transport.send(letter)
        except TransportDown:
            self._settle(row, Outcome(Status.PENDING))
            raise
        self._settle(row, outcome)

    def _settle(self, row: Ready, outcome: Outcome) -> None:
        status, retry_at = outcome.status, None
        if status == Status.DEFERRED and row.tries + 1 >= settings.SENDING_TRIES:
            status = Status.ERROR
        elif status == Status.DEFERRED:
            retry_at = timezone.now() + timedelta(seconds=settings.SENDING_RETRY_SECONDS * 2**row.tries)
        self.engine.recorder.settle(self.lease, Settlement(row.to.row, status, outcome.detail, retry_at))
