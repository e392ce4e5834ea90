"""The engine in a worker of this process, against a real mail server over TCP."""

import asyncio
import ssl
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import AuthResult
from django.core import mail
from django.core.mail.backends.base import BaseEmailBackend
from django.db import connection
from pytest_django import Settings

from campaigns import lifecycle
from campaigns.models import Mailing, MailingAttempt, Recipient
from campaigns.models.log import Status
from campaigns.sending.engine import Engine
from campaigns.tests import factories, mail_server
from campaigns.tests.conftest import UseMailServer
from campaigns.tests.mail_server import HANG_UP, MailServer
from campaigns.tests.worker import work

pytestmark = pytest.mark.django_db(transaction=True)


def to(*addresses: str, **fields: Any) -> Mailing:
    owner = factories.user()
    return factories.mailing(owner, [factories.recipient(owner, address) for address in addresses], **fields)


def sent(mailing: Mailing, **options: Any) -> MailingAttempt:
    """The mailing's attempt, after a worker has done what it could."""
    attempt = lifecycle.launch(mailing, None, **options)
    work()
    return fresh(attempt)


def fresh(attempt: MailingAttempt) -> MailingAttempt:
    attempt = MailingAttempt.objects.get(pk=attempt.pk)
    open_rows = attempt.logs.filter(status__lte=Status.DEFERRED).count()
    assert attempt.open == open_rows, "the sum of the counters and the open rows is the total"
    return attempt


def outcomes(attempt: MailingAttempt) -> dict[str, tuple[Status, str]]:
    return {log.email: (Status(log.status), log.detail) for log in attempt.logs.all()}


def state(attempt: MailingAttempt) -> tuple[str, str]:
    return attempt.status, Mailing.objects.get(pk=attempt.mailing_id).status


# All goes well


def test_every_recipient_gets_the_letter_exactly_once(server: MailServer, settings: Settings) -> None:
    settings.SENDING_CHUNK_ROWS = 30
    attempt = sent(factories.mailing(audience=100))
    assert (attempt.status, attempt.total, attempt.sent) == ("success", 100, 100)
    assert server.addresses == Counter(attempt.logs.values_list("email", flat=True))
    assert state(attempt) == ("success", "finished")


def test_the_letter_is_the_recipients_own(server: MailServer) -> None:
    owner = factories.user()
    person = factories.recipient(owner, "anna@example.com", full_name="Анна", attributes={"city": "Łódź"})
    attempt = sent(
        factories.mailing(
            owner,
            [person],
            subject="Для {{ full_name }}",
            body=".{{ attributes.city }}\n.\n..",
            body_html="<p>{{ attributes.city }}</p>",
        )
    )
    letter = server.letter("anna@example.com")
    assert letter["Subject"] == "Для Анна"
    assert letter["Message-ID"].startswith(f"<{attempt.logs.get().pk}.")
    text, html = (letter.get_body((kind,)) for kind in ("plain", "html"))
    assert text
    assert text.get_content().splitlines() == [".Łódź", ".", ".."]
    assert html
    assert html.get_content().strip() == "<p>Łódź</p>"


def test_connections_are_reused_and_never_more_than_allowed(server: MailServer) -> None:
    sent(factories.mailing(audience=60))
    assert 1 <= server.connections <= 4


def test_the_attempt_is_sent_as_it_was_launched(server: MailServer) -> None:
    mailing = to("ann@example.com", subject="Before")
    lifecycle.launch(mailing, None)
    mailing.message.subject = "After"
    mailing.message.save()
    work()
    assert server.letter("ann@example.com")["Subject"] == "Before"


def test_a_recipient_deleted_after_the_launch_is_skipped(server: MailServer) -> None:
    mailing = to("gone@example.com", "here@example.com")
    attempt = lifecycle.launch(mailing, None)
    Recipient.objects.get(email="gone@example.com").delete()
    work()
    assert outcomes(attempt)["gone@example.com"][0] == Status.SKIPPED
    assert server.addresses == {"here@example.com": 1}


# One recipient at a time goes wrong


