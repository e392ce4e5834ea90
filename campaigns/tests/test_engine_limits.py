"""What holds letters back, and what does not hold up the others: a real worker, a real mail server."""

from time import monotonic
from typing import Any

import pytest
from pytest_django import Settings

from campaigns import lifecycle
from campaigns.models import DomainSlowdown, Mailing, MailingAttempt, SendingLimit
from campaigns.models.log import Status
from campaigns.sending import delivery
from campaigns.tests import factories
from campaigns.tests.limited import Unit, limit
from campaigns.tests.mail_server import MailServer
from campaigns.tests.worker import work

pytestmark = pytest.mark.django_db(transaction=True)


def to(*addresses: str, **fields: Any) -> Mailing:
    owner = factories.user()
    return factories.mailing(owner, [factories.recipient(owner, address) for address in addresses], **fields)


def fresh(attempt: MailingAttempt) -> MailingAttempt:
    return MailingAttempt.objects.get(pk=attempt.pk)


def sent(attempt: MailingAttempt, domain: str) -> int:
    return attempt.logs.filter(status=Status.SENT, email__endswith=f"@{domain}").count()


def test_no_more_letters_leave_than_the_rate_allows(server: MailServer) -> None:
    limit(20)
    lifecycle.launch(factories.mailing(audience=60), None)
    began = monotonic()
    work()
    # At most one second's worth more than the time allows.
    assert monotonic() - began >= 2
    assert server.addresses.total() == 60


def test_a_limited_domain_does_not_hold_up_the_others(server: MailServer) -> None:
    limit(1, Unit.HOUR, "slow.example")
    attempt = lifecycle.launch(
        to(*(f"a{n}@slow.example" for n in range(20)), *(f"b{n}@quick.example" for n in range(20))), None
    )
    work(until=lambda: sent(attempt, "quick.example") == 20)
    assert sent(attempt, "slow.example") <= 1


def test_a_chunk_of_which_only_held_letters_are_left_makes_room_for_the_next(
    server: MailServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "PATIENCE_SECONDS", 0.2)
    settings.SENDING_CHUNK_ROWS = 10
    limit(1, Unit.HOUR, "slow.example")
    # Six chunks of held letters, and four are delivered at a time.
    addresses = [f"a{n}@slow.example" for n in range(60)] + [f"b{n}@quick.example" for n in range(10)]
    attempt = lifecycle.launch(to(*addresses), None)
    work(until=lambda: sent(attempt, "quick.example") == 10)
    assert sent(attempt, "slow.example") <= 1


def test_a_rate_that_is_lifted_lets_the_rest_go(server: MailServer) -> None:
    slow = limit(1, Unit.HOUR)
    attempt = lifecycle.launch(factories.mailing(audience=20), None)
    work(until=lambda: server.addresses.total() == 1)
    SendingLimit.objects.filter(pk=slow.pk).delete()
    work()
    assert (fresh(attempt).status, server.addresses.total()) == ("success", 20)


def test_a_dry_run_is_not_limited(server: MailServer) -> None:
    limit(1, Unit.HOUR)
    attempt = lifecycle.launch(factories.mailing(audience=20), None, dry_run=True)
    work()
    assert fresh(attempt).dry_runs == 20


def test_a_server_that_asks_for_less_mail_slows_its_domain_and_no_other(server: MailServer, settings: Settings) -> None:
    settings.SENDING_CONNECTIONS, settings.SENDING_SLOWDOWN_SECONDS = 1, 900
    server.at_rcpt["a0@busy.example"] = ["450 4.7.1 too fast"]
    addresses = [f"a{n}@busy.example" for n in range(10)] + [f"b{n}@quick.example" for n in range(10)]
    attempt = lifecycle.launch(to(*addresses), None)
    work(until=lambda: sent(attempt, "quick.example") == 10)
    # With PIPELINING the next envelope was on its way already.
    assert sent(attempt, "busy.example") <= 1
    assert DomainSlowdown.objects.get().domain == "busy.example"


def test_a_slowed_domain_goes_on_when_its_pause_is_over(server: MailServer, settings: Settings) -> None:
    settings.SENDING_SLOWDOWN_SECONDS, settings.SENDING_RETRY_SECONDS = 1, 1
    server.at_rcpt["a0@busy.example"] = ["450 4.7.1 too fast"]
    attempt = lifecycle.launch(to(*(f"a{n}@busy.example" for n in range(10))), None)
    work()
    assert (fresh(attempt).status, server.addresses.total()) == ("success", 10)


def test_a_limit_of_connections_holds(server: MailServer) -> None:
    limit(2, Unit.CONNECTIONS)
    attempt = lifecycle.launch(factories.mailing(audience=40), None)
    work()
    assert fresh(attempt).sent == 40
    assert server.connections <= 2


def test_an_attempt_most_of_whose_letters_fail_pauses_with_the_last_reply(server: MailServer) -> None:
    mailing = factories.mailing(audience=300)
    for address in mailing.recipients.values_list("email", flat=True):
        server.at_rcpt[address] = ["554 5.7.1 blocked"]
    attempt = lifecycle.launch(mailing, None)
    work()
    attempt = fresh(attempt)
    assert attempt.status == "paused"
    assert "100 of the last 100 letters could not be sent" in attempt.server_response
    assert "554 5.7.1 blocked" in attempt.server_response
    assert attempt.errors < 200


def test_a_few_bad_addresses_pause_nothing(server: MailServer) -> None:
    mailing = factories.mailing(audience=200)
    for address in mailing.recipients.values_list("email", flat=True)[:100]:
        server.at_rcpt[address] = ["550 5.1.1 no such user"]
    attempt = lifecycle.launch(mailing, None)
    work()
    assert (fresh(attempt).status, fresh(attempt).sent) == ("partial", 100)


def test_an_end_that_comes_while_letters_go_out_stops_the_rest(server: MailServer, settings: Settings) -> None:
    limit(10)
    attempt = lifecycle.launch(factories.mailing(audience=100), None)
    work(until=lambda: server.addresses.total() >= 5)
    Mailing.objects.update(end_at=attempt.created_at)
    work(until=lambda: bool(fresh(attempt).finished_at))
    attempt = fresh(attempt)
    assert attempt.status == "cancelled"
    assert attempt.sent == server.addresses.total() < 100
    assert attempt.sent + attempt.cancelled == 100
