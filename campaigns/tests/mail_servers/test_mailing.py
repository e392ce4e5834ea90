"""Mailings through servers that were not written for these tests."""

from collections import Counter

import pytest
from pytest_django import Settings

from campaigns import lifecycle
from campaigns.models import Mailing, MailingAttempt
from campaigns.models.log import Status
from campaigns.sending.letters.composer import message_id
from campaigns.tests import factories
from campaigns.tests.conftest import UseMailServer
from campaigns.tests.mail_servers.server import SIZE, Server
from campaigns.tests.worker import work

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _an_authorised_sender(settings: Settings) -> None:
    settings.DEFAULT_FROM_EMAIL = "The Office <office@example.com>"


def sent(mailing: Mailing) -> MailingAttempt:
    attempt = lifecycle.launch(mailing, None)
    work()
    attempt.refresh_from_db()
    return attempt


@pytest.mark.parametrize("way", ["starttls", "smtps"])
def test_everybody_gets_one_letter_of_their_own(server: Server, use_smtp: UseMailServer, way: str) -> None:
    use_smtp(**server.options(way))
    owner = factories.user()
    people = factories.recipients(owner, 200)
    attempt = sent(factories.mailing(owner, people, subject="For {{ full_name }} ☀", body="Dear {{ full_name }}!\n."))
    rows = list(attempt.logs.all())
    assert (attempt.status, {row.status for row in rows}) == ("success", {Status.SENT})
    assert Counter(server.recipients()) == Counter(person.email for person in people)
    letters = {str(letter["To"].addresses[0].addr_spec): letter for letter in server.letters()}
    assert {row.email: message_id(attempt, row.pk, "office@example.com") for row in rows} == {
        address: letter["Message-ID"] for address, letter in letters.items()
    }
    for person in people:
        letter = letters[person.email]
        assert letter["Subject"] == f"For {person.full_name} ☀"
        text = letter.get_body(("plain",))
        assert text
        assert text.get_content().splitlines() == [f"Dear {person.full_name}!", "."]


def test_a_refused_recipient_is_an_error_and_the_others_get_theirs(server: Server, use_smtp: UseMailServer) -> None:
    use_smtp(**server.options())
    owner = factories.user()
    people = [*factories.recipients(owner, 5), factories.recipient(owner, "nobody@example.com")]
    attempt = sent(factories.mailing(owner, [*people, *factories.recipients(owner, 5)]))
    assert (attempt.status, attempt.sent, attempt.errors) == ("partial", 10, 1)
    row = attempt.logs.get(status=Status.ERROR)
    assert row.email == "nobody@example.com"
    assert row.detail.startswith("550 5.1.1 ")
    assert "no such person" in row.detail
    assert len(server.letters()) == 10


def test_a_letter_above_the_servers_size_is_an_error_and_the_others_go_out(
    server: Server, use_smtp: UseMailServer
) -> None:
    use_smtp(**server.options())
    owner = factories.user()
    big = factories.recipient(owner, attributes={"story": "once " * (SIZE // 4)})
    people = factories.recipients(owner, 10)
    attempt = sent(factories.mailing(owner, [*people[:5], big, *people[5:]], body='{{ attributes.story|default:"" }}'))
    assert (attempt.status, attempt.sent, attempt.errors) == ("partial", 10, 1)
    row = attempt.logs.get(status=Status.ERROR)
    assert (row.email, row.detail.endswith(f"bytes, and the mail server takes at most {SIZE:,}.")) == (big.email, True)
    assert Counter(server.recipients()) == Counter(person.email for person in people)


def test_an_address_outside_ascii_gets_its_letter(server: Server, use_smtp: UseMailServer) -> None:
    use_smtp(**server.options())
    owner = factories.user()
    people = [factories.recipient(owner, address) for address in ("jörg@example.com", "plain@example.com")]
    attempt = sent(factories.mailing(owner, people))
    assert (attempt.status, attempt.sent) == ("success", 2)
    assert sorted(server.recipients()) == ["jörg@example.com", "plain@example.com"]


def test_an_address_outside_ascii_is_an_error_where_the_server_takes_none(
    postfix: Server, use_smtp: UseMailServer
) -> None:
    use_smtp(**postfix.options("narrow"))
    owner = factories.user()
    people = [factories.recipient(owner, address) for address in ("jörg@example.com", "plain@example.com")]
    attempt = sent(factories.mailing(owner, people))
    assert (attempt.status, postfix.recipients()) == ("partial", ["plain@example.com"])
    assert "offers no SMTPUTF8" in attempt.logs.get(email="jörg@example.com").detail


def test_a_refused_login_pauses_and_the_right_one_finishes(server: Server, use_smtp: UseMailServer) -> None:
    use_smtp(**server.options(password="wrong"))
    attempt = sent(factories.mailing(audience=20))
    assert (attempt.status, attempt.open) == ("paused", 20)
    assert "refused the login: 535" in attempt.server_response
    use_smtp(**server.options())
    lifecycle.resume(attempt.mailing)
    work()
    attempt.refresh_from_db()
    assert (attempt.status, attempt.sent, len(server.letters())) == ("success", 20, 20)


def test_a_server_that_is_not_trusted_pauses_and_gets_nothing(server: Server, use_smtp: UseMailServer) -> None:
    use_smtp(**server.options(ca=""))
    attempt = sent(factories.mailing(audience=20))
    assert (attempt.status, attempt.open) == ("paused", 20)
    assert "is not trusted" in attempt.server_response
    assert not server.letters()