def test_a_refused_address_is_an_error_with_the_servers_words_and_the_others_go_on(server: MailServer) -> None:
    server.at_rcpt["bad@example.com"] = ["550 5.1.1 no such user"]
    attempt = sent(to("bad@example.com", "good@example.com"))
    assert outcomes(attempt)["bad@example.com"] == (Status.ERROR, "550 5.1.1 no such user")
    assert server.addresses == {"good@example.com": 1}
    assert state(attempt) == ("partial", "finished")


def test_a_refused_letter_is_an_error_with_the_servers_words(server: MailServer) -> None:
    server.at_data["bad@example.com"] = ["554 5.7.1 looks like spam"]
    attempt = sent(to("bad@example.com"))
    assert outcomes(attempt)["bad@example.com"] == (Status.ERROR, "554 5.7.1 looks like spam")


@pytest.mark.parametrize("stage", ["at_rcpt", "at_data"])
def test_a_letter_that_is_put_off_is_tried_again_until_it_is_sent(
    server: MailServer, settings: Settings, stage: str
) -> None:
    settings.SENDING_RETRY_SECONDS = 1
    getattr(server, stage)["busy@example.com"] = ["451 4.2.1 mailbox busy"]
    attempt = lifecycle.launch(to("busy@example.com"), None)
    work(until=lambda: attempt.logs.get().status == Status.DEFERRED)
    assert outcomes(attempt)["busy@example.com"] == (Status.DEFERRED, "451 4.2.1 mailbox busy")
    work()
    log = attempt.logs.get()
    assert (log.status, log.tries, server.addresses["busy@example.com"]) == (Status.SENT, 2, 1)


def test_a_letter_that_is_put_off_too_often_is_an_error(server: MailServer, settings: Settings) -> None:
    settings.SENDING_RETRY_SECONDS, settings.SENDING_TRIES = 0, 3
    server.at_rcpt["busy@example.com"] = ["451 4.2.1 mailbox busy"] * 9
    attempt = sent(to("busy@example.com"))
    log = attempt.logs.get()
    assert (log.status, log.detail, log.tries) == (Status.ERROR, "451 4.2.1 mailbox busy", 3)


def test_a_connection_lost_before_the_letter_left_means_a_second_try(server: MailServer, settings: Settings) -> None:
    settings.SENDING_RETRY_SECONDS = 0
    server.at_rcpt["ann@example.com"] = [HANG_UP]
    attempt = sent(to("ann@example.com"))
    assert attempt.status == "success"
    assert server.addresses == {"ann@example.com": 1}


def test_a_connection_lost_after_the_letter_left_leaves_it_unconfirmed(server: MailServer) -> None:
    server.at_data["doubt@example.com"] = [HANG_UP]
    attempt = sent(to("doubt@example.com", "good@example.com"))
    assert outcomes(attempt)["doubt@example.com"][0] == Status.UNCONFIRMED
    assert (attempt.status, attempt.sent, attempt.unconfirmed) == ("partial", 1, 1)


def test_a_reply_to_the_letter_that_makes_no_sense_leaves_it_unconfirmed(server: MailServer) -> None:
    server.at_data["doubt@example.com"] = ["354 go ahead"]
    attempt = sent(to("doubt@example.com", "good@example.com"))
    assert outcomes(attempt)["doubt@example.com"][0] == Status.UNCONFIRMED
    assert outcomes(attempt)["good@example.com"][0] == Status.SENT


@pytest.mark.parametrize("stage", ["at_mail", "at_rcpt"])
def test_a_strange_2xx_before_the_letter_never_counts_as_sent(
    server: MailServer, settings: Settings, stage: str
) -> None:
    settings.SENDING_RETRY_SECONDS = 0
    replies = server.at_mail if stage == "at_mail" else server.at_rcpt["ann@example.com"]
    replies.append("252 perhaps")
    attempt = sent(to("ann@example.com"))
    assert (attempt.sent, server.addresses["ann@example.com"]) == (1, 1)


def test_a_server_that_ends_the_connection_politely_is_called_again(server: MailServer, settings: Settings) -> None:
    settings.SENDING_RETRY_SECONDS, settings.SENDING_SLOWDOWN_SECONDS = 0, 1
    server.at_rcpt["ann@example.com"] = ["421 4.3.2 closing"]
    attempt = sent(to("ann@example.com", "bob@example.com"))
    assert (attempt.status, server.addresses.total()) == ("success", 2)


