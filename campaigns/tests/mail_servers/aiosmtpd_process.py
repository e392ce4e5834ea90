"""aiosmtpd, which also takes the access token TOKEN (XOAUTH2), but offers no PIPELINING."""

# ruff: noqa: N802 - aiosmtpd finds its handlers by these names

import asyncio
import logging
import ssl
import sys
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

from aiosmtpd.handlers import Mailbox
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from campaigns.tests.mail_servers.server import PASSWORD, SIZE, TOKEN, USER, Server, free_ports, require

EXCLUDED = {"login": ["PLAIN", "XOAUTH2"]}


class Aiosmtpd(Server):
    """Runs this file."""

    recipient_header = "X-RcptTo"
    pipelining = False

    @classmethod
    def require(cls) -> None:
        require("openssl", "sh", root=False)

    def set_up(self) -> dict[str, int]:
        (self.folder / "mail").mkdir()
        return free_ports("starttls", "smtps", "login")

    def command(self) -> list[str]:
        ports = [f"{way}={port}" for way, port in self.ports.items()]
        return [sys.executable, "-m", __name__, str(self.folder), *ports]


class Handler(Mailbox):
    """Takes mail for everybody but nobody@example.com."""

    async def handle_RCPT(
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if address == "nobody@example.com":
            return "550 5.1.1 no such person"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def auth_XOAUTH2(self, server: SMTP, arguments: list[str]) -> AuthResult:
        if b64decode(arguments[1]) == f"user={USER}\1auth=Bearer {TOKEN}\1\1".encode():
            return AuthResult(success=True, auth_data=USER)
        await server.challenge_auth(b64encode(b'{"status":"401"}'), encode_to_b64=False)
        return AuthResult(success=False, handled=False)


def let_in(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
    return AuthResult(success=(data.login, data.password) == (USER.encode(), PASSWORD.encode()), handled=False)


async def serve(folder: Path, ports: dict[str, int]) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem", folder / "server.key")
    handler = Handler(folder / "mail" / "all")
    loop = asyncio.get_running_loop()

    def protocol(way: str) -> SMTP:
        # It knows nothing of TLS that was there before it.
        within_tls = way == "smtps"
        return SMTP(
            handler,
            data_size_limit=SIZE,
            enable_SMTPUTF8=True,
            authenticator=let_in,
            auth_required=True,
            auth_require_tls=not within_tls,
            auth_exclude_mechanism=EXCLUDED.get(way),
            tls_context=None if within_tls else context,
        )

    for way, port in ports.items():
        tls = context if way == "smtps" else None
        await loop.create_server(lambda way=way: protocol(way), "127.0.0.1", port, ssl=tls)
    await asyncio.Event().wait()


if __name__ == "__main__":
    logging.getLogger("mail.log").setLevel(logging.ERROR)
    asyncio.run(serve(Path(sys.argv[1]), {way: int(port) for way, _, port in (a.partition("=") for a in sys.argv[2:])}))
