"""The figures of a mailing against a recount of the raw rows."""

from itertools import cycle, islice

import pytest
from pytest_django import DjangoAssertNumQueries

from campaigns import lifecycle
from campaigns.models import Mailing, MailingAttempt, MailingLog
from campaigns.models.log import Status
from campaigns.sending.ledger import chunks, entries
from campaigns.sending.ledger.entries import Entries, Settlement
from campaigns.tests import factories

pytestmark = pytest.mark.django_db

FIGURES = {
    "sent": Status.SENT,
    "errors": Status.ERROR,
    "skipped": Status.SKIPPED,
    "unconfirmed": Status.UNCONFIRMED,
    "cancelled": Status.CANCELLED,
}


def delivered(mailing: Mailing, *outcomes: Status, dry_run: bool = False) -> MailingAttempt:
    """An attempt whose rows got these outcomes in turn."""
    attempt = lifecycle.launch(mailing, None, dry_run=dry_run)
    lease = chunks.take(attempt.chunks.get().pk)
    assert lease
    rows = [ready.to.row for ready in chunks.ready(lease)]
    settled = [Settlement(row, status) for row, status in zip(rows, islice(cycle(outcomes), len(rows)), strict=True)]
    entries.write({lease: Entries(settlements=settled)})
    chunks.close(lease)
    return attempt


def recount(mailing: Mailing) -> dict[str, int]:
    real = MailingLog.objects.filter(attempt__mailing=mailing, attempt__dry_run=False)
    figures = {name: real.filter(status=status).count() for name, status in FIGURES.items()}
    attempts = mailing.attempts.filter(dry_run=False).count()
    return {"attempts": attempts, "total": real.count(), **figures}


def test_the_figures_equal_a_recount_of_the_rows() -> None:
    mailing, other = factories.mailing(audience=11), factories.mailing(audience=3)
    delivered(mailing, Status.SENT, Status.SENT, Status.ERROR, Status.SKIPPED, Status.UNCONFIRMED, Status.CANCELLED)
    delivered(mailing, Status.SENT)
    delivered(mailing, Status.DRY_RUN, Status.ERROR, dry_run=True)
    delivered(other, Status.ERROR)
    for each in (mailing, other):
        stats = each.stats_dict()
        assert {name: stats[name] for name in recount(each)} == recount(each)


def test_the_figures_hold_while_an_attempt_is_under_way() -> None:
    mailing = factories.mailing(audience=4)
    lease = chunks.take(lifecycle.launch(mailing, None).chunks.get().pk)
    assert lease
    entries.write({lease: Entries(settlements=[Settlement(lease.first, Status.SENT)])})
    assert {name: mailing.stats_dict()[name] for name in recount(mailing)} == recount(mailing)


def test_the_success_rate_is_of_what_was_tried() -> None:
    mailing = factories.mailing(audience=8)
    assert mailing.stats_dict()["success_rate"] is None
    delivered(mailing, Status.SENT, Status.ERROR, Status.SKIPPED, Status.CANCELLED)
    assert mailing.stats_dict()["success_rate"] == 0.5


def test_the_figures_of_a_list_take_one_query(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    for _ in range(3):
        delivered(factories.mailing(audience=2), Status.SENT)
    with django_assert_num_queries(1):
        sent = [mailing.stats_dict()["sent"] for mailing in Mailing.objects.with_stats()]
    assert sent == [2, 2, 2]