def test_a_bad_address_and_a_missing_value_are_errors_and_the_others_go_on(server: MailServer) -> None:
    owner = factories.user()
    people = [
        factories.recipient(owner, "no address", attributes={"city": "Rome"}),
        factories.recipient(owner, "jörg@example.com", attributes={"city": "Rome"}),
        factories.recipient(owner, "poor@example.com"),
        factories.recipient(owner, "good@example.com", attributes={"city": "Rome"}),
    ]
    attempt = sent(factories.mailing(owner, people, body="{{ attributes.city }}"))
    assert (attempt.errors, attempt.sent) == (3, 1)
    assert "not a valid" in outcomes(attempt)["no address"][1]
    assert "attributes.city" in outcomes(attempt)["poor@example.com"][1]
    assert server.addresses == {"good@example.com": 1}


# The mail server as a whole goes wrong


def test_no_mail_server_pauses_with_the_reason_and_a_resume_finishes(use_smtp: UseMailServer) -> None:
    with mail_server.running() as gone:
        port = gone.port
    use_smtp(port)
    attempt = sent(factories.mailing(audience=10))
    assert state(attempt) == ("paused", "paused")
    assert f"127.0.0.1:{port}" in attempt.server_response
    assert attempt.open == 10
    with mail_server.running() as back:
        use_smtp(back.port)
        lifecycle.resume(attempt.mailing)
        work()
        attempt = fresh(attempt)
        assert (attempt.status, attempt.server_response, set(back.addresses.values())) == ("success", "", {1})


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
def test_a_refused_login_pauses_with_the_servers_words(use_smtp: UseMailServer) -> None:
    options = {"authenticator": mail_server.only_ann, "auth_require_tls": False, "auth_required": True}
    with mail_server.running(**options) as server:
        use_smtp(server.port, username="ann", password="wrong")
        attempt = sent(factories.mailing(audience=3))
        assert state(attempt) == ("paused", "paused")
        assert "refused the login: 535" in attempt.server_response
        use_smtp(server.port, username="ann", password="secret")
        lifecycle.resume(attempt.mailing)
        work()
        assert fresh(attempt).sent == server.addresses.total() == 3


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
def test_a_wrong_password_is_tried_once_and_not_by_every_connection(use_smtp: UseMailServer) -> None:
    tries = []

    def nobody(*_arguments: Any) -> AuthResult:
        tries.append(1)
        return AuthResult(success=False)

    options = {"authenticator": nobody, "auth_require_tls": False, "auth_required": True}
    with mail_server.running(**options) as server:
        use_smtp(server.port, username="ann", password="wrong")
        assert sent(factories.mailing(audience=30)).status == "paused"
    assert len(tries) == 1


def test_a_sender_whose_letter_is_too_large_for_the_server_pauses_nothing(server: MailServer) -> None:
    server.at_mail = ["552 5.3.4 message size exceeds fixed limit"]
    attempt = sent(factories.mailing(audience=4))
    assert (attempt.status, attempt.errors, attempt.sent) == ("partial", 1, 3)


def test_a_refused_sender_pauses_with_the_servers_words_and_loses_nothing(server: MailServer) -> None:
    server.at_mail = ["550 5.7.1 not your address"] * 4
    attempt = sent(factories.mailing(audience=8))
    assert state(attempt) == ("paused", "paused")
    assert "550 5.7.1 not your address" in attempt.server_response
    server.at_mail = []
    lifecycle.resume(attempt.mailing)
    work()
    assert fresh(attempt).sent == 8
    assert set(server.addresses.values()) == {1}


def test_a_sender_that_is_no_address_pauses_with_the_reason(server: MailServer, settings: Settings) -> None:
    settings.DEFAULT_FROM_EMAIL = "The Office <office>"
    attempt = sent(factories.mailing())
    assert state(attempt) == ("paused", "paused")
    assert "“office” is not a valid e-mail address" in attempt.server_response


def test_a_message_that_can_not_be_read_pauses_with_the_reason(server: MailServer) -> None:
    attempt = sent(factories.mailing(body="{{ nonsense }}"))
    assert attempt.status == "paused"
    assert "nonsense" in attempt.server_response


def test_a_server_that_never_answers_is_given_up_after_the_timeout(use_smtp: UseMailServer) -> None:
    with mail_server.running() as server:
        use_smtp(server.port, timeout=1)
        server.open.clear()
        attempt = sent(to("ann@example.com"))
        assert attempt.unconfirmed == 1


