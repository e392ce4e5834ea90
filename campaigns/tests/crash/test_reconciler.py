"""The reconciler notices every lie that a journal or a ledger can tell."""

from typing import Any

import pytest

from campaigns import lifecycle
from campaigns.models import MailingAttempt
from campaigns.models.log import Status
from campaigns.sending.ledger import chunks, entries
from campaigns.sending.ledger.entries import Entries, Settlement
from campaigns.tests import factories
from campaigns.tests.crash.reconciler import PromiseBroken, compare, reconcile

AUDIENCE = ("ann@example.com", "bob@example.com")
SENT = dict.fromkeys(AUDIENCE, Status.SENT)


def test_a_mail_for_each_is_the_promise_kept() -> None:
    assert not compare(AUDIENCE, SENT, AUDIENCE).faults


def test_a_mail_taken_twice_is_doubled() -> None:
    assert compare(AUDIENCE, SENT, [*AUDIENCE, "ann@example.com"]).doubled == {"ann@example.com"}


def test_a_mail_in_doubt_that_was_taken_twice_is_doubled() -> None:
    rows = SENT | {"ann@example.com": Status.UNCONFIRMED}
    assert compare(AUDIENCE, rows, [*AUDIENCE, "ann@example.com"]).doubled == {"ann@example.com"}


def test_a_mail_called_sent_that_was_never_taken_is_lost() -> None:
    assert compare(AUDIENCE, SENT, ["ann@example.com"]).lost == {"bob@example.com"}


def test_a_recipient_without_a_row_is_lost() -> None:
    assert compare(AUDIENCE, {"ann@example.com": Status.SENT}, ["ann@example.com"]).lost == {"bob@example.com"}


@pytest.mark.parametrize("status", [Status.PENDING, Status.DEFERRED])
def test_a_row_without_an_outcome_is_lost(status: Status) -> None:
    assert compare(AUDIENCE, SENT | {"bob@example.com": status}, ["ann@example.com"]).lost == {"bob@example.com"}


@pytest.mark.parametrize("status", set(Status) - {Status.SENT, Status.UNCONFIRMED})
def test_a_mail_taken_whose_row_says_otherwise_is_untold(status: Status) -> None:
    assert compare(AUDIENCE, SENT | {"bob@example.com": status}, AUDIENCE).untold == {"bob@example.com"}


def test_a_mail_taken_for_which_there_is_no_row_is_untold() -> None:
    assert compare(AUDIENCE, SENT, [*AUDIENCE, "eve@example.com"]).untold == {"eve@example.com"}


@pytest.mark.parametrize("taken", [AUDIENCE, ("ann@example.com",)])
def test_a_mail_in_doubt_may_or_may_not_have_been_taken(taken: tuple[str, ...]) -> None:
    found = compare(AUDIENCE, SENT | {"bob@example.com": Status.UNCONFIRMED}, taken)
    assert not found.faults
    assert found.in_doubt == {"bob@example.com"}


# With the counters of an attempt


@pytest.fixture
def attempt(db: None) -> MailingAttempt:
    """One that has ended: ann's letter is sent, bob's in doubt."""
    owner = factories.user()
    attempt = lifecycle.launch(factories.mailing(owner, [factories.recipient(owner, who) for who in AUDIENCE]), None)
    lease = chunks.take(attempt.chunks.get().pk)
    assert lease
    ann, bob = attempt.logs.order_by("email").values_list("pk", flat=True)
    outcomes = [Settlement(ann, Status.SENT), Settlement(bob, Status.UNCONFIRMED)]
    entries.write({lease: Entries(settlements=outcomes)})
    chunks.close(lease)
    return attempt


def test_what_fits_is_reconciled_and_tells_who_is_in_doubt(attempt: MailingAttempt) -> None:
    assert reconcile([attempt], ["ann@example.com"], in_doubt=1) == {"bob@example.com"}


@pytest.mark.parametrize("taken", [(), ("ann@example.com",) * 2, ("ann@example.com", "eve@example.com")])
def test_a_journal_that_does_not_fit_breaks_the_promise(attempt: MailingAttempt, taken: tuple[str, ...]) -> None:
    with pytest.raises(PromiseBroken):
        reconcile([attempt], taken, in_doubt=1)


def test_more_in_doubt_than_there_may_be_breaks_the_promise(attempt: MailingAttempt) -> None:
    with pytest.raises(PromiseBroken, match="1 in doubt, where 0 may be"):
        reconcile([attempt], ["ann@example.com"], in_doubt=0)


@pytest.mark.parametrize("lie", [{"sent": 0}, {"errors": 1, "total": 3}, {"total": 3}, {"finished_at": None}])
def test_an_attempt_whose_figures_are_not_its_rows_breaks_the_promise(
    attempt: MailingAttempt, lie: dict[str, Any]
) -> None:
    MailingAttempt.objects.filter(pk=attempt.pk).update(**lie)
    with pytest.raises(PromiseBroken):
        reconcile([attempt], ["ann@example.com"], in_doubt=1)


def test_a_chunk_left_open_breaks_the_promise(attempt: MailingAttempt) -> None:
    attempt.chunks.update(closed_at=None)
    with pytest.raises(PromiseBroken, match="has not ended"):
        reconcile([attempt], ["ann@example.com"], in_doubt=1)
