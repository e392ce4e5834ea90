"""A real SMTP server on a free port that says what the test wants it to say, and keeps what it took."""

# ruff: noqa: N802 - aiosmtpd finds its handlers by these names

import asyncio
import logging
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any, Self, cast

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

ACCEPTED = "250 OK"
HANG_UP = "hang up"
NOBODY = "nobody"


class Busy(asyncio.Protocol):
    """What a server does that has enough connections."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast(asyncio.Transport, transport).write(b"421 4.7.0 too many connections\r\n")
        transport.close()


class MailServer:
    """`at_rcpt` and `at_data` hold, by address, the replies to give in turn; HANG_UP drops the connection."""

    def __init__(self, **options: Any) -> None:
        self.port = 0
        self.connections = 0
        self.pipelining = False
        self.most_connections = 1000
        # As some servers do when commands are pipelined: DATA is answered 354 though nobody can get the letter.
        self.takes_data_without_recipients = False
        self.taken: list[tuple[str, bytes]] = []
        self.at_mail: list[str] = []
        self.at_rcpt: dict[str, list[str]] = defaultdict(list)
        self.at_data: dict[str, list[str]] = defaultdict(list)
        # Held back until the test lets go: the reply to every letter.
        self.open = threading.Event()
        self.open.set()
        self.waiting = threading.Event()
        self._options = options
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._ready = threading.Event()

    # What the test asks

    @property
    def addresses(self) -> Counter[str]:
        return Counter(address for address, _content in self.taken)

    def letter(self, address: str) -> EmailMessage:
        """The one letter that this address got."""
        (content,) = [content for to, content in self.taken if to == address]
        return message_from_bytes(content, policy=default)

    def start(self) -> Self:
        # It tells of connections that end after the test whose output would take it.
        logging.getLogger("mail.log").setLevel(logging.WARNING)
        self._thread.start()
        assert self._ready.wait(60)
        return self

    def stop(self) -> None:
        self.open.set()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(60)

    # What aiosmtpd calls

    async def handle_EHLO(
        self, _server: SMTP, session: Session, _envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        return [*responses[:-1], *["250-PIPELINING"][: self.pipelining], responses[-1]]

    async def handle_MAIL(self, _s: SMTP, _session: Session, envelope: Envelope, address: str, _o: list[str]) -> str:
        if self.at_mail:
            return self.at_mail.pop(0)
        envelope.mail_from = address
        return ACCEPTED

    async def handle_RCPT(
        self, server: SMTP, _session: Session, envelope: Envelope, address: str, _o: list[str]
    ) -> str:
        reply = self._next(self.at_rcpt[address], server)
        if reply.startswith("250"):
            envelope.rcpt_tos.append(address)
        elif self.takes_data_without_recipients:
            envelope.rcpt_tos.append(NOBODY)
        return reply

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:
        while not self.open.is_set():
            self.waiting.set()
            await asyncio.sleep(0.01)
        (address,) = envelope.rcpt_tos
        if address == NOBODY:
            return "554 5.5.1 no valid recipients"
        reply = self._next(self.at_data[address], server)
        if reply.startswith("250"):
            self.taken.append((address, cast(bytes, envelope.original_content)))
        return reply

    def _next(self, replies: list[str], server: SMTP) -> str:
        reply = replies.pop(0) if replies else ACCEPTED
        if reply == HANG_UP:
            cast(asyncio.Transport, server.transport).abort()
        return reply

    # Its thread

    def _protocol(self) -> asyncio.Protocol:
        self.connections += 1
        if self.connections > self.most_connections:
            return Busy()
        return SMTP(self, hostname="sink.example", loop=self._loop, **self._options)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(self._loop.create_server(self._protocol, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        self._loop.run_until_complete(self._end())
        self._loop.close()

    async def _end(self) -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError, Exception):
                await task


def only_ann(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
    """An authenticator that lets in ann with the password secret."""
    return AuthResult(success=(data.login, data.password) == (b"ann", b"secret"), handled=False)


@contextmanager
def running(**options: Any) -> Iterator[MailServer]:
    server = MailServer(**options).start()
    try:
        yield server
    finally:
        server.stop()