def test_starttls_refuses_a_certificate_that_nobody_vouches_for(use_smtp: UseMailServer, tmp_path: Path) -> None:
    with mail_server.running(tls_context=certificate(tmp_path), require_starttls=True) as server:
        use_smtp(server.port, use_tls=True)
        attempt = sent(factories.mailing())
        assert attempt.status == "paused"
        assert "certificate" in attempt.server_response.lower()
        assert not server.taken


def test_starttls_sends_over_a_certificate_that_is_vouched_for(use_smtp: UseMailServer, tmp_path: Path) -> None:
    with mail_server.running(tls_context=certificate(tmp_path), require_starttls=True) as server:
        use_smtp(server.port, host="localhost", use_tls=True, ca=(tmp_path / "certificate.pem").read_text())
        assert sent(factories.mailing()).sent == len(server.taken) == 1


def certificate(folder: Path) -> ssl.SSLContext:
    """A server's context with a fresh certificate for localhost, signed by itself."""
    key, pem = folder / "key.pem", folder / "certificate.pem"
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"]
    named = ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(pem)]
    subprocess.run([*made, *named], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, key)
    return context


# People intervene


def test_a_cancel_in_the_middle_settles_what_is_in_flight_and_cancels_the_rest(server: MailServer) -> None:
    server.open.clear()
    attempt = lifecycle.launch(factories.mailing(audience=50), None)

    def cancelled() -> bool:
        if attempt.logs.in_flight().count() == 4:
            lifecycle.cancel(attempt.mailing)
            server.open.set()
        return bool(MailingAttempt.objects.get(pk=attempt.pk).finished_at)

    work(until=cancelled)
    attempt = fresh(attempt)
    assert state(attempt) == ("cancelled", "finished")
    assert (attempt.sent, attempt.cancelled) == (4, 46)
    assert len(server.taken) == 4


def test_a_pause_in_the_middle_sends_no_more_and_a_resume_sends_the_rest_once(server: MailServer) -> None:
    server.open.clear()
    attempt = lifecycle.launch(factories.mailing(audience=30), None)

    def paused() -> bool:
        if attempt.logs.in_flight().count() == 4:
            lifecycle.pause(attempt.mailing)
            server.open.set()
        return not server.open.is_set() or _no_row_in_flight(attempt)

    work(until=lambda: paused() and server.open.is_set())
    assert state(fresh(attempt)) == ("paused", "paused")
    assert len(server.taken) == 4
    lifecycle.resume(attempt.mailing)
    work()
    assert fresh(attempt).sent == 30
    assert set(server.addresses.values()) == {1}


def _no_row_in_flight(attempt: MailingAttempt) -> bool:
    return not attempt.logs.in_flight().exists()


def deferred(server: MailServer) -> MailingAttempt:
    """An attempt that waits for its one letter's next try, an hour from now."""
    server.at_rcpt["busy@example.com"] = ["451 4.2.1 mailbox busy"]
    attempt = lifecycle.launch(to("busy@example.com"), None)
    work(until=lambda: attempt.logs.filter(status=Status.DEFERRED).exists() and _no_job_runs())
    return attempt


def _no_job_runs() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM procrastinate_jobs WHERE status = 'doing'")
        return bool(cursor.fetchone() == (0,))


def test_a_cancel_does_not_wait_for_the_next_try_of_deferred_letters(server: MailServer, settings: Settings) -> None:
    settings.SENDING_RETRY_SECONDS = 3600
    attempt = deferred(server)
    lifecycle.cancel(attempt.mailing)
    work(until=lambda: MailingAttempt.objects.filter(pk=attempt.pk, finished_at__isnull=False).exists())
    assert state(fresh(attempt)) == ("cancelled", "finished")
    assert fresh(attempt).cancelled == 1


def test_a_paused_attempt_with_letters_due_is_left_alone_until_it_is_resumed(
    server: MailServer, settings: Settings
) -> None:
    settings.SENDING_RETRY_SECONDS = 3600
    attempt = deferred(server)
    lifecycle.pause(attempt.mailing)
    attempt.logs.update(retry_at=attempt.created_at)
    chunk = attempt.chunks.get()
    assert asyncio.run(_deliver(chunk.pk)) is None
    lifecycle.resume(attempt.mailing)
    work(until=lambda: MailingAttempt.objects.filter(pk=attempt.pk, finished_at__isnull=False).exists())
    assert fresh(attempt).sent == 1


