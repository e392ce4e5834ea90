"""The mail server: connect, secure and log in as workers do, and hang up. Nothing is sent."""

import asyncio
from collections.abc import Iterator
from typing import Any

from django.conf import settings

from backoffice.health import FAILED, OK, Finding
from campaigns.sending import connections
from campaigns.sending.outcomes import TransportDown


def findings() -> Iterator[Finding]:
    try:
        asyncio.run(_try())
    except TransportDown as reason:
        yield Finding("mail", FAILED, str(reason))
    else:
        yield Finding("mail", OK, _told())


async def _try() -> None:
    connection = connections.connection()
    await connection.open()
    await connection.close()


def _told() -> str:
    mailer: dict[str, Any] = settings.MAILERS["default"]
    options = mailer["OPTIONS"]
    if mailer["BACKEND"] != settings.SMTP_BACKEND:
        return f"{mailer['BACKEND']} can be opened."
    how = ["with TLS" if options["use_tls"] or options["use_ssl"] else "without TLS"]
    how += [f"and takes the login of {options['username']}"] if options["username"] else []
    return f"{options['host']}:{options['port']} answers {' '.join(how)}."
