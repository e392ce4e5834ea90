"""Letters over SMTP. EHLO, TLS and login are aiosmtplib's; then a pipelined data path takes the connection over."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
from typing import Any, cast

import aiosmtplib
from django.conf import settings

from campaigns.models.log import Status
from campaigns.sending import outcomes
from campaigns.sending.line import Line, Parcel
from campaigns.sending.outcomes import Outcome, TransportDown
from campaigns.sending.wire import ConnectionLost, Reply, Wire

# What MAIL, RCPT and DATA must be answered for the letter to follow (RFC 5321, 4.3.2).
EXPECTED = ((250,), (250, 251), (354,))
DOT = b".\r\n"
# A letter that no connection could hand over is tried on so many others at once, and later after that.
LOSSES = 2


class SmtpConnection:
    """One connection, which sends what is in the line."""

    def __init__(self, options: dict[str, Any]) -> None:
        self._options = options
        self._server = f"{options['host']}:{options['port']}"
        self._wire: Wire | None = None
        self._pipelining = False
        self._left = settings.SENDING_LETTERS_PER_CONNECTION
        # After a refusal the server is told to forget the envelope; that reply comes before the next ones.
        self._reset = False

    async def open(self) -> None:
        """Connect, secure and log in. Raises TransportDown."""
        client = _client(self._options)
        try:
            await client.connect()
            await client.ehlo()
        except aiosmtplib.SMTPAuthenticationError as error:
            raise TransportDown(f"{self._server} refused the login: {_reason(error)}") from error
        except (aiosmtplib.SMTPException, OSError) as error:
            raise TransportDown(f"{self._server} can not be used: {_reason(error)}") from error
        self._pipelining = client.supports_extension("pipelining")
        self._wire = Wire(cast(asyncio.Transport, client.transport), self._options["timeout"])

    async def serve(self, line: Line) -> None:
        """Send until there is nothing to send for a while, the connection has carried its share, or is lost."""
        parcel = None
        with suppress(ConnectionLost):
            while parcel or (parcel := await self._begin(line)):
                parcel = await self._send(parcel, line)

    async def close(self) -> None:
        """Say good-bye; never raises."""
        with suppress(ConnectionLost):
            self._path.write(b"QUIT\r\n")
        if self._wire:
            self._wire.abort()

    def expire(self) -> None:
        """Give up if the server has owed a reply for too long."""
        if self._wire:
            self._wire.expire()

    @property
    def _path(self) -> Wire:
        if self._wire is None:
            raise ConnectionLost("not open")
        return self._wire

    async def _begin(self, line: Line) -> Parcel | None:
        parcel = await line.take(settings.SENDING_IDLE_SECONDS) if self._left else None
        if parcel:
            try:
                self._path.write(b"RSET\r\n" * self._reset + self._envelope(parcel))
            except ConnectionLost:
                line.give_back(parcel)
                raise
        return parcel

    def _envelope(self, parcel: Parcel) -> bytes:
        mail, *rest = _commands(parcel)
        return b"".join([mail, *rest]) if self._pipelining else mail

    async def _send(self, parcel: Parcel, line: Line) -> Parcel | None:
        """Send the parcel, whose envelope has been written; returns the next one, if its envelope has been too.

        Raises ConnectionLost when the connection can not be used any more; the parcel is then taken care of.
        """
        marking = parcel.mark()
        try:
            refused = await self._envelope_refused(parcel)
        except ConnectionLost as error:
            await parcel.granted(marking)
            self._not_handed_over(parcel, line, str(error))
            raise
        except TransportDown as reason:
            await parcel.granted(marking)
            parcel.delivery.stop(reason)
            parcel.drop()
            return None
        if not await parcel.granted(marking):
            parcel.drop()
            # The server may wait for a body, and an empty one would be a letter: the connection is given up.
            self._path.abort()
            raise ConnectionLost("The letter may not be sent.")
        if refused:
            parcel.settle(refused)
            return None
        return await self._body(parcel, line)

    async def _envelope_refused(self, parcel: Parcel) -> Outcome | None:
        skipped, self._reset = int(self._reset), False
        replies = (await self._path.replies(skipped + (3 if self._pipelining else 1)))[skipped:]
        if not self._pipelining:
            for command in _commands(parcel)[1:]:
                if _unexpected(replies) is None:
                    self._path.write(command)
                    replies += await self._path.replies(1)
        position = _unexpected(replies)
        return None if position is None else await self._refusal(parcel, replies, position)

    async def _refusal(self, parcel: Parcel, replies: list[Reply], position: int) -> Outcome:
        if replies[-1].code == EXPECTED[2][0]:
            await self._end_data(recipient_refused=replies[1].code >= 400)
        self._reset = True
        outcome = outcomes.refusal(*replies[position])
        if position == 0 and outcome.status == Status.ERROR:
            raise TransportDown(f"{self._server} refused the sender {parcel.letter.sender}: {outcome.detail}")
        return outcome

    async def _end_data(self, *, recipient_refused: bool) -> None:
        """The server waits for a body all the same: an empty one where nobody can get it, else the connection's end."""
        if not recipient_refused:
            self._path.abort()
            raise ConnectionLost("The server took an envelope that it had refused in part.")
        self._path.write(DOT)
        await self._path.replies(1)

    async def _body(self, parcel: Parcel, line: Line) -> Parcel | None:
        self._left -= 1
        # RFC 2920: the next envelope rides with the body, which saves a round trip a letter.
        following = line.take_now() if self._pipelining and self._left else None
        body = stuffed(parcel.letter.content) + DOT
        try:
            self._path.write(body + self._envelope(following) if following else body)
            (reply,) = await self._path.replies(1)
        except ConnectionLost as error:
            parcel.settle(outcomes.lost(body_was_sent=True, reason=str(error)))
            if following:
                line.give_back(following)
            raise
        parcel.settle(outcomes.reply(*reply))
        return following

    def _not_handed_over(self, parcel: Parcel, line: Line, reason: str) -> None:
        parcel.losses += 1
        if not parcel.marked:
            parcel.drop()
        elif parcel.losses > LOSSES:
            parcel.settle(outcomes.lost(body_was_sent=False, reason=reason))
        else:
            line.give_back(parcel)


def _client(options: dict[str, Any]) -> aiosmtplib.SMTP:
    secure = options["use_ssl"] or options["use_tls"]
    return aiosmtplib.SMTP(
        hostname=options["host"],
        port=options["port"],
        username=options["username"] or None,
        password=options["password"] or None,
        use_tls=options["use_ssl"],
        start_tls=options["use_tls"],
        timeout=options["timeout"],
        tls_context=ssl.create_default_context() if secure else None,
    )


def _reason(error: Exception) -> str:
    said = f"{error.code} {error.message}" if isinstance(error, aiosmtplib.SMTPResponseException) else str(error)
    return outcomes.readable(said)


def _unexpected(replies: list[Reply]) -> int | None:
    for position, (reply, expected) in enumerate(zip(replies, EXPECTED, strict=False)):
        if reply.code not in expected:
            return position
    return None


def _commands(parcel: Parcel) -> tuple[bytes, bytes, bytes]:
    letter = parcel.letter
    return (f"MAIL FROM:<{letter.sender}>\r\n".encode(), f"RCPT TO:<{letter.to}>\r\n".encode(), b"DATA\r\n")


def stuffed(content: bytes) -> bytes:
    """RFC 5321, 4.5.2: a line that begins with a dot gets another. `content` has CRLF line ends."""
    content = content.replace(b"\r\n.", b"\r\n..")
    return content if content.endswith(b"\r\n") else content + b"\r\n"