async def _deliver(chunk: int) -> Any:
    engine = Engine()
    try:
        return await engine.deliver(chunk)
    finally:
        await engine.aclose()


# Dry runs


def test_a_dry_run_opens_no_connection_and_says_what_is_wrong(server: MailServer) -> None:
    owner = factories.user()
    people = [
        factories.recipient(owner, "no address", attributes={"city": "Rome"}),
        factories.recipient(owner, "poor@example.com"),
        factories.recipient(owner, "good@example.com", attributes={"city": "Rome"}),
    ]
    attempt = sent(factories.mailing(owner, people, body="{{ attributes.city }}"), dry_run=True)
    assert server.connections == 0
    assert (attempt.status, attempt.dry_runs, attempt.errors) == ("partial", 1, 2)
    assert outcomes(attempt)["good@example.com"][0] == Status.DRY_RUN
    assert "attributes.city" in outcomes(attempt)["poor@example.com"][1]
    assert Mailing.objects.get().status == "draft"


# Other backends


def test_another_mail_backend_gets_the_composed_letters(settings: Settings) -> None:
    settings.MAILERS = {"default": {"BACKEND": "django.core.mail.backends.locmem.EmailBackend"}}
    attempt = sent(to("ann@example.com", "bob@example.com", subject="To {{ email }}"))
    assert attempt.sent == 2
    assert {message.to[0]: message.message()["Subject"] for message in mail.outbox} == {
        "ann@example.com": "To ann@example.com",
        "bob@example.com": "To bob@example.com",
    }


def test_a_backend_that_writes_files_gets_the_composed_letters(settings: Settings, tmp_path: Path) -> None:
    backend = "django.core.mail.backends.filebased.EmailBackend"
    settings.MAILERS = {"default": {"BACKEND": backend, "OPTIONS": {"file_path": str(tmp_path)}}}
    assert sent(to("ann@example.com")).sent == 1
    assert "To: <ann@example.com>" in "".join(path.read_text() for path in tmp_path.iterdir())


def test_a_backend_that_can_not_be_used_pauses_with_the_reason(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "mail").write_text("not a folder")
    backend = "django.core.mail.backends.filebased.EmailBackend"
    settings.MAILERS = {"default": {"BACKEND": backend, "OPTIONS": {"file_path": str(tmp_path / "mail")}}}
    attempt = sent(to("ann@example.com"))
    assert state(attempt) == ("paused", "paused")
    assert str(tmp_path) in attempt.server_response


def test_a_backend_that_fails_in_the_middle_leaves_the_letter_unconfirmed(settings: Settings) -> None:
    settings.MAILERS = {"default": {"BACKEND": f"{__name__}.FailingBackend"}}
    attempt = sent(to("ann@example.com"))
    assert outcomes(attempt)["ann@example.com"] == (Status.UNCONFIRMED, "The mail backend failed: no more paper")


class FailingBackend(BaseEmailBackend):
    def send_messages(self, email_messages: Any) -> int:
        raise RuntimeError("no more paper")


def test_a_fault_of_the_engines_own_pauses_the_attempt_with_its_reason(
    server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_arguments: object) -> None:
        raise ZeroDivisionError("broken on purpose")

    monkeypatch.setattr("campaigns.sending.smtp.connection.SmtpConnection._body", broken)
    attempt = sent(factories.mailing(audience=3))
    assert state(attempt) == ("paused", "paused")
    assert "broken on purpose" in attempt.server_response
    assert server.addresses.total() == 0


def test_a_dry_run_that_can_write_no_letter_ends_and_says_why(settings: Settings) -> None:
    settings.DEFAULT_FROM_EMAIL = "nobody in particular"
    mailing = factories.mailing(audience=3)
    attempt = sent(mailing, dry_run=True)
    assert (*state(attempt), attempt.errors) == ("fail", "draft", 3)
    assert all("not a valid e-mail address" in detail for _status, detail in outcomes(attempt).values())
    assert sent(mailing, dry_run=True).pk != attempt.pk, "another one may be tried"
