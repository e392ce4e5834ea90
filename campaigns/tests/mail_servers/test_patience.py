"""Servers that have had enough: mailings go on by another connection, and every row says what is true."""

from collections import Counter

import pytest
from pytest_django import Settings

from campaigns import lifecycle
from campaigns.models import Mailing, MailingAttempt
from campaigns.models.log import Status
from campaigns.tests import factories
from campaigns.tests.conftest import UseMailServer
from campaigns.tests.mail_servers.exim_process import LETTERS_PER_CONNECTION
from campaigns.tests.mail_servers.server import Server
from campaigns.tests.worker import work

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _soon_again(settings: Settings) -> None:
    settings.DEFAULT_FROM_EMAIL = "office@example.com"
    settings.SENDING_RETRY_SECONDS = 1


def sent(mailing: Mailing) -> MailingAttempt:
    attempt = lifecycle.launch(mailing, None)
    work()
    attempt.refresh_from_db()
    return attempt


def refused() -> Mailing:
    """To thirty people whom no server takes, and one whom all do."""
    owner = factories.user()
    people = [factories.recipient(owner, f"r{number}@gone.example") for number in range(30)]
    return factories.mailing(owner, [*people, factories.recipient(owner, "last@example.com")])


def as_refused(attempt: MailingAttempt) -> bool:
    errors = attempt.logs.filter(status=Status.ERROR, detail__contains="no such house")
    return (attempt.sent, attempt.errors, errors.count()) == (1, 30, 30)


def test_connections_that_postfix_does_not_take_are_done_without(
    postfix: Server, use_smtp: UseMailServer, settings: Settings
) -> None:
    use_smtp(**postfix.options("narrow"))
    settings.SENDING_CONNECTIONS = 6
    attempt = sent(factories.mailing(audience=100))
    assert (attempt.status, attempt.sent, len(postfix.letters())) == ("success", 100, 100)


def test_a_connection_with_refused_letters_is_left_before_postfix_loses_its_patience(
    postfix: Server, use_smtp: UseMailServer, settings: Settings
) -> None:
    """smtpd_soft_error_limit: from ten errors on, every reply waits a second."""
    use_smtp(**postfix.options("narrow"))
    settings.SENDING_CONNECTIONS = 1
    assert as_refused(sent(refused()))
    assert "too many errors" not in postfix.log()


def test_postfix_hangs_up_after_twenty_errors(
    postfix: Server, use_smtp: UseMailServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """smtpd_hard_error_limit; RCPT and DATA of a refused letter are two errors."""
    monkeypatch.setattr("campaigns.sending.smtp.connection.REFUSALS", 1000)
    use_smtp(**postfix.options("narrow"))
    settings.SENDING_CONNECTIONS = 1
    assert as_refused(sent(refused()))
    assert "too many errors" in postfix.log()


def test_exim_hangs_up_after_ten_commands_that_are_not_mail(
    exim: Server, use_smtp: UseMailServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """smtp_accept_max_nonmail: one RSET too many where no letter is taken in between."""
    monkeypatch.setattr("campaigns.sending.smtp.connection.REFUSALS", 1000)
    use_smtp(**exim.options())
    settings.SENDING_CONNECTIONS = 1
    assert as_refused(sent(refused()))
    assert "too many nonmail commands" in exim.log()


def test_exim_hangs_up_after_so_many_letters(exim: Server, use_smtp: UseMailServer, settings: Settings) -> None:
    """smtp_accept_max_per_connection: the next MAIL, which rode with a body, is answered 421."""
    use_smtp(**exim.options())
    settings.SENDING_CONNECTIONS = 1
    attempt = sent(factories.mailing(audience=3 * LETTERS_PER_CONNECTION + 1))
    assert (attempt.status, attempt.sent) == ("success", 3 * LETTERS_PER_CONNECTION + 1)
    assert set(Counter(exim.recipients()).values()) == {1}
    assert "too many messages" in exim.log()
