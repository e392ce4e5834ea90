"""How letters leave: connections to the mail server, and any other Django mail backend in threads."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Protocol

import aiosmtplib
from django.conf import settings
from django.core.mail import EmailMessage, mailers

from campaigns.models.log import Status
from campaigns.sending import outcomes
from campaigns.sending.letters import Letter
from campaigns.sending.outcomes import Outcome, TransportDown


class Transport(Protocol):
    """One way out, for one letter at a time."""

    @property
    def usable(self) -> bool:
        """False once it must not be used for another letter."""

    async def open(self) -> None:
        """Be ready to send. Raises TransportDown."""

    async def send(self, letter: Letter) -> Outcome:
        """Hand the letter over. Raises TransportDown when no letter at all would be taken, this one included."""

    async def close(self) -> None:
        """Say good-bye; never raises."""


class SmtpTransport:
    """One SMTP connection. EHLO, TLS and login are aiosmtplib's."""

    def __init__(self, options: dict[str, Any]) -> None:
        self._server = f"{options['host']}:{options['port']}"
        self._client = aiosmtplib.SMTP(
            hostname=options["host"],
            port=options["port"],
            username=options["username"] or None,
            password=options["password"] or None,
            use_tls=options["use_ssl"],
            start_tls=options["use_tls"],
            timeout=options["timeout"],
            tls_context=ssl.create_default_context() if options["use_ssl"] or options["use_tls"] else None,
        )

    @property
    def usable(self) -> bool:
        return self._client.is_connected

    async def open(self) -> None:
        try:
            await self._client.connect()
        except aiosmtplib.SMTPAuthenticationError as error:
            reason = outcomes.readable(f"{error.code} {error.message}")
            raise TransportDown(f"{self._server} refused the login: {reason}") from error
        except (aiosmtplib.SMTPException, OSError) as error:
            raise TransportDown(f"{self._server} can not be used: {outcomes.readable(str(error))}") from error

    async def send(self, letter: Letter) -> Outcome:
        body_was_sent = False
        try:
            refused = await self._envelope(letter)
            if refused:
                return refused
            body_was_sent = True
            return outcomes.reply(*await self._body(bytes(letter)))
        except aiosmtplib.SMTPRecipientRefused as error:
            await self._reset()
            return outcomes.refusal(error.code, error.message)
        except (aiosmtplib.SMTPException, OSError) as error:  # a reply that makes no sense is one of them
            await self.close()
            return outcomes.lost(body_was_sent=body_was_sent, reason=str(error) or type(error).__name__)

    async def close(self) -> None:
        try:
            await self._client.quit(timeout=1)
        except (aiosmtplib.SMTPException, OSError):
            self._client.close()

    async def _envelope(self, letter: Letter) -> Outcome | None:
        try:
            await self._client.mail(letter.sender)
        except aiosmtplib.SMTPSenderRefused as error:
            await self._reset()
            outcome = outcomes.refusal(error.code, error.message)
            if outcome.status == Status.ERROR:
                raise TransportDown(f"{self._server} refused the sender {letter.sender}: {outcome.detail}") from error
            return outcome
        await self._client.rcpt(letter.to)
        # Sent on its own, so that a connection lost before 354 is known to have delivered nothing.
        ready = await self._client.execute_command(b"DATA")
        if ready.code != 354:
            await self._reset()
            return outcomes.refusal(ready.code, ready.message)
        return None

    async def _body(self, content: bytes) -> tuple[int, str]:
        protocol = self._client.protocol
        if protocol is None:
            raise aiosmtplib.SMTPServerDisconnected("Connection lost")
        protocol.write(_stuffed(content) + b".\r\n")
        response = await protocol.read_response(timeout=self._client.timeout)
        return response.code, response.message

    async def _reset(self) -> None:
        try:
            await self._client.rset()
        except (aiosmtplib.SMTPException, OSError):
            await self.close()


def _stuffed(content: bytes) -> bytes:
    """RFC 5321, 4.5.2: a line that begins with a dot gets another. `content` has CRLF line ends."""
    stuffed = content.replace(b"\r\n.", b"\r\n..")
    if stuffed.startswith(b"."):
        stuffed = b"." + stuffed
    return stuffed if stuffed.endswith(b"\r\n") else stuffed + b"\r\n"


class MailerTransport:
    """Any other Django mail backend, called in a thread.

    Whether a backend that raised had already handed the letter over is not known, so the row is UNCONFIRMED.
    """

    usable = True

    def __init__(self, alias: str) -> None:
        self._alias = alias
        self._mailer: Any = None

    async def open(self) -> None:
        try:
            self._mailer = mailers[self._alias]
            await asyncio.to_thread(self._mailer.open)
        except Exception as error:
            raise TransportDown(f"The mail backend can not be opened: {error}") from error

    async def send(self, letter: Letter) -> Outcome:
        try:
            count = await asyncio.to_thread(self._mailer.send_messages, [_Prepared(letter)])
        except Exception as error:
            return Outcome(Status.UNCONFIRMED, f"The mail backend failed: {error}")
        return Outcome(Status.SENT) if count else Outcome(Status.ERROR, "The mail backend did not take the message.")

    async def close(self) -> None:
        await asyncio.to_thread(self._mailer.close)


class _Prepared(EmailMessage):
    """A composed letter in the form that Django's mail backends take."""

    def __init__(self, letter: Letter) -> None:
        super().__init__(
            subject=str(letter.message["Subject"]),
            body=_text(letter, "plain"),
            from_email=letter.sender,
            to=[letter.to],
        )
        self._letter = letter

    def message(self, **_options: Any) -> Any:
        return self._letter.message


def _text(letter: Letter, kind: str) -> str:
    part = letter.message.get_body((kind,))
    return str(part.get_content()) if part else ""


def transport(alias: str = "default") -> Transport:
    """A new, unopened way out by that entry of MAILERS."""
    mailer: dict[str, Any] = settings.MAILERS[alias]
    if mailer["BACKEND"] == settings.SMTP_BACKEND:
        return SmtpTransport(mailer["OPTIONS"])
    return MailerTransport(alias)


class Pool:
    """The process's connections, opened when needed, kept for the next letter, never more than `limit`."""

    def __init__(self, limit: int) -> None:
        self._free = asyncio.Semaphore(limit)
        self._idle: list[Transport] = []

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Transport]:
        """An open connection to oneself. Raises TransportDown."""
        async with self._free:
            chosen = await self._open()
            try:
                yield chosen
            except BaseException:
                # Perhaps in the middle of a letter: the next one would read the replies that belong to this one.
                await chosen.close()
                raise
            if chosen.usable:
                self._idle.append(chosen)

    async def _open(self) -> Transport:
        while self._idle:
            kept = self._idle.pop()
            if kept.usable:
                return kept
        fresh = transport()
        await fresh.open()
        return fresh

    async def aclose(self) -> None:
        idle, self._idle = self._idle, []
        await asyncio.gather(*(kept.close() for kept in idle))
