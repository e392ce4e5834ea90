"""One chunk on its way."""

from __future__ import annotations

import asyncio
from collections import deque
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from campaigns.domains import domain_of
from campaigns.models.log import Status
from campaigns.sending import retries
from campaigns.sending.ledger.chunks import Ready
from campaigns.sending.ledger.entries import Settlement
from campaigns.sending.ledger.lease import Lease
from campaigns.sending.letters.composer import Composer, Letter
from campaigns.sending.limits.limits import Limits
from campaigns.sending.line import Parcel, Told
from campaigns.sending.outcomes import Failures, NotComposed, Outcome, TransportDown
from campaigns.sending.recorder import Recorder

if TYPE_CHECKING:
    from campaigns.models import MailingAttempt

# Letters that a dry run composes before it lets others work.
REHEARSED_AT_ONCE = 50
# So long a chunk stays of which only letters are left that limits hold back; then others have their turn.
PATIENCE_SECONDS = 5.0


class Assignment:
    """What a worker keeps of an attempt while it delivers chunks of it. Raises what Composer does."""

    def __init__(self, attempt: MailingAttempt) -> None:
        self.attempt = attempt
        self.composer = Composer(attempt)
        self.failures = Failures()


class ChunkDelivery:
    """Hands out the letters of a chunk, and takes back what became of each."""

    def __init__(
        self, assignment: Assignment, lease: Lease, rows: list[Ready], recorder: Recorder, limits: Limits
    ) -> None:
        self._assignment, self._lease, self._recorder, self._limits = assignment, lease, recorder, limits
        self._rows = deque(rows)
        # Rows that the limits do not let begin now.
        self._held: list[Ready] = []
        self._compose_letter = assignment.composer.compose
        self.down: TransportDown | None = None
        self._stopped = False
        self._out = 0
        self._done = asyncio.Event()
        self._patience: asyncio.TimerHandle | None = None

    async def finished(self) -> None:
        """Wait until all is sent, or nothing more may be, or only what limits hold back, and nothing is out."""
        self._check()
        await self._done.wait()

    async def rehearse(self) -> None:
        """Compose every letter and send none: a dry run opens no connection, and no limit applies."""
        for count, row in enumerate(self._rows):
            if self._stopped:
                return
            if self._compose(row):
                self._conclude(row, Outcome(Status.DRY_RUN))
            if count % REHEARSED_AT_ONCE == 0:
                await asyncio.sleep(0)

    def reconsider(self) -> None:
        """What was held back may perhaps begin; in this delivery no more, once it is stopped."""
        if not self._stopped:
            self._rows.extend(self._held)
            self._held.clear()

    def held_for(self) -> float | None:
        """In how many seconds the first of those that are held back may have a chance; None: there are none."""
        domains = {domain_of(row.to.email) for row in self._held}
        return min(map(self._limits.held_for, domains), default=None)

    @property
    def stopped(self) -> bool:
        return self._stopped

    @property
    def waiting(self) -> int:
        return 0 if self._stopped else len(self._rows)

    def next(self) -> Parcel | None:
        while self._rows and not self._stopped:
            row = self._rows.popleft()
            if self._limits.active and not self._limits.admits(domain_of(row.to.email)):
                self._held.append(row)
            elif letter := self._compose(row):
                self._out += 1
                return Parcel(letter, row.to.row, row.tries, self)
        self._check()
        return None

    def mark(self, row: int, told: Told) -> None:
        self._recorder.mark(self._lease, row, told)

    def settle(self, parcel: Parcel, outcome: Outcome | None) -> None:
        if outcome:
            self._record(parcel, outcome)
        elif parcel.marked:
            self._recorder.release(self._lease, parcel.row)
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
        if self._held and not self._rows and self._patience is None:
            self._patience = asyncio.get_running_loop().call_later(PATIENCE_SECONDS, self._leave)
        if self._out == 0 and (self._stopped or not (self._rows or self._held)):
            self._done.set()

    def _leave(self) -> None:
        self._patience = None
        if self._held and not self._rows:
            self.stop()

    def _compose(self, row: Ready) -> Letter | None:
        if row.skipped_for:
            self._conclude(row, Outcome(Status.SKIPPED, row.skipped_for))
            return None
        try:
            return self._compose_letter(row.to, datetime.now(UTC))
        except NotComposed as error:
            self._conclude(row, Outcome(Status.ERROR, str(error)))
            return None

    def _conclude(self, row: Ready, outcome: Outcome) -> None:
        self._recorder.settle(self._lease, Settlement(row.to.row, outcome.status, outcome.detail, row.tries))

    def _record(self, parcel: Parcel, outcome: Outcome) -> None:
        status, detail = outcome.status, outcome.detail
        tries, pause = parcel.tries + 1, None
        if status == Status.DEFERRED:
            pause = retries.pause_after(tries)
            status = Status.ERROR if pause is None else status
        self._recorder.settle(self._lease, Settlement(parcel.row, status, detail, tries, pause))
        if outcome.slows:
            self._limits.slow(domain_of(parcel.letter.to), detail)
        if reason := self._assignment.failures.note(outcome):
            self.stop(reason)
