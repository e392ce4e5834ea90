"""The opening of a connection, with servers that say what the test wants."""

import asyncio
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from campaigns.sending.outcomes import TransportDown
from campaigns.sending.smtp.complaints import explained
from campaigns.sending.smtp.handshake import Session, shake_hands

GREETING = "greeting"
HANG_UP = "hang up"
SILENCE = "silence"
# By the beginning of what is said, the longest that fits. After HANG_UP in a reply the server closes the connection.
USUAL = {GREETING: "220 mail.test", "EHLO": "250 mail.test", "AUTH": "235 welcome"}
PLAIN_AND_LOGIN = "250-mail.test\r\n250 AUTH PLAIN LOGIN"
REFUSED = "535 5.7.8 wrong password"


class Scripted:
    """A server that answers by its script, and remembers what it was told."""

    def __init__(self, script: Mapping[str, str]) -> None:
        self._script = {**USUAL, **script}
        self.heard: list[str] = []
        self._writers: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        words = GREETING
        while self._answer(words, writer) and (line := await reader.readline()):
            words = line.decode().rstrip("\r\n")
            self.heard.append(words)
        writer.close()

    def hang_up(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    def _answer(self, words: str, writer: asyncio.StreamWriter) -> bool:
        known = [begin for begin in self._script if words.startswith(begin)]
        reply = self._script[max(known, key=len)] if known else "500 what?"
        if reply not in (SILENCE, HANG_UP):
            writer.write(reply.removesuffix(HANG_UP).encode() + b"\r\n")
        return not reply.endswith(HANG_UP)


async def _shake(server: Scripted, options: dict[str, Any]) -> Session:
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    usual = {"host": "127.0.0.1", "use_tls": False, "use_ssl": False, "username": "", "password": "", "timeout": 60}
    try:
        session = await shake_hands({**usual, "port": port, **options})
        session.transport.abort()
        return session
    finally:
        listening.close()
        server.hang_up()
        await asyncio.sleep(0.05)  # Until the loop has closed what was aborted: a loop that ends warns of the rest.


def shaken(script: Mapping[str, str], **options: Any) -> tuple[Session, list[str]]:
    """The session, and what the server heard."""
    server = Scripted(script)
    return asyncio.run(_shake(server, options)), server.heard


def refused(script: Mapping[str, str], **options: Any) -> tuple[str, list[str]]:
    """Why there is no session, and what the server heard."""
    server = Scripted(script)
    with pytest.raises(TransportDown) as raised:
        asyncio.run(_shake(server, options))
    return str(raised.value).partition(" ")[2], server.heard


ANN = {"username": "ann", "password": "secret"}


# TLS


def test_a_server_without_starttls_gets_neither_password_nor_mail_where_it_is_wanted() -> None:
    reason, heard = refused({"EHLO": PLAIN_AND_LOGIN}, use_tls=True, local_hostname="office.example", **ANN)
    assert reason == "offers no STARTTLS, and SMTP_USE_TLS wants it."
    assert heard == ["EHLO office.example"]


def test_a_refused_starttls_leads_to_nothing_in_the_open() -> None:
    script = {"EHLO": "250-mail.test\r\n250-STARTTLS\r\n250 AUTH PLAIN", "STARTTLS": "454 4.7.0 not now"}
    reason, heard = refused(script, use_tls=True, **ANN)
    assert reason == "refused the connection: 454 4.7.0 not now"
    assert heard[-1] == "STARTTLS"


# Login


def test_without_tls_the_login_that_hides_the_password_comes_first() -> None:
    script = {"EHLO": "250-mail.test\r\n250 AUTH PLAIN CRAM-MD5 LOGIN", "AUTH": "334 PDFAbWFpbC50ZXN0Pg=="}
    _session, heard = shaken({**script, "YW5uI": "235 welcome"}, **ANN)
    assert heard[1] == "AUTH CRAM-MD5"


def test_another_login_is_tried_where_the_server_does_not_have_what_it_offers() -> None:
    script = {"AUTH PLAIN": "504 5.5.4 not implemented", "AUTH LOGIN": "334 UGFzc3dvcmQ6", "c2VjcmV0": "235 welcome"}
    _session, heard = shaken({"EHLO": PLAIN_AND_LOGIN, **script}, **ANN)
    assert [words.split()[:2] for words in heard[1:]] == [["AUTH", "PLAIN"], ["AUTH", "LOGIN"], ["c2VjcmV0"]]


def test_a_refused_password_is_not_tried_again_by_another_login() -> None:
    reason, heard = refused({"EHLO": PLAIN_AND_LOGIN, "AUTH": REFUSED}, **ANN)
    assert reason == f"refused the login: {REFUSED}"
    assert len(heard) == 2


def test_a_password_that_the_server_can_not_check_by_cram_md5_is_tried_plainly() -> None:
    script = {"EHLO": "250-mail.test\r\n250 AUTH CRAM-MD5 PLAIN", "AUTH CRAM-MD5": REFUSED}
    _session, heard = shaken(script, **ANN)
    assert heard[-1].startswith("AUTH PLAIN ")


def test_a_server_that_hangs_up_after_a_refused_login_is_quoted_all_the_same() -> None:
    script = {"EHLO": "250-mail.test\r\n250 AUTH CRAM-MD5 PLAIN", "AUTH": REFUSED + HANG_UP}
    reason, _heard = refused(script, **ANN)
    assert reason == f"refused the login: {REFUSED}"


def test_a_refused_token_comes_as_a_challenge_that_is_answered_with_nothing() -> None:
    script = {"AUTH": "334 eyJzdGF0dXMiOiI0MDEifQ==", "": REFUSED}
    reason, heard = refused({"EHLO": "250-mail.test\r\n250 AUTH XOAUTH2", **script}, auth="xoauth2", **ANN)
    assert reason == f"refused the login: {REFUSED}"
    assert heard[1:] == ["AUTH XOAUTH2 dXNlcj1hbm4BYXV0aD1CZWFyZXIgc2VjcmV0AQE=", ""]


def test_a_server_without_a_login_says_so() -> None:
    assert refused({}, **ANN)[0] == "offers no login: SMTP_USER is of no use there."


def test_without_a_username_nobody_logs_in() -> None:
    _session, heard = shaken({"EHLO": PLAIN_AND_LOGIN}, local_hostname="office.example")
    assert heard == ["EHLO office.example"]


def test_a_password_in_a_file_is_read_for_each_connection(tmp_path: Path) -> None:
    file = tmp_path / "token"
    script = {"EHLO": PLAIN_AND_LOGIN}
    options = {"username": "ann", "password": "", "password_file": str(file)}
    said = []
    for token in ("first\n", "second\n"):
        file.write_text(token)
        said.append(shaken(script, **options)[1][1])
    assert said == ["AUTH PLAIN AGFubgBmaXJzdA==", "AUTH PLAIN AGFubgBzZWNvbmQ="]
    file.unlink()
    assert refused(script, **options)[0] == f"password in {file} can not be read: No such file or directory"


def test_a_username_of_two_lines_is_refused_before_anything_is_said() -> None:
    reason, heard = refused({}, username="ann\r\nRSET", password="secret")
    assert reason == "username of the mail server holds a control character."
    assert heard == []


# What the server offers


@pytest.mark.parametrize(
    ("said", "size"), [("SIZE 52428800", 52_428_800), ("SIZE 0", None), ("SIZE", None), ("SIZE ²", None), ("DSN", None)]
)
def test_the_largest_letter_is_as_the_server_says(said: str, size: int | None) -> None:
    assert shaken({"EHLO": f"250-mail.test\r\n250 {said}"})[0].size == size


def test_a_server_of_the_first_generation_offers_nothing_and_is_used() -> None:
    session, heard = shaken({"EHLO": "502 what?", "HELO": "250 mail.test"})
    assert (session.pipelining, session.smtputf8, session.size) == (False, False, None)
    assert heard[1].startswith("HELO ")


# Servers that can not be used


@pytest.mark.parametrize(
    ("greeting", "reason"),
    [
        ("554 5.7.1 you are blocked" + HANG_UP, "refused the connection: 554 5.7.1 you are blocked"),
        ("421 4.7.0 too many connections" + HANG_UP, "refused the connection: 421 4.7.0 too many connections"),
        ("SSH-2.0-OpenSSH_9.9", "does not speak SMTP: "),
        (HANG_UP, "closed the connection."),
    ],
)
def test_a_server_that_can_not_be_used_is_told_with_the_reason(greeting: str, reason: str) -> None:
    assert refused({GREETING: greeting})[0].startswith(reason)


def test_a_server_that_is_silent_is_given_up_after_the_timeout() -> None:
    assert refused({GREETING: SILENCE}, timeout=0.2)[0] == "did not answer within 0.2 seconds."


def test_where_nothing_listens_it_is_said() -> None:
    assert refused({}, port=1)[0] == "can not be reached: nothing listens there."


def test_a_host_that_is_not_found_is_named() -> None:
    error = OSError("Error connecting")
    error.__cause__ = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    assert (
        explained(error, {"host": "mail.test", "port": 25}) == "mail.test:25 was not found: Name or service not known"
    )


def test_a_server_that_waits_for_tls_is_told_from_one_that_is_silent() -> None:
    options = {"host": "mail.test", "port": 465, "timeout": 30, "use_ssl": False}
    assert explained(TimeoutError(), options).endswith("Port 465 usually wants SMTP_USE_SSL.")
