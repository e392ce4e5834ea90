"""The opening of an SMTP connection: greeting, TLS, login. The protocol is aiosmtplib's, the decisions are here."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Self, cast

import aiosmtplib
from django.core.mail import DNS_NAME

from backoffice.smtp import XOAUTH2, password, tls_context
from campaigns.sending.letters.composer import Letter
from campaigns.sending.outcomes import TransportDown
from campaigns.sending.smtp.complaints import explained, server_name

# CRAM-MD5 hides the password, which needs no hiding within TLS. There it comes last: a server that keeps passwords as
# hashes can not check it, and some offer it all the same.
WITHIN_TLS = ("plain", "login", "cram-md5")
IN_THE_OPEN = ("cram-md5", "plain", "login")
# RFC 4954, 4 and RFC 5321, 4.2.4: not this way. Any other refusal is of the password, which another way would repeat.
OTHER_MECHANISM_MAY_DO = range(500, 505)
_CONTROL_CHARACTER = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True)
class Session:
    """An open connection whose handshake is done, and what its server offers.

    `size` is the largest letter in bytes that the server says it takes (RFC 1870), None where it tells no limit.
    """

    transport: asyncio.Transport
    pipelining: bool = False
    smtputf8: bool = False
    size: int | None = None

    @classmethod
    def of(cls, client: aiosmtplib.SMTP) -> Self:
        size = client.esmtp_extensions.get("size", "")
        return cls(
            transport=cast(asyncio.Transport, client.transport),
            pipelining=client.supports_extension("pipelining"),
            smtputf8=client.supports_extension("smtputf8"),
            size=(int(size) if size.isdecimal() else 0) or None,
        )

    def refuses(self, letter: Letter) -> str | None:
        """Why the server would not take the letter, as far as it has said so beforehand."""
        if letter.utf8 and not self.smtputf8:
            return f"The mail server offers no SMTPUTF8, which “{letter.to}” or its sender needs."
        if self.size and len(letter.content) > self.size:
            return f"The letter has {len(letter.content):,} bytes, and the mail server takes at most {self.size:,}."
        return None


async def shake_hands(options: dict[str, Any]) -> Session:
    """Connect, secure and log in, by the options of `backoffice.smtp.EmailBackend`.

    Each step may take `timeout` seconds. Raises TransportDown.
    """
    try:
        with ExitStack() as undo:
            client = await _client(options)
            undo.callback(_abort, client)
            await client.connect()
            await _secure(client, options)
            await _log_in(client, options)
            undo.pop_all()
    except (aiosmtplib.SMTPException, OSError, UnicodeError) as error:
        temporary = isinstance(error, aiosmtplib.SMTPResponseException) and error.code // 100 == 4
        raise TransportDown(explained(error, options), temporary=temporary) from error
    return Session.of(client)


def _abort(client: aiosmtplib.SMTP) -> None:
    # close() would wait for the server's farewell where there is TLS.
    if client.transport:
        cast(asyncio.Transport, client.transport).abort()


async def _client(options: dict[str, Any]) -> aiosmtplib.SMTP:
    for name in ("host", "username"):
        if _CONTROL_CHARACTER.search(options[name]):
            raise TransportDown(f"The {name} of the mail server holds a control character.")
    secure = options["use_ssl"] or options["use_tls"]
    return aiosmtplib.SMTP(
        hostname=options["host"],
        port=options["port"],
        # By default it would be looked up for each connection.
        local_hostname=options.get("local_hostname") or await asyncio.to_thread(DNS_NAME.get_fqdn),
        use_tls=options["use_ssl"],
        start_tls=False,
        timeout=options["timeout"],
        tls_context=tls_context(options.get("ca", "")) if secure else None,
    )


async def _secure(client: aiosmtplib.SMTP, options: dict[str, Any]) -> None:
    await _greet(client)
    if options["use_tls"]:
        if not client.supports_extension("starttls"):
            raise TransportDown(f"{server_name(options)} offers no STARTTLS, and SMTP_USE_TLS wants it.")
        await client.starttls()
        # RFC 3207, 4.2: what was offered before does not count.
        await _greet(client)


async def _greet(client: aiosmtplib.SMTP) -> None:
    try:
        await client.ehlo()
    except aiosmtplib.SMTPHeloError:
        if not client.is_connected:
            raise
        await client.helo()


async def _log_in(client: aiosmtplib.SMTP, options: dict[str, Any]) -> None:
    username, secret = options["username"], password(options)
    if not (username and secret):
        return
    refusal: aiosmtplib.SMTPException | None = None
    for mechanism in _mechanisms(client, options):
        try:
            await getattr(client, f"auth_{mechanism.replace('-', '')}")(username, secret)
        except aiosmtplib.SMTPException as error:
            refusal = refusal or error
            if not client.is_connected or not _may_try_another(mechanism, error):
                break
        else:
            return
    if refusal:
        raise refusal


def _mechanisms(client: aiosmtplib.SMTP, options: dict[str, Any]) -> list[str]:
    known = WITHIN_TLS if client.get_transport_info("sslcontext") else IN_THE_OPEN
    wanted = (XOAUTH2,) if options.get("auth") == XOAUTH2 else known
    mechanisms = [mechanism for mechanism in wanted if mechanism in client.server_auth_methods]
    if not mechanisms:
        raise TransportDown(_no_login(client, options, wanted))
    return mechanisms


def _no_login(client: aiosmtplib.SMTP, options: dict[str, Any], wanted: Iterable[str]) -> str:
    server, offered = server_name(options), ", ".join(client.server_auth_methods).upper()
    if offered:
        return f"{server} offers no login by {', '.join(wanted).upper()}, but {offered}."
    if client.supports_extension("starttls"):
        return f"{server} offers no login without TLS: set SMTP_USE_TLS."
    return f"{server} offers no login: SMTP_USER is of no use there."


def _may_try_another(mechanism: str, error: aiosmtplib.SMTPException) -> bool:
    code = error.code if isinstance(error, aiosmtplib.SMTPResponseException) else 0
    return mechanism == "cram-md5" or code in OTHER_MECHANISM_MAY_DO
