"""Why a mail server can not be used, in a sentence for whoever looks after the settings."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from typing import Any

import aiosmtplib

from campaigns.sending.outcomes import readable

# X509_verify(3): the four ways in which nobody known stands behind a certificate.
UNKNOWN_AUTHORITY = range(18, 22)
SMTPS_PORT = 465


def server_name(options: dict[str, Any]) -> str:
    """Host and port."""
    return f"{options['host']}:{options['port']}"


def explained(error: Exception, options: dict[str, Any]) -> str:
    """The sentence for what went wrong in a handshake."""
    server = server_name(options)
    for cause in _causes(error):
        if sentence := _of_the_server(cause, server) or _of_tls(cause, server) or _of_the_way(cause, server, options):
            return readable(sentence)
    if any(isinstance(cause, aiosmtplib.SMTPServerDisconnected) for cause in _causes(error)):
        return f"{server} closed the connection."
    return readable(f"{server} can not be used: {error}")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error:
        yield error
        error = error.__cause__


def _of_the_server(error: BaseException, server: str) -> str:
    match error:
        case aiosmtplib.SMTPAuthenticationError():
            return f"{server} refused the login: {error.code} {error.message}"
        case aiosmtplib.SMTPResponseException(code=aiosmtplib.SMTPStatus.invalid_response):
            return f"{server} does not speak SMTP: {error.message}"
        case aiosmtplib.SMTPResponseException():
            return f"{server} refused the connection: {error.code} {error.message}"
    return ""


def _of_tls(error: BaseException, server: str) -> str:
    match error:
        case ssl.SSLCertVerificationError():
            own = ". If it is signed by an authority of your own, set SMTP_CA_FILE."
            hint = own if error.verify_code in UNKNOWN_AUTHORITY else ""
            return f"The certificate of {server} is not trusted: {error.verify_message}{hint}"
        case ssl.SSLError(reason="WRONG_VERSION_NUMBER" | "RECORD_LAYER_FAILURE"):
            return f"{server} does not begin with TLS. If it offers STARTTLS, set SMTP_USE_TLS instead of SMTP_USE_SSL."
        case ssl.SSLError():
            return f"{server} and this machine found no common TLS: {error.reason}"
    return ""


def _of_the_way(error: BaseException, server: str, options: dict[str, Any]) -> str:
    match error:
        case TimeoutError():
            hint = " Port 465 usually wants SMTP_USE_SSL." if _begins_with_tls(options) else ""
            return f"{server} did not answer within {options['timeout']:g} seconds.{hint}"
        case socket.gaierror():
            return f"{server} was not found: {error.strerror}"
        case ConnectionRefusedError():
            return f"{server} can not be reached: nothing listens there."
        case OSError(filename=str(path)):
            return f"The password in {path} can not be read: {error.strerror}"
    return ""


def _begins_with_tls(options: dict[str, Any]) -> bool:
    return bool(options["port"] == SMTPS_PORT and not options["use_ssl"])
