"""The mail catcher as a sender, a journal's reader and a browser meet it."""

import json
import signal
import smtplib
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import pytest

from backoffice.embedded.processes import free_port

CATCHER = Path(__file__).resolve().parents[1] / "mail_catcher.py"


@dataclass
class Catcher:
    process: subprocess.Popen
    smtp_port: int
    http_port: int
    journal: Path

    def send(self, *messages: EmailMessage) -> None:
        with smtplib.SMTP("127.0.0.1", self.smtp_port, timeout=60) as sender:
            for message in messages:
                sender.send_message(message)

    def get(self, path: str, host: str = "127.0.0.1") -> tuple[HTTPResponse, str]:
        connection = HTTPConnection("127.0.0.1", self.http_port, timeout=60)
        connection.request("GET", path, headers={"Host": f"{host}:{self.http_port}"})
        response = connection.getresponse()
        body = response.read().decode()
        connection.close()
        return response, body

    def accepted(self, attempt: str) -> dict:
        return json.loads(self.get(f"/api/accepted?attempt={attempt}")[1])


@contextmanager
def running_catcher(journal: Path, *options: str):
    smtp_port, http_port = free_port(), free_port()
    ports = ["--smtp-port", str(smtp_port), "--http-port", str(http_port), "--journal", str(journal)]
    with subprocess.Popen([sys.executable, CATCHER, *ports, *options], stdout=subprocess.DEVNULL) as process:
        try:
            wait_for(smtp_port)
            yield Catcher(process, smtp_port, http_port, journal)
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def catcher(tmp_path_factory: pytest.TempPathFactory):
    with running_catcher(tmp_path_factory.mktemp("catcher") / "journal.jsonl") as running:
        yield running


def test_every_accepted_mail_stands_in_the_journal(catcher: Catcher) -> None:
    catcher.send(mail("journal@example.com", attempt="journal", message_id="<1@test>"))
    entries = [json.loads(line) for line in catcher.journal.read_text().splitlines()]
    [entry] = [entry for entry in entries if entry["recipient"] == "journal@example.com"]
    assert (entry["message_id"], entry["attempt"]) == ("<1@test>", "journal")


def test_the_journal_survives_the_death_of_the_catcher(tmp_path: Path) -> None:
    with running_catcher(tmp_path / "journal.jsonl") as catcher:
        catcher.send(mail("a@example.com"))
        catcher.process.send_signal(signal.SIGKILL)
        catcher.process.wait()
    assert "a@example.com" in catcher.journal.read_text()


def test_counts_the_mails_of_an_attempt_and_names_its_duplicates(catcher: Catcher) -> None:
    one, other = mail("one@example.com", attempt="7"), mail("other@example.com", attempt="7")
    catcher.send(one, other, one, mail("stranger@example.com", attempt="8"))
    counts = catcher.accepted("7")
    assert (counts["accepted"], counts["distinct"], counts["duplicates"]) == (3, 2, ["one@example.com"])


def test_counts_exactly_what_it_no_longer_keeps(tmp_path: Path) -> None:
    with running_catcher(tmp_path / "journal.jsonl", "--keep", "2") as catcher:
        catcher.send(*(mail(f"{number}@example.com", attempt="1") for number in range(5)))
        assert catcher.accepted("1")["distinct"] == 5
        assert json.loads(catcher.get("/api/messages")[1])["total"] == 2
        assert catcher.get("/message/1")[0].status == 404
        assert catcher.get("/message/5")[0].status == 200


def test_lists_the_newest_first_and_fifty_a_page(tmp_path: Path) -> None:
    with running_catcher(tmp_path / "journal.jsonl") as catcher:
        catcher.send(*(mail(f"{number}@example.com") for number in range(1, 52)))
        first, second = (json.loads(catcher.get(f"/api/messages?page={page}")[1]) for page in (1, 2))
    assert [message["number"] for message in first["messages"]] == list(range(51, 1, -1))
    assert [message["number"] for message in second["messages"]] == [1]


