"""One worker's connections, against a real mail server."""

import pytest
from pytest_django import Settings

from campaigns import lifecycle
from campaigns.models import MailingAttempt
from campaigns.tests import factories
from campaigns.tests.conftest import UseMailServer
from campaigns.tests.mail_server import MailServer
from campaigns.tests.worker import work

pytestmark = pytest.mark.django_db(transaction=True)


def send_to(audience: int) -> MailingAttempt:
    attempt = lifecycle.launch(factories.mailing(audience=audience), None)
    work()
    attempt.refresh_from_db()
    return attempt


def test_a_connection_is_kept_for_the_next_letter(server: MailServer, settings: Settings) -> None:
    settings.SENDING_CONNECTIONS = 2
    assert send_to(20).sent == 20
    assert server.connections <= 2


def test_a_connection_ends_after_its_share_of_letters(server: MailServer, settings: Settings) -> None:
    settings.SENDING_CONNECTIONS = 1
    settings.SENDING_LETTERS_PER_CONNECTION = 5
    assert send_to(20).sent == 20
    assert server.connections == 4


def test_a_server_that_refuses_further_connections_is_content_with_those_it_took(
    server: MailServer, settings: Settings
) -> None:
    server.most_connections = 1
    settings.SENDING_CONNECTIONS = 4
    attempt = send_to(30)
    assert (attempt.status, server.addresses.total()) == ("success", 30)


def test_a_server_that_goes_silent_is_given_up_after_the_timeout(
    server: MailServer, use_smtp: UseMailServer, settings: Settings
) -> None:
    use_smtp(server.port, timeout=1)
    settings.SENDING_CONNECTIONS = 1
    server.open.clear()
    attempt = send_to(1)
    assert attempt.unconfirmed == 1
    assert "no answer within 1 seconds" in attempt.logs.get().detail


def test_a_refused_recipient_whose_data_is_taken_gets_no_empty_letter(server: MailServer) -> None:
    server.takes_data_without_recipients = True
    server.at_rcpt["r0@example.com"] = ["550 5.1.1 no such user"]
    owner = factories.user()
    people = [factories.recipient(owner, address) for address in ("r0@example.com", "r1@example.com")]
    attempt = lifecycle.launch(factories.mailing(owner, people), None)
    work()
    attempt.refresh_from_db()
    assert (attempt.errors, attempt.sent, list(server.addresses)) == (1, 1, ["r1@example.com"])
