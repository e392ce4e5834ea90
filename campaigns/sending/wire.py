"""The data path of an SMTP connection: bytes out, replies in."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import NamedTuple


class Reply(NamedTuple):
    """A reply's code and its text, lines joined by spaces (RFC 5321, 4.2)."""

    code: int
    text: str


class ConnectionLost(Exception):
    """The server has gone, did not answer in time, or does not speak SMTP; the text says which."""


class Wire(asyncio.Protocol):
    """Takes a connection over after its handshake.

    A timer per reply would cost more than reading it, so whoever owns the wire calls expire() now and then.
    """

    def __init__(self, transport: asyncio.Transport, timeout: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport, self._timeout = transport, timeout
        self._rest = b""
        self._text: list[str] = []
        self._replies: deque[Reply] = deque()
        self._wanted = 0
        self._waiter: asyncio.Future[None] | None = None
        self._since = 0.0
        self._lost: ConnectionLost | None = None
        transport.set_protocol(self)

    def write(self, data: bytes) -> None:
        """Send. Raises ConnectionLost."""
        if self._lost:
            raise self._lost
        self._transport.write(data)

    async def replies(self, count: int) -> list[Reply]:
        """The next `count` replies, in the order of the commands. Raises ConnectionLost."""
        if len(self._replies) < count:
            if self._lost:
                raise self._lost
            self._wanted, self._waiter, self._since = count, self._loop.create_future(), self._loop.time()
            try:
                await self._waiter
            finally:
                self._waiter = None
        return [self._replies.popleft() for _ in range(count)]

    def expire(self) -> None:
        """Give the connection up if the server has owed a reply for too long."""
        if self._waiter and self._loop.time() - self._since > self._timeout:
            self._give_up(f"no answer within {self._timeout:g} seconds")

    def abort(self) -> None:
        """Leave without a word, so that the server forgets what it has of a letter."""
        self._give_up("closed")

    def data_received(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\r\n")
        try:
            for line in lines:
                self._receive(line)
        except ValueError:
            self._give_up("the answer is not SMTP")
        if self._waiter and not self._waiter.done() and len(self._replies) >= self._wanted:
            self._waiter.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        self._lose(str(error) if error else "the server closed it")

    def _receive(self, line: bytes) -> None:
        text = line[4:].decode("utf-8", "replace")
        if line[3:4] == b"-":
            self._text.append(text)
            return
        code = int(line[:3])
        if self._text:
            text = " ".join([*self._text, text])
            self._text.clear()
        self._replies.append(Reply(code, text))

    def _give_up(self, reason: str) -> None:
        self._lose(reason)
        self._transport.abort()

    def _lose(self, reason: str) -> None:
        self._lost = self._lost or ConnectionLost(reason)
        if self._waiter and not self._waiter.done():
            self._waiter.set_exception(self._lost)