def test_finds_mails_by_recipient(catcher: Catcher) -> None:
    catcher.send(mail("needle@example.com"), mail("hay@example.com"))
    [found] = json.loads(catcher.get("/api/messages?q=NEEDLE")[1])["messages"]
    assert found["recipients"] == ["needle@example.com"]


def test_shows_a_message_in_any_script(catcher: Catcher) -> None:
    catcher.send(mail("script@example.com", subject="Привет, Ελένη", text="Žluťoučký kůň"))
    page = catcher.get(f"/message/{number_of(catcher, 'script@')}")[1]
    assert "Привет, Ελένη" in page
    assert "Žluťoučký kůň" in page


def test_no_mail_can_put_its_own_markup_into_our_page(catcher: Catcher) -> None:
    catcher.send(mail("markup@example.com", subject="<script>alert(1)</script>", text="<img src=x>"))
    number = number_of(catcher, "markup@")
    for path in ("/?q=%3Cscript%3E", "/?q=markup", f"/message/{number}"):
        body = catcher.get(path)[1]
        assert "<script" not in body
        assert "<img" not in body


def test_the_html_of_a_mail_is_shown_in_a_sandbox_only(catcher: Catcher) -> None:
    catcher.send(mail("html@example.com", html="<script>alert(1)</script><b>bold</b>"))
    number = number_of(catcher, "html@")
    page = catcher.get(f"/message/{number}")[1]
    response, body = catcher.get(f"/message/{number}/html")
    assert f'<iframe sandbox src="/message/{number}/html"' in page
    assert "<b>bold</b>" in body
    assert response.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")


def test_shows_the_source_as_it_came(catcher: Catcher) -> None:
    catcher.send(mail("source@example.com", attempt="42"))
    response, source = catcher.get(f"/message/{number_of(catcher, 'source@')}/source")
    assert "X-Mailing-Attempt: 42\r\n" in source
    assert response.headers.get_content_type() == "text/plain"


def test_a_broken_mail_is_shown_rather_than_refused(catcher: Catcher) -> None:
    broken = b"Subject: =?no-such-charset?q?=ff?=\r\nContent-Type: text/plain; charset=nonsense\r\n\r\n\xff\xfe"
    with smtplib.SMTP("127.0.0.1", catcher.smtp_port, timeout=60) as sender:
        sender.sendmail("a@example.com", ["broken@example.com"], broken)
    assert catcher.get(f"/message/{number_of(catcher, 'broken@')}")[0].status == 200
    assert catcher.get("/?q=broken")[0].status == 200


@pytest.mark.parametrize("path", ["/message/0", "/message/99999", "/message/x", "/message/1/attachments", "/nothing"])
def test_says_when_there_is_no_such_page(catcher: Catcher, path: str) -> None:
    assert catcher.get(path)[0].status == 404


def test_answers_to_no_name_but_its_own(catcher: Catcher) -> None:
    assert catcher.get("/api/messages", host="rebound.example.com")[0].status == 421


def test_takes_its_time_when_told_to(tmp_path: Path) -> None:
    with running_catcher(tmp_path / "journal.jsonl", "--delay-ms", "300") as catcher:
        started = time.monotonic()
        catcher.send(mail("slow@example.com"))
        assert time.monotonic() - started >= 0.3


def mail(to: str, *, attempt: str = "", message_id: str = "", subject: str = "Hello", text: str = "Hi", html: str = ""):
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "news@example.com", to, subject
    message["Message-ID"] = message_id or f"<{to}>"
    message["X-Mailing-Attempt"] = attempt
    message.set_content(text)
    if html:
        message.add_alternative(html, subtype="html")
    return message


def number_of(catcher: Catcher, recipient: str) -> int:
    return json.loads(catcher.get(f"/api/messages?q={recipient}")[1])["messages"][0]["number"]


def wait_for(port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise TimeoutError(f"Nothing listens on port {port}.")
