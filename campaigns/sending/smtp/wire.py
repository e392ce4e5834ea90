"""The bytes of an SMTP connection: commands out, replies in."""

from __future__ import annotations

import asyncio
from functools import lru_cache
from typing import NamedTuple, Protocol

# No reply line is longer than 512 octets (RFC 5321, 4.5.3.1.5); servers that exceed it are not that far off.
LONGEST_LINE = 8192


class ReplyLine(NamedTuple):
    """A line of a reply (RFC 5321, 4.2); of the last one `more` is false."""

    code: int
    text: bytes
    more: bool


# A server says the same to nearly every MAIL, RCPT and DATA.
@lru_cache(maxsize=64)
def reply_line(line: bytes) -> ReplyLine | None:
    """What the line says; None if it is not SMTP."""
    code = line[:3]
    return ReplyLine(int(code), line[4:], line[3:4] == b"-") if code.isdigit() else None


class Dialogue(Protocol):
    """Who talks over the wire."""

    def answered(self, code: int, text: bytes) -> None:
        """The server has replied to the next command; `text` is all its lines, joined by spaces."""

    def lost(self, reason: str) -> None:
        """The server has gone, did not answer in time, or does not speak SMTP. Called once, and nothing after it."""

    def failed(self, fault: Exception) -> None:
        """answered() or lost() has raised."""


class Wire(asyncio.Protocol):
    """Takes a connection over after its handshake.

    A timer for each reply would cost more than reading it, so whoever owns the wire calls expire() now and then.
    `timeout` is how many seconds the server may take for its next reply.
    """

    def __init__(self, transport: asyncio.Transport, dialogue: Dialogue, timeout: float) -> None:
        self.timeout = timeout
        self._loop = asyncio.get_running_loop()
        self._transport, self._dialogue = transport, dialogue
        self._rest = b""
        self._lines: list[bytes] = []
        self._owed = 0
        self._since = 0.0
        self._closed = False
        transport.set_protocol(self)

    def write(self, data: bytes, answers: int) -> None:
        """Send, and expect so many replies to it."""
        self._transport.write(data)
        self._owed += answers
        self._since = self._loop.time()

    def expire(self) -> None:
        """Give the connection up if the server has owed a reply for too long."""
        if self._owed and self._loop.time() - self._since > self.timeout:
            self._give_up(f"no answer within {self.timeout:g} seconds")

    def abort(self) -> None:
        """Leave without a word, so that the server forgets what it has of a letter. The dialogue hears no more."""
        self._closed = True
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        lines = (self._rest + data).split(b"\r\n")
        self._rest = lines.pop()
        try:
            for line in lines:
                if not self._closed:
                    self._receive(line)
            if len(self._rest) > LONGEST_LINE and not self._closed:
                self._give_up("the answer is not SMTP")
        except Exception as fault:
            self._dialogue.failed(fault)

    def connection_lost(self, error: Exception | None) -> None:
        self._lose(str(error) if error else "the server closed it")

    def _receive(self, line: bytes) -> None:
        said = reply_line(line)
        if said is None:
            self._give_up("the answer is not SMTP")
            return
        code, text, more = said
        if more:
            self._lines.append(text)
            return
        if self._lines:
            text = b" ".join([*self._lines, text])
            self._lines.clear()
        self._reply(code, text)

    def _reply(self, code: int, text: bytes) -> None:
        if not self._owed:
            # Nobody asked: it says why it is about to close the connection (421, RFC 5321, 3.8).
            self._give_up(f"{code} {text.decode('utf-8', 'replace')}")
            return
        self._owed -= 1
        # Not with each byte: a server could send one now and then for ever.
        self._since = self._loop.time()
        self._dialogue.answered(code, text)

    def _give_up(self, reason: str) -> None:
        self._lose(reason)
        self._transport.abort()

    def _lose(self, reason: str) -> None:
        if self._closed:
            return
        self._closed = True
        try:
            self._dialogue.lost(reason)
        except Exception as fault:
            self._dialogue.failed(fault)
