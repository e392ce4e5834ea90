"""Letters over SMTP: a pipelined data path, which takes a connection over after its handshake.

The server's replies and the ledger's grants move it: a coroutine that waits for each would cost as much again.
"""

from __future__ import annotations

import asyncio
from typing import Any

from django.conf import settings

from campaigns.models.log import Status
from campaigns.sending import failpoints, outcomes
from campaigns.sending.line import Line, Parcel
from campaigns.sending.outcomes import Outcome, TransportDown
from campaigns.sending.smtp.envelope import CLOSING, MAIL, Envelope
from campaigns.sending.smtp.handshake import Session, shake_hands
from campaigns.sending.smtp.wire import Wire

DOT = b".\r\n"
# A letter that no connection could hand over is tried on so many others at once, and later after that.
LOSSES = 2
# Postfix makes a client wait after ten errors in a row on a connection, and a refused letter counts for two.
REFUSALS = 4
# The letter is too large (RFC 1870, 6.1): said to MAIL, but not of the sender.
TOO_LARGE = 552
GOODBYE_SECONDS = 2


class SmtpConnection:
    """One connection, which sends what is in the line.

    At any moment it has at most one body on its way, and the envelope of one more letter.
    """

    def __init__(self, options: dict[str, Any]) -> None:
        self._options = options
        self._server = f"{options['host']}:{options['port']}"
        self._left = settings.SENDING_LETTERS_PER_CONNECTION
        self._line = Line()
        # Whose body is out; whose envelope is, and whether its mark is granted (None: not known yet).
        self._sending: Parcel | None = None
        self._parcel: Parcel | None = None
        self._granted: bool | None = None
        # After a refusal the server is told to forget the envelope.
        self._reset = False
        self._refusals = 0
        self._lost: str | None = None
        self._idle: asyncio.TimerHandle | None = None

    async def open(self) -> None:
        """Connect, secure and log in. Raises TransportDown."""
        self._session: Session = await shake_hands(self._options)
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._timeout: float = self._options["timeout"]
        self._data_timeout: float = self._options.get("data_timeout", self._timeout)
        self._wire = Wire(self._session.transport, self, self._timeout)

    async def serve(self, line: Line) -> None:
        """Send until there is nothing to send for a while, the connection has carried its share, or is lost."""
        self._line = line
        self._next()
        await self._ended

    async def close(self) -> None:
        """Say good-bye, and wait a little for the answer; never raises."""
        if self._lost is None and self._parcel is None and self._sending is None:
            self._ended = asyncio.get_running_loop().create_future()
            self._wire.write(b"QUIT\r\n", 1)
            await asyncio.wait([self._ended], timeout=GOODBYE_SECONDS)
        self._wire.abort()

    def retire(self) -> None:
        """Finish the letter that is on its way, and begin no other."""
        self._left = 0
        self._changed()

    def expire(self) -> None:
        """Give up if the server has owed a reply for too long."""
        self._wire.expire()

    # What moves it

    def answered(self, code: int, text: bytes) -> None:
        if self._sending:
            self._delivered(self._sending, code, text)
        elif self._parcel:
            self._envelope_answered(code, text)
        else:
            self._end()

    def lost(self, reason: str) -> None:
        self._lost = reason
        if self._sending:
            self._sending.settle(outcomes.lost(body_was_sent=True, reason=reason))
            if self._parcel:
                self._line.give_back(self._parcel)
            self._sending = self._parcel = None
        if self._parcel:
            self._proceed()
        else:
            self._end()

    def failed(self, fault: Exception) -> None:
        if not self._ended.done():
            self._ended.set_exception(fault)

    def _told(self, granted: bool) -> None:
        self._granted = granted
        try:
            self._proceed()
        except Exception as fault:
            self.failed(fault)

    def _changed(self) -> None:
        if self._idle:
            self._idle.cancel()
            self._idle = None
            try:
                self._next()
            except Exception as fault:
                self.failed(fault)

    # What it does

    def _next(self) -> None:
        if parcel := self._take():
            self._wire.write(*self._enclose(parcel))
            parcel.mark(self._told)
        elif self._left > 0 and not self._line.closed:
            self._idle = asyncio.get_running_loop().call_later(settings.SENDING_IDLE_SECONDS, self._end)
            self._line.when_changed(self._changed)
        else:
            self._end()

    def _take(self) -> Parcel | None:
        """The next letter that this server may be given."""
        while self._left > 0 and (parcel := self._line.take_now()):
            reason = self._session.refuses(parcel.letter)
            if not reason:
                return parcel
            parcel.settle(Outcome(Status.ERROR, reason))
        return None

    def _enclose(self, parcel: Parcel) -> tuple[bytes, int]:
        self._parcel, self._granted = parcel, None
        self._envelope = Envelope(parcel.letter, self._session, reset=self._reset)
        self._reset = False
        return self._envelope.opening()

    def _envelope_answered(self, code: int, text: bytes) -> None:
        if more := self._envelope.answered(code, text):
            self._wire.write(more, 1)
        elif self._envelope.complete:
            self._proceed()

    def _proceed(self) -> None:
        """Go on with the parcel once its envelope has been answered, or never will be, and its mark is known."""
        parcel, envelope = self._parcel, self._envelope
        if parcel is None or self._granted is None or not (envelope.complete or self._lost is not None):
            return
        granted = parcel.granted(self._granted)
        if self._lost is not None:
            self._not_handed_over(parcel, self._lost)
        elif envelope.refusal:
            self._refused(parcel, *envelope.refusal)
        elif granted:
            self._body(parcel)
        else:
            # The server waits for a body, and an empty one would be a letter: the connection is given up.
            parcel.drop()
            self._give_up("The letter may not be sent.")

    def _refused(self, parcel: Parcel, step: int, code: int, text: bytes) -> None:
        outcome = outcomes.refusal(code, text)
        if self._envelope.half_taken:
            self._give_up("The server took an envelope that it had refused in part.", parcel)
        elif step <= MAIL and code == CLOSING:
            self._give_up(outcome.detail, parcel)
        elif step == MAIL and outcome.status == Status.ERROR and code != TOO_LARGE:
            reason = f"{self._server} refused the sender {parcel.letter.sender}: {outcome.detail}"
            parcel.delivery.stop(TransportDown(reason))
            parcel.drop()
            self._go_on_after_refusal()
        else:
            parcel.settle(outcome) if parcel.marked else parcel.drop()
            self._go_on_after_refusal()

    def _go_on_after_refusal(self) -> None:
        self._parcel, self._reset = None, True
        self._refusals += 1
        if self._refusals >= REFUSALS:
            self._left = 0
        self._next()

    def _body(self, parcel: Parcel) -> None:
        self._left -= 1
        self._sending, self._parcel = parcel, None
        data, answers = parcel.letter.content + DOT, 1
        if failpoints.ARMED and failpoints.tear("during-data", data, self._wire.write):
            return
        # RFC 2920: the next envelope rides with the body, which saves a round trip a letter.
        if self._session.pipelining and (following := self._take()):
            envelope, more = self._enclose(following)
            data, answers = data + envelope, answers + more
        # It may want to look at the letter first (RFC 5321, 4.5.3.2.6: ten minutes).
        self._wire.timeout = self._data_timeout
        self._wire.write(data, answers)

    def _delivered(self, parcel: Parcel, code: int, text: bytes) -> None:
        if failpoints.ARMED:
            failpoints.reach("after-reply")
        self._sending = None
        self._refusals = 0
        self._wire.timeout = self._timeout
        parcel.settle(outcomes.reply(code, text))
        if self._parcel:
            self._parcel.mark(self._told)
        else:
            self._next()

    def _not_handed_over(self, parcel: Parcel, reason: str) -> None:
        self._parcel = None
        parcel.losses += 1
        if not parcel.marked:
            parcel.drop()
        elif parcel.losses > LOSSES:
            parcel.settle(outcomes.lost(body_was_sent=False, reason=reason))
        else:
            self._line.give_back(parcel)
        self._end()

    def _give_up(self, reason: str, parcel: Parcel | None = None) -> None:
        """Leave the connection. A parcel that comes along may be tried by another one."""
        self._lost, self._parcel = reason, None
        self._wire.abort()
        if parcel:
            self._not_handed_over(parcel, reason)
        self._end()

    def _end(self) -> None:
        self._idle = None
        if not self._ended.done():
            self._ended.set_result(None)
