"""A large audience is written into the ledger by a worker, slice by slice, while sending begins."""

import pytest
from pytest_django import Settings

from campaigns import lifecycle
from campaigns.models import MailingAttempt
from campaigns.models.log import Status
from campaigns.sending import audience, jobs, ledger
from campaigns.tests import factories
from campaigns.tests.mail_server import MailServer
from campaigns.tests.worker import work

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def small_slices(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.SENDING_INLINE_ROWS = 1
    settings.SENDING_CHUNK_ROWS = 7
    monkeypatch.setattr(jobs, "SLICE_ROWS", 20)


def launched(audience: int) -> MailingAttempt:
    return lifecycle.launch(factories.mailing(audience=audience), None)


def test_the_press_writes_no_row() -> None:
    assert launched(50).logs.count() == 0


@pytest.mark.parametrize("audience", [1, 19, 20, 21, 50])
def test_everybody_gets_a_row_and_a_letter(audience: int, server: MailServer) -> None:
    attempt = launched(audience)
    work()
    attempt.refresh_from_db()
    assert (attempt.status, attempt.total, attempt.sent) == ("success", audience, audience)
    assert server.addresses.total() == len(server.addresses) == audience


def test_an_attempt_whose_audience_is_not_complete_does_not_end() -> None:
    attempt = launched(50)
    audience.expand(attempt.pk, [], 20, 1000)
    lease = ledger.take(attempt.chunks.get().pk)
    assert lease
    rows = range(lease.first, lease.last + 1)
    ledger.write({lease: ledger.Entries(settlements=[ledger.Settlement(row, Status.SENT) for row in rows])})
    ledger.close(lease)
    attempt.refresh_from_db()
    assert (attempt.open, attempt.finished_at) == (0, None)


def test_a_slice_that_was_written_already_is_not_written_again() -> None:
    attempt = launched(50)
    for _ in range(5):
        audience.expand(attempt.pk, [], 20, 1000)
    attempt.refresh_from_db()
    assert (attempt.total, attempt.logs.count()) == (50, 50)


def test_an_address_of_two_owners_gets_one_letter_whatever_the_slices(server: MailServer) -> None:
    ann, bob = factories.user(), factories.user()
    people = [factories.recipient(ann, "same@example.com"), *factories.recipients(ann, 30)]
    mailing = factories.mailing(ann, [*people, factories.recipient(bob, "SAME@example.com")])
    attempt = lifecycle.launch(mailing, None)
    work()
    attempt.refresh_from_db()
    assert (attempt.total, attempt.sent, attempt.skipped) == (32, 31, 1)


def test_a_cancelled_attempt_gets_no_more_rows() -> None:
    attempt = launched(50)
    audience.expand(attempt.pk, [], 20, 1000)
    lifecycle.cancel(attempt.mailing)
    work()
    attempt.refresh_from_db()
    assert (attempt.status, attempt.total, attempt.cancelled) == ("cancelled", 20, 20)
    assert attempt.finished_at
