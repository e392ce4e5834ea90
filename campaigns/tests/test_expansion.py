"""A large audience is written into the ledger by a worker, slice by slice, while sending begins."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections, transaction
from pytest_django import Settings

from campaigns import lifecycle
from campaigns.lifecycle import NobodyToSendTo
from campaigns.models import Mailing, MailingAttempt, Recipient
from campaigns.models.log import Status
from campaigns.sending.ledger import audience, chunks, entries
from campaigns.sending.queue import jobs
from campaigns.tests import factories
from campaigns.tests.mail_server import MailServer
from campaigns.tests.processes import somebody_waits_for_a_lock, wait_until
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
    lease = chunks.take(attempt.chunks.get().pk)
    assert lease
    rows = range(lease.first, lease.last + 1)
    entries.write({lease: entries.Entries(settlements=[entries.Settlement(row, Status.SENT) for row in rows])})
    chunks.close(lease)
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


def test_a_slice_that_is_being_written_when_the_attempt_is_cancelled_is_given_up() -> None:
    attempt = launched(50)

    def write() -> None:
        try:
            audience.expand(attempt.pk, [], 20, 1000)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            MailingAttempt.objects.filter(pk=attempt.pk).cancel()
            writing = pool.submit(write)
            wait_until(somebody_waits_for_a_lock)
        with pytest.raises(audience.ExpandedElsewhere):
            writing.result(60)
    assert not attempt.logs.exists()


# Late recipients


@pytest.fixture(params=[1, 5000], ids=["by a worker", "at once"])
def _either_way(request: pytest.FixtureRequest, settings: Settings) -> None:
    settings.SENDING_INLINE_ROWS = request.param


def sent(mailing: Mailing, *, dry_run: bool = False, new_only: bool = False) -> MailingAttempt:
    attempt = lifecycle.launch(Mailing.objects.get(pk=mailing.pk), None, dry_run=dry_run, new_only=new_only)
    work()
    attempt.refresh_from_db()
    return attempt


def add(mailing: Mailing, *people: Recipient) -> None:
    mailing.recipients.add(*people)


def emails(attempt: MailingAttempt) -> set[str]:
    return set(attempt.logs.values_list("email", flat=True))


@pytest.mark.usefixtures("_either_way")
def test_only_who_came_late_gets_the_letter(server: MailServer) -> None:
    mailing = factories.mailing(audience=45)
    sent(mailing)
    late = factories.recipients(mailing.owner, 25)
    add(mailing, *late)
    attempt = sent(mailing, new_only=True)
    assert (attempt.status, attempt.total, attempt.sent, attempt.new_only) == ("success", 25, 25, True)
    assert emails(attempt) == {person.email for person in late}
    assert set(server.addresses.values()) == {1}


@pytest.mark.usefixtures("_either_way")
def test_who_is_in_any_earlier_attempt_is_not_new(server: MailServer) -> None:
    mailing = factories.mailing(audience=3)
    for _ in range(2):
        sent(mailing, new_only=True)
        add(mailing, factories.recipient(mailing.owner))
    assert sent(mailing, new_only=True).total == 1
    assert server.addresses.total() == len(server.addresses) == 5


def test_who_failed_before_is_not_new(server: MailServer) -> None:
    mailing = factories.mailing(audience=[person := factories.recipient(factories.user(), "bad@example.com")])
    server.at_rcpt[person.email] = ["550 no such user"]
    assert sent(mailing).errors == 1
    with pytest.raises(NobodyToSendTo):
        sent(mailing, new_only=True)


def test_who_is_in_a_dry_run_only_is_new(server: MailServer) -> None:
    mailing = factories.mailing(audience=3)
    sent(mailing, dry_run=True)
    assert sent(mailing, new_only=True).sent == 3


def test_a_dry_run_may_be_for_new_recipients_only(server: MailServer) -> None:
    mailing = factories.mailing(audience=3)
    sent(mailing)
    add(mailing, factories.recipient(mailing.owner))
    assert sent(mailing, new_only=True, dry_run=True).dry_runs == 1
    assert sent(mailing, new_only=True).sent == 1


def test_who_is_in_an_attempt_of_another_mailing_is_new(server: MailServer) -> None:
    owner = factories.user()
    people = factories.recipients(owner, 3)
    sent(factories.mailing(owner, people))
    assert sent(factories.mailing(owner, people), new_only=True).sent == 3


def test_a_launch_to_new_recipients_when_nobody_is_new_is_refused_and_changes_nothing(server: MailServer) -> None:
    mailing = factories.mailing(audience=3, name="Spring")
    sent(mailing)
    with pytest.raises(NobodyToSendTo, match="“Spring” has no new recipients"):
        sent(mailing, new_only=True)
    assert (mailing.attempts.count(), Mailing.objects.get(pk=mailing.pk).status) == (1, "finished")


def test_an_address_that_got_the_letter_does_not_get_it_again_as_another_owners(server: MailServer) -> None:
    bob, ann = factories.user(), factories.user()
    # Imported first, added last.
    same = factories.recipient(bob, "SAME@example.com")
    mailing = factories.mailing(ann, [factories.recipient(ann, "same@example.com")])
    sent(mailing)
    add(mailing, same, factories.recipient(bob, "other@example.com"))
    attempt = sent(mailing, new_only=True)
    assert (attempt.sent, attempt.skipped) == (1, 1)
    assert server.addresses.total() == 2


def test_newcomers_are_counted() -> None:
    mailing = factories.mailing(audience=3)
    attempt = lifecycle.launch(mailing, None, dry_run=True)
    audience.expand(attempt.pk, [], 20, 1000)
    assert audience.count_letters(mailing.pk, new_only=True) == 3
    attempt = lifecycle.launch(mailing, None)
    audience.expand(attempt.pk, [], 20, 1000)
    add(mailing, factories.recipient(mailing.owner))
    assert audience.count_letters(mailing.pk, new_only=True) == 1
