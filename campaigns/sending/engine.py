"""Deliver one chunk: take it, compose, mark, send, settle, close."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import NamedTuple

from django.conf import settings
from django.core.exceptions import ValidationError

from campaigns.models import MailingAttempt
from campaigns.models.attempt import Status as AttemptStatus
from campaigns.sending import failpoints
from campaigns.sending.connections import Connections
from campaigns.sending.delivery import Assignment, ChunkDelivery
from campaigns.sending.ledger import chunks, moves
from campaigns.sending.ledger.chunks import Closed
from campaigns.sending.ledger.lease import Lease
from campaigns.sending.limits.limits import Limits
from campaigns.sending.line import Line
from campaigns.sending.outcomes import NotComposed, TransportDown
from campaigns.sending.recorder import Recorder

logger = logging.getLogger(__name__)

# Attempts of which a worker keeps the composed skeleton.
ASSIGNMENTS = 16


class Again(NamedTuple):
    """A chunk wants to be delivered again: at that time, or at once."""

    at: datetime | None = None


class Engine:
    """What one worker process sends with."""

    def __init__(self) -> None:
        self.recorder = Recorder()
        # Writing an audience takes a while: a thread of its own, so that no letter waits for it.
        self.expander = Recorder()
        self.line = Line()
        self.limits = Limits(self._limits_changed)
        self.connections = Connections(self.line, self.limits.slots, settings.SENDING_CONNECTIONS)
        self.limits.start()
        self.draining = False
        self._deliveries: set[ChunkDelivery] = set()
        self._assignments: dict[int, Assignment] = {}

    def drain(self) -> None:
        """The worker is asked to stop: what is in flight settles, nothing new starts."""
        self.draining = True
        for delivery in self._deliveries:
            delivery.stop()

    async def deliver(self, chunk: int) -> Again | None:
        """Deliver what the chunk has ready, and close it when nothing in it is open.

        Returns whether it wants to be delivered again. Raises LeaseLost when another worker took the chunk meanwhile.
        """
        if failpoints.ARMED:
            failpoints.reach("before-claim")
        lease = await self.recorder.call(chunks.take, chunk)
        if failpoints.ARMED:
            failpoints.reach("after-claim")
        if lease is None:
            return None
        held_for = await self._send(lease) if lease.attempt_runs else None
        closed = await self.recorder.call(chunks.close, lease)
        return self._again(closed, held_for) if closed and closed.open else None

    async def aclose(self) -> None:
        """Let go of the database and the mail server."""
        await self.connections.aclose()
        await self.limits.aclose()
        await self.recorder.aclose()
        await self.expander.aclose()

    def _again(self, closed: Closed, held_for: float | None) -> Again | None:
        """When the rows that are still open want to be delivered, by the database's clock."""
        if self.draining:
            return Again()
        # A launch that can still be undone; nobody but its own jobs would begin with it.
        if closed.status == AttemptStatus.QUEUED and closed.held_until and closed.held_until > closed.now:
            return Again(closed.held_until)
        # Who resumes a paused attempt enqueues its chunks; until then they would come back at once, again and again.
        if closed.status != AttemptStatus.RUNNING:
            return None
        held_until = None if held_for is None else closed.now + timedelta(seconds=held_for)
        at = min(filter(None, (closed.retry_at, held_until)), default=None)
        return Again(at) if at else None

    async def _send(self, lease: Lease) -> float | None:
        """Send what is ready; returns the seconds after which what limits hold back may have a chance."""
        try:
            assignment = await self._assignment(lease.attempt)
        except (NotComposed, ValidationError) as error:
            await self._can_not_compose(lease, f"No letter can be written: {_sentence(error)}")
            return None
        if not (settings.SENDING_ENABLED or assignment.attempt.dry_run):
            reason = TransportDown("Nothing is sent here: SENDING_ENABLED is off.")
            await self._could_not_send(assignment.attempt, lease, reason)
            return None
        rows = await self.recorder.call(chunks.ready, lease)
        delivery = ChunkDelivery(assignment, lease, rows, self.recorder, self.limits)
        self._deliveries.add(delivery)
        if self.draining:
            delivery.stop()
        try:
            await (delivery.rehearse() if assignment.attempt.dry_run else self._queue(delivery))
        finally:
            self._deliveries.discard(delivery)
        await self.recorder.flush(lease)
        if delivery.down:
            await self._could_not_send(assignment.attempt, lease, delivery.down)
        return delivery.held_for()

    async def _queue(self, delivery: ChunkDelivery) -> None:
        self.line.add(delivery)
        try:
            self.connections.adjust()
            await delivery.finished()
        finally:
            self.line.remove(delivery)

    def _limits_changed(self) -> None:
        for delivery in self._deliveries:
            delivery.reconsider()
        self.connections.adjust()
        self.line.changed()

    async def _assignment(self, attempt: int) -> Assignment:
        """What is sent never changes once it is launched, so it is read and prepared once."""
        if attempt not in self._assignments:
            if len(self._assignments) == ASSIGNMENTS:
                self._assignments.pop(next(iter(self._assignments)))
            self._assignments[attempt] = Assignment(await self._attempt(attempt))
        return self._assignments[attempt]

    async def _attempt(self, attempt: int) -> MailingAttempt:
        attempts = MailingAttempt.objects.select_related("mailing")
        found: MailingAttempt = await self.recorder.call(attempts.get, pk=attempt)
        return found

    async def _can_not_compose(self, lease: Lease, reason: str) -> None:
        await self._could_not_send(await self._attempt(lease.attempt), lease, TransportDown(reason))

    async def _could_not_send(self, attempt: MailingAttempt, lease: Lease, reason: TransportDown) -> None:
        """Pause the attempt with the reason, for a person to resume.

        A dry run or a test ends with it: telling this is what they are for, and their mailing is not touched.
        """
        if attempt.dry_run or attempt.test:
            await self.recorder.call(chunks.fail, lease, str(reason))
            return
        logger.warning("Attempt %s is paused: %s", attempt.pk, reason)
        await self.recorder.call(moves.pause, attempt.pk, str(reason))


def _sentence(error: Exception) -> str:
    return " ".join(error.messages) if isinstance(error, ValidationError) else str(error)
