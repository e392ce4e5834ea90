"""The tally says what the ledger says, whatever is done to its rows."""

from collections import Counter
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import Count, F
from django.db.models.functions import TruncMinute

from campaigns import lifecycle
from campaigns.models import MailingAttempt, MailingLog, Tally
from campaigns.models.log import Status
from campaigns.sending.ledger import chunks, entries
from campaigns.sending.ledger.entries import Entries, Settlement
from campaigns.sending.ledger.lease import Lease
from campaigns.tests import factories

COLUMNS = {
    "sent": Status.SENT,
    "errors": Status.ERROR,
    "skipped": Status.SKIPPED,
    "unconfirmed": Status.UNCONFIRMED,
    "cancelled": Status.CANCELLED,
    "dry_runs": Status.DRY_RUN,
}

pytestmark = pytest.mark.django_db


def launched(number: int) -> tuple[MailingAttempt, Lease]:
    attempt = lifecycle.launch(factories.mailing(audience=number), None)
    lease = chunks.take(attempt.chunks.get().pk)
    assert lease
    return attempt, lease


def settle(lease: Lease, *outcomes: Status) -> None:
    rows = range(lease.first, lease.last + 1)
    settlements = [Settlement(row, status, tries=1) for row, status in zip(rows, outcomes, strict=False)]
    entries.write({lease: Entries(settlements=settlements)})


def an_hour_ago() -> None:
    MailingLog.objects.exclude(settled_at=None).update(settled_at=F("settled_at") - timedelta(hours=1))
    Tally.objects.update(minute=F("minute") - timedelta(hours=1))


def assert_is_what_the_ledger_says() -> None:
    ended = MailingLog.objects.exclude(settled_at=None).annotate(minute=TruncMinute("settled_at"))
    rows = ended.order_by().values_list("attempt", "minute", "status").annotate(Count("pk"))
    ledger = {(attempt, minute, Status(status)): count for attempt, minute, status, count in rows}
    tally = Counter[tuple[int, object, Status]]()
    for one in Tally.objects.all():
        for column, status in COLUMNS.items():
            tally[one.attempt_id, one.minute, status] += getattr(one, column)
    assert ledger == +tally
    assert not -tally


def test_outcomes_are_counted_in_their_minute() -> None:
    _attempt, lease = launched(5)
    settle(lease, Status.SENT, Status.ERROR)
    an_hour_ago()
    settle(lease, Status.SENT, Status.ERROR, Status.SENT, Status.UNCONFIRMED, Status.DEFERRED)
    assert Tally.objects.count() == 2
    assert_is_what_the_ledger_says()


def test_an_outcome_written_twice_is_counted_once() -> None:
    _attempt, lease = launched(2)
    settle(lease, Status.SENT)
    settle(lease, Status.SENT)
    assert_is_what_the_ledger_says()


def test_repeated_addresses_are_counted_as_skipped() -> None:
    owners = [factories.user(), factories.user()]
    audience = [factories.recipient(owner, "same@example.com") for owner in owners]
    lifecycle.launch(factories.mailing(owners[0], audience), None)
    assert Tally.objects.get().skipped == 1
    assert_is_what_the_ledger_says()


def test_what_is_cancelled_is_counted() -> None:
    attempt, lease = launched(4)
    settle(lease, Status.SENT)
    lifecycle.cancel(attempt.mailing)
    assert Tally.objects.get().cancelled == 3
    assert_is_what_the_ledger_says()


def test_what_is_cancelled_shortly_before_a_full_minute_is_counted_in_the_minute_that_its_rows_tell() -> None:
    attempt, _lease = launched(2)
    lifecycle.cancel(attempt.mailing)
    with connection.cursor() as cursor:
        cursor.execute("SELECT now()")  # when the transaction began, whose minute the tally takes
        assert set(attempt.logs.values_list("settled_at", flat=True)) == {cursor.fetchone()[0]}


def ended_with_trouble() -> MailingAttempt:
    attempt, lease = launched(4)
    settle(lease, Status.SENT, Status.ERROR, Status.UNCONFIRMED, Status.UNCONFIRMED)
    chunks.close(lease)
    an_hour_ago()
    return attempt


def test_what_is_sent_again_is_no_longer_counted() -> None:
    attempt = ended_with_trouble()
    lifecycle.retry_failed(attempt.mailing)
    assert Tally.objects.get().errors == 0
    assert_is_what_the_ledger_says()


def test_what_a_person_confirms_counts_as_sent_in_the_minute_of_its_end() -> None:
    attempt = ended_with_trouble()
    lifecycle.confirm_unconfirmed(attempt.mailing, attempt.mailing.owner)
    assert (Tally.objects.get().sent, Tally.objects.get().unconfirmed) == (3, 0)
    assert_is_what_the_ledger_says()
