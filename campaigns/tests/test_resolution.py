"""Letters that failed, or are in doubt: a person decides what becomes of them."""

import pytest
from pytest_django import Settings

from accounts.models import User
from campaigns import lifecycle
from campaigns.lifecycle import LifecycleError
from campaigns.models import Mailing, MailingAttempt
from campaigns.models.log import Status
from campaigns.tests import factories
from campaigns.tests.mail_server import HANG_UP, MailServer
from campaigns.tests.worker import work

pytestmark = pytest.mark.django_db(transaction=True)

BAD = "bad@example.com"
OTHERS = ("ann@example.com", "bob@example.com")


@pytest.fixture
def owner() -> User:
    return factories.user()


def sent(
    owner: User, server: MailServer, replies: dict[str, list[str]], others: tuple[str, ...] = OTHERS
) -> MailingAttempt:
    """An ended attempt to BAD and the others, after the server's replies to BAD's RCPT and DATA."""
    server.at_rcpt[BAD], server.at_data[BAD] = replies.get("rcpt", []), replies.get("data", [])
    people = [factories.recipient(owner, address) for address in (BAD, *others)]
    attempt = lifecycle.launch(factories.mailing(owner, people), owner)
    work()
    return fresh(attempt)


def fresh(attempt: MailingAttempt) -> MailingAttempt:
    return MailingAttempt.objects.select_related("mailing").get(pk=attempt.pk)


def test_only_what_failed_is_sent_again(owner: User, server: MailServer) -> None:
    attempt = sent(owner, server, {"rcpt": ["550 no such user"]})
    assert lifecycle.retry_failed(attempt.mailing) == 1
    work()
    attempt = fresh(attempt)
    assert (attempt.status, attempt.sent, attempt.errors) == ("success", 3, 0)
    assert (attempt.mailing.status, set(server.addresses.values())) == ("finished", {1})


def test_what_fails_again_is_an_error_again(owner: User, server: MailServer) -> None:
    attempt = sent(owner, server, {"rcpt": ["550 no such user", "550 still not"]})
    lifecycle.retry_failed(attempt.mailing)
    work()
    attempt = fresh(attempt)
    assert (attempt.status, attempt.errors, attempt.logs.get(email=BAD).detail) == ("partial", 1, "550 still not")


def test_a_letter_that_is_sent_again_is_the_same_letter(owner: User, server: MailServer) -> None:
    attempt = sent(owner, server, {"data": ["554 not now"]})
    before = str(attempt.logs.get(email=BAD).pk)
    lifecycle.retry_failed(attempt.mailing)
    work()
    assert str(server.letter(BAD)["Message-ID"]).startswith(f"<{before}.{attempt.key.hex}@")


def test_letters_in_doubt_are_not_sent_again_with_those_that_failed(owner: User, server: MailServer) -> None:
    attempt = sent(owner, server, {"data": [HANG_UP]})
    assert attempt.unconfirmed == 1
    with pytest.raises(LifecycleError):
        lifecycle.retry_failed(attempt.mailing)
    assert fresh(attempt).mailing.status == "finished"


def test_letters_in_doubt_are_sent_again_when_a_person_says_so(owner: User, server: MailServer) -> None:
    attempt = sent(owner, server, {"data": [HANG_UP]})
    assert lifecycle.resend_unconfirmed(attempt.mailing) == 1
    work()
    attempt = fresh(attempt)
    assert (attempt.status, attempt.sent, attempt.unconfirmed) == ("success", 3, 0)


def test_letters_in_doubt_are_taken_for_sent_when_a_person_says_so(owner: User, server: MailServer) -> None:
    attempt = sent(owner, server, {"data": [HANG_UP]})
    assert lifecycle.confirm_unconfirmed(attempt.mailing, owner) == 1
    attempt = fresh(attempt)
    row = attempt.logs.get(email=BAD)
    assert (attempt.status, attempt.sent, attempt.unconfirmed) == ("success", 3, 0)
    assert (row.status, row.attention, str(owner) in row.detail) == (Status.SENT, None, True)


def test_a_mailing_whose_letters_are_taken_for_sent_was_sent_when_its_attempt_ended(
    owner: User, server: MailServer
) -> None:
    attempt = sent(owner, server, {"data": [HANG_UP]}, others=())
    assert attempt.mailing.last_sent_at is None
    lifecycle.confirm_unconfirmed(attempt.mailing, owner)
    attempt = fresh(attempt)
    assert attempt.mailing.last_sent_at == attempt.finished_at


def test_nothing_is_sent_again_while_the_mailing_is_being_sent(
    owner: User, server: MailServer, settings: Settings
) -> None:
    attempt = sent(owner, server, {"rcpt": ["550 no such user"]})
    lifecycle.launch(attempt.mailing, owner)
    with pytest.raises(LifecycleError):
        lifecycle.retry_failed(Mailing.objects.get(pk=attempt.mailing_id))
    assert fresh(attempt).errors == 1
