"""Limits and slow-downs in a worker of this process, against a real mail server over TCP."""

import pytest
from pytest_django import Settings

from campaigns import lifecycle
from campaigns.models import DomainSlowdown, MailingAttempt
from campaigns.tests import factories
from campaigns.tests.limited import Unit, limit
from campaigns.tests.mail_server import MailServer
from campaigns.tests.worker import work

pytestmark = pytest.mark.django_db(transaction=True)


def launched(**audience: int) -> MailingAttempt:
    """A mailing to so many recipients in each of these domains, named without their .example."""
    owner = factories.user()
    addresses = [f"r{n}@{domain}.example" for domain, count in audience.items() for n in range(count)]
    return lifecycle.launch(factories.mailing(owner, [factories.recipient(owner, to) for to in addresses]), None)


def reached(server: MailServer, domain: str) -> int:
    return sum(address.endswith(f"@{domain}.example") for address in server.addresses)


def test_a_mailing_under_a_limit_reaches_everybody_once(server: MailServer, settings: Settings) -> None:
    settings.SENDING_CHUNK_ROWS = 20
    limit(100)
    attempt = launched(a=60)
    work()
    attempt.refresh_from_db()
    assert (attempt.status, attempt.sent) == ("success", 60)
    assert set(server.addresses.values()) == {1}


def test_a_domain_that_may_get_little_holds_up_no_other(server: MailServer, settings: Settings) -> None:
    settings.SENDING_CHUNK_ROWS = 10
    limit(1, Unit.HOUR, "a.example")
    launched(a=50, b=50)
    work(lambda: reached(server, "b") == 50)
    assert reached(server, "a") <= 1


def test_a_domain_whose_server_asks_for_less_mail_waits_and_gets_it_later(
    server: MailServer, settings: Settings
) -> None:
    settings.SENDING_SLOWDOWN_SECONDS = settings.SENDING_RETRY_SECONDS = 1
    server.at_rcpt["r0@a.example"] = ["451 4.7.1 not so fast"]
    attempt = launched(a=10, b=10)
    work()
    attempt.refresh_from_db()
    assert (attempt.status, attempt.sent) == ("success", 20)
    assert DomainSlowdown.objects.get().reason == "451 4.7.1 not so fast"


def test_a_domain_that_is_slowed_gets_nothing(server: MailServer) -> None:
    server.at_rcpt["r0@a.example"] = ["421 busy"]
    launched(a=1, b=1)
    work(lambda: DomainSlowdown.objects.exists())
    launched(a=10, c=10)
    work(lambda: reached(server, "c") == 10)
    assert reached(server, "a") == 0


def test_no_more_connections_are_opened_than_all_workers_may_have(server: MailServer) -> None:
    limit(2, Unit.CONNECTIONS)
    attempt = launched(a=40)
    work()
    attempt.refresh_from_db()
    assert (attempt.sent, server.connections) == (40, 2)
