"""Django's SMTP mail backend, with what the SMTP_* settings offer beyond its options.

The system's own mail goes this way. Campaigns have a faster one, by the same options and the functions here.
"""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import Any, cast

from django.core.mail.backends import smtp

XOAUTH2 = "xoauth2"


@cache
def tls_context(ca: str) -> ssl.SSLContext:
    """Checks a server's certificate against these authorities (PEM), or the system's where `ca` is empty.

    One for all connections of the process: reading the system's authorities takes some 19 ms.
    """
    return ssl.create_default_context(cadata=ca or None)


def password(options: Mapping[str, Any]) -> str:
    """The password or token; that in a file is read anew, so that it can be renewed. Raises OSError."""
    path = options.get("password_file")
    return Path(path).read_text().strip() if path else options["password"] or ""


def xoauth2(username: str, token: str) -> str:
    """What XOAUTH2 says first (https://developers.google.com/workspace/gmail/imap/xoauth2-protocol)."""
    return f"user={username}\1auth=Bearer {token}\1\1"


class EmailBackend(smtp.EmailBackend):
    """Takes besides Django's options `ca` (PEM), `local_hostname`, `auth` (password or xoauth2) and `password_file`.

    `data_timeout` is for campaigns.
    """

    def __init__(
        self,
        *,
        ca: str = "",
        local_hostname: str = "",
        auth: str = "password",
        password_file: str = "",
        data_timeout: float = 0,
        **options: Any,
    ) -> None:
        self._ca, self._local_hostname, self._auth = ca, local_hostname, auth
        secret = password({"password": options.pop("password", ""), "password_file": password_file})
        super().__init__(password=secret, **options)

    @cached_property
    def ssl_context(self) -> ssl.SSLContext:
        return tls_context(self._ca)

    @property
    def connection_class(self) -> type[smtplib.SMTP]:
        """What Django calls for a connection; it asks no more of it."""
        plain, secure = (_Tokens, _SecureTokens) if self._auth == XOAUTH2 else (smtplib.SMTP, smtplib.SMTP_SSL)
        kind = secure if self.use_ssl else plain

        def connect(host: str, port: int, *, local_hostname: str, **options: Any) -> smtplib.SMTP:
            return kind(host, port, local_hostname=self._local_hostname or local_hostname, **options)

        return cast(type[smtplib.SMTP], connect)


class _Tokens(smtplib.SMTP):
    def login(self, user: str, password: str, *, initial_response_ok: bool = True) -> tuple[int, bytes]:
        self.ehlo_or_helo_if_needed()
        # A refusal comes as a challenge, which wants an empty answer.
        return self.auth("XOAUTH2", lambda challenge=None: xoauth2(user, password) if challenge is None else "")


class _SecureTokens(_Tokens, smtplib.SMTP_SSL):
    pass
