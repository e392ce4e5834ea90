"""The ledger on a real database, its calls as the recorder makes them."""

from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import F
from django.utils import timezone

from campaigns import lifecycle
from campaigns.models import Chunk, MailingAttempt, MailingLog, Recipient
from campaigns.models.attempt import FINAL_COUNTERS
from campaigns.models.log import Status
from campaigns.sending.ledger import chunks, entries, moves
from campaigns.sending.ledger.entries import Entries, Settlement, Written
from campaigns.sending.ledger.lease import Lease
from campaigns.sending.recorder import PLANNED_ONCE
from campaigns.tests import factories
from campaigns.tests.plans import assert_by_index, scans_of_prepared

pytestmark = pytest.mark.django_db


def launched(audience: int = 3, **fields: Any) -> MailingAttempt:
    return lifecycle.launch(factories.mailing(audience=audience, **fields), None)


def take(attempt: MailingAttempt) -> Lease:
    lease = chunks.take(attempt.chunks.get().pk)
    assert lease
    return lease


def rows(attempt: MailingAttempt) -> list[int]:
    return list(attempt.logs.order_by("pk").values_list("pk", flat=True))


def mark(lease: Lease, *numbers: int) -> Written:
    return entries.write({lease: Entries(marks=list(numbers))})[lease]


def settle(lease: Lease, status: Status, *numbers: int, retry_after: float | None = None) -> Written:
    settlements = [Settlement(row, status, "", 1, retry_after) for row in numbers]
    return entries.write({lease: Entries(settlements=settlements)})[lease]


def in_flight(attempt: MailingAttempt) -> list[int]:
    return list(attempt.logs.in_flight().order_by("pk").values_list("pk", flat=True))


def statuses(attempt: MailingAttempt) -> list[Status]:
    return [Status(status) for status in attempt.logs.order_by("pk").values_list("status", flat=True)]


def counters(attempt: MailingAttempt) -> dict[str, int]:
    attempt.refresh_from_db()
    return {name: getattr(attempt, name) for name in FINAL_COUNTERS if getattr(attempt, name)}


# Launching


def test_launching_writes_one_pending_row_for_each_recipient() -> None:
    attempt = launched(3)
    assert statuses(attempt) == [Status.PENDING] * 3
    assert attempt.total == 3


def test_the_rows_are_cut_into_chunks_that_cover_each_row_once(settings: Any) -> None:
    settings.SENDING_CHUNK_ROWS = 4
    attempt = launched(10)
    covered = [row for chunk in attempt.chunks.all() for row in range(chunk.first_id, chunk.last_id + 1)]
    assert sorted(covered) == rows(attempt)
    assert attempt.chunks.count() == 3


def test_a_recipient_added_after_the_launch_is_not_in_the_attempt() -> None:
    mailing = factories.mailing(audience=1)
    attempt = lifecycle.launch(mailing, None)
    mailing.recipients.add(factories.recipient(mailing.owner))
    assert attempt.logs.count() == 1


def test_an_address_that_two_recipients_share_gets_one_letter() -> None:
    owner, other = factories.user(), factories.user()
    twice = [factories.recipient(owner, "ann@example.com"), factories.recipient(other, "ANN@example.com")]
    attempt = lifecycle.launch(factories.mailing(owner, twice), None)
    assert statuses(attempt) == [Status.PENDING, Status.SKIPPED]
    assert counters(attempt) == {"skipped": 1}


def test_the_row_keeps_the_address_as_it_was() -> None:
    person = factories.recipient(factories.user(), "old@example.com")
    attempt = lifecycle.launch(factories.mailing(person.owner, [person]), None)
    person.email = "new@example.com"
    person.save()
    assert [ready.to.email for ready in chunks.ready(take(attempt))] == ["old@example.com"]


def test_a_recipient_deleted_after_the_launch_is_known_to_be_gone() -> None:
    attempt = launched(2)
    first = attempt.logs.earliest("pk")
    Recipient.objects.filter(pk__in=attempt.logs.filter(pk=first.pk).values("recipient")).delete()
    reasons = [ready.skipped_for for ready in chunks.ready(take(attempt))]
    assert reasons == ["The recipient has been deleted.", ""]


def test_attributes_that_are_no_object_do_not_stop_the_chunk() -> None:
    person = factories.recipient(factories.user(), attributes=["a", "list"])
    attempt = lifecycle.launch(factories.mailing(person.owner, [person]), None)
    assert chunks.ready(take(attempt))[0].to.attributes == {}


# Leases


def test_a_chunk_that_is_taken_again_fences_the_former_worker_off() -> None:
    attempt = launched(2)
    first, _second = rows(attempt)
    old = take(attempt)
    assert mark(old, first).granted
    take(attempt)
    assert mark(old, *rows(attempt)) == Written(granted=False, held=False)
    assert settle(old, Status.SENT, first) == Written(granted=False, held=False)
    assert statuses(attempt) == [Status.UNCONFIRMED, Status.PENDING]


def test_what_every_letter_goes_through_is_planned_once_in_a_session() -> None:
    attempt = launched()
    lease, (first, *_others) = take(attempt), rows(attempt)
    mark(lease, first)
    settle(lease, Status.SENT, first)
    with connection.cursor() as cursor:
        cursor.execute("SELECT generic_plans + custom_plans FROM pg_prepared_statements")
        assert cursor.fetchall() == [(2,)]


def test_a_plan_that_is_made_while_the_ledger_is_small_finds_rows_by_their_ids() -> None:
    lease = take(launched())
    columns = entries._columns({lease: Entries([], [lease.first], [Settlement(lease.last, Status.SENT)])})
    with connection.cursor() as cursor:
        # What another test of this database had counted stays in the catalogue.
        cursor.execute(r"UPDATE pg_class SET relpages = 0, reltuples = -1 WHERE relname LIKE 'campaigns\_%'")
        for option in PLANNED_ONCE.items():
            cursor.execute("SELECT set_config(%s, %s, true)", option)
    assert_by_index(scans_of_prepared(entries._WRITE, columns), "campaigns_mailinglog_pkey")
    assert_by_index(scans_of_prepared(entries._WRITE, columns, "campaigns_chunk"), "campaigns_chunk_pkey")


def test_two_leases_of_one_chunk_in_one_group_are_told_apart() -> None:
    attempt = launched(2)
    first, second = rows(attempt)
    old, new = take(attempt), take(attempt)
    for order in ((old, new), (new, old)):
        written = entries.write({lease: Entries(marks=[first, second]) for lease in order})
        assert (written[old].held, written[new].held) == (False, True)


def test_rows_found_in_flight_become_unconfirmed_and_all_others_stay() -> None:
    attempt = launched(4)
    flying, sent, deferred, pending = rows(attempt)
    lease = take(attempt)
    mark(lease, flying, sent, deferred)
    sent_one = Settlement(sent, Status.SENT)
    entries.write({lease: Entries(in_flight=[flying, deferred], settlements=[sent_one])})
    put_off = Settlement(deferred, Status.DEFERRED, retry_after=-60)
    entries.write({lease: Entries(in_flight=[flying], settlements=[put_off])})
    again = take(attempt)
    assert statuses(attempt) == [Status.UNCONFIRMED, Status.SENT, Status.DEFERRED, Status.PENDING]
    assert counters(attempt) == {"sent": 1, "unconfirmed": 1}
    assert [ready.to.row for ready in chunks.ready(again)] == [deferred, pending]


def test_an_unconfirmed_row_is_not_ready_for_the_next_worker() -> None:
    attempt = launched(1)
    mark(take(attempt), *rows(attempt))
    assert chunks.ready(take(attempt)) == []


def test_a_closed_chunk_can_not_be_taken() -> None:
    attempt = launched(1)
    lease = take(attempt)
    settle(lease, Status.SENT, *rows(attempt))
    chunks.close(lease)
    assert chunks.take(lease.chunk) is None


# Marks and settlements


def test_the_same_entries_written_twice_count_once() -> None:
    attempt = launched(3)
    lease = take(attempt)
    for _ in range(2):
        assert mark(lease, *rows(attempt)).granted
        assert in_flight(attempt) == rows(attempt)
    for _ in range(2):
        assert settle(lease, Status.SENT, *rows(attempt)).held
    assert counters(attempt) == {"sent": 3}
    assert set(attempt.logs.values_list("tries", flat=True)) == {1}


def test_a_settled_row_is_never_settled_otherwise() -> None:
    attempt = launched(1)
    lease = take(attempt)
    settle(lease, Status.SENT, *rows(attempt))
    settle(lease, Status.ERROR, *rows(attempt))
    assert counters(attempt) == {"sent": 1}


def test_a_row_of_another_attempt_is_not_touched() -> None:
    attempt, other = launched(1), launched(1)
    lease = take(attempt)
    take(other)
    settle(lease, Status.SENT, *rows(other))
    assert statuses(other) == [Status.PENDING]


@pytest.mark.parametrize("stop", [lifecycle.pause, lifecycle.cancel, lifecycle.disable])
def test_no_row_is_marked_once_the_attempt_is_stopped_and_what_is_in_flight_settles(stop: Any) -> None:
    attempt = launched(2)
    first, second = rows(attempt)
    lease = take(attempt)
    mark(lease, first)
    stop(attempt.mailing)
    assert not entries.write({lease: Entries(in_flight=[first], marks=[second])})[lease].granted
    assert in_flight(attempt) == [first]
    settle(lease, Status.SENT, first)
    assert counters(attempt)["sent"] == 1


def test_the_sum_of_the_counters_and_the_open_rows_is_the_total_after_every_step() -> None:
    attempt = launched(8)
    lease = take(attempt)
    finals = [status for status in Status if status in MailingLog.FINAL]
    for row, status in zip(rows(attempt), finals, strict=False):
        mark(lease, row)
        settle(lease, status, row)
        open_rows = attempt.logs.filter(status__in=MailingLog.OPEN).count()
        attempt.refresh_from_db()
        assert sum(counters(attempt).values()) + open_rows == attempt.total
        assert attempt.open == open_rows


def test_rows_that_want_a_person_are_found_and_leave_when_they_are_settled() -> None:
    attempt = launched(1)
    lease = take(attempt)
    settle(lease, Status.DEFERRED, *rows(attempt), retry_after=0)
    assert attempt.logs.filter(attention=Status.DEFERRED).count() == 1
    settle(lease, Status.SENT, *rows(attempt))
    assert attempt.logs.filter(attention=None).count() == 1


# Closing


def test_an_attempt_finishes_only_when_no_row_is_open() -> None:
    attempt = launched(2)
    first, second = rows(attempt)
    lease = take(attempt)
    settle(lease, Status.SENT, first)
    chunks.close(lease)
    assert not moves.finish(attempt.pk)
    settle(lease, Status.SENT, second)
    chunks.close(lease)
    attempt.refresh_from_db()
    assert attempt.finished_at
    assert attempt.status == "success"


def test_the_last_of_several_chunks_ends_the_attempt(settings: Any) -> None:
    settings.SENDING_CHUNK_ROWS = 1
    attempt = launched(2)
    for number, chunk in enumerate(attempt.chunks.all(), start=1):
        lease = chunks.take(chunk.pk)
        assert lease
        settle(lease, Status.SENT, chunk.first_id)
        chunks.close(lease)
        attempt.refresh_from_db()
        assert bool(attempt.finished_at) == (number == 2)


def test_a_chunk_with_deferred_rows_says_when_it_wants_its_next_try() -> None:
    attempt = launched(2)
    lease = take(attempt)
    for row, seconds in zip(rows(attempt), (120, 60), strict=True):
        settle(lease, Status.DEFERRED, row, retry_after=seconds)
    closed = chunks.close(lease)
    assert closed
    assert (closed.open, closed.retry_at) == (2, attempt.logs.latest("pk").retry_at)
    assert chunks.ready(lease) == []


@pytest.mark.parametrize(
    ("outcomes", "verdict"),
    [
        ([Status.SENT, Status.SENT], "success"),
        ([Status.SENT, Status.SKIPPED], "success"),
        ([Status.SENT, Status.ERROR], "partial"),
        ([Status.SENT, Status.UNCONFIRMED], "partial"),
        ([Status.ERROR, Status.ERROR], "fail"),
    ],
)
def test_the_verdict_follows_from_the_counters(outcomes: list[Status], verdict: str) -> None:
    attempt = launched(2)
    lease = take(attempt)
    for row, status in zip(rows(attempt), outcomes, strict=True):
        settle(lease, status, row)
    chunks.close(lease)
    attempt.refresh_from_db()
    assert attempt.status == verdict


def test_cancelled_rows_are_those_that_nobody_has_in_flight() -> None:
    attempt = launched(3)
    lease = take(attempt)
    mark(lease, rows(attempt)[0])
    lifecycle.cancel(attempt.mailing)
    chunks.close(lease)
    assert statuses(attempt) == [Status.PENDING, Status.CANCELLED, Status.CANCELLED]
    assert in_flight(attempt) == rows(attempt)[:1]


# What the database itself refuses


def test_the_database_refuses_a_second_row_for_a_recipient() -> None:
    log = launched(1).logs.get()
    with pytest.raises(IntegrityError, match="log_one_row_per_recipient"), transaction.atomic():
        MailingLog.objects.create(attempt=log.attempt, recipient=log.recipient, email=log.email)


def test_the_database_refuses_a_second_unfinished_attempt() -> None:
    attempt = launched(1)
    with pytest.raises(IntegrityError, match="attempt_one_at_a_time"), transaction.atomic():
        MailingAttempt.objects.create(mailing=attempt.mailing, from_email="a@example.com", subject="News")


def test_the_database_refuses_an_end_before_the_start() -> None:
    now = timezone.now()
    with pytest.raises(IntegrityError, match="mailing_ends_after_start"), transaction.atomic():
        factories.mailing(start_at=now, end_at=now)


@pytest.mark.parametrize("name", ["total", *FINAL_COUNTERS])
def test_the_database_refuses_a_negative_counter(name: str) -> None:
    attempts = MailingAttempt.objects.filter(pk=launched(1).pk)
    with pytest.raises(IntegrityError), transaction.atomic():
        attempts.update(**{name: F(name) - 5})


def test_the_database_refuses_more_outcomes_than_rows() -> None:
    attempts = MailingAttempt.objects.filter(pk=launched(1).pk)
    with pytest.raises(IntegrityError, match="attempt_counts_no_row_twice"), transaction.atomic():
        attempts.update(sent=1, errors=1)


def test_the_database_refuses_a_recipient_twice_in_different_letter_case() -> None:
    person = factories.recipient(factories.user(), "ann@example.com")
    with pytest.raises(IntegrityError, match="recipient_once_per_owner"), transaction.atomic():
        factories.recipient(person.owner, "Ann@Example.com")


def test_the_database_refuses_a_chunk_that_ends_before_it_begins() -> None:
    with pytest.raises(IntegrityError, match="chunk_is_a_range"), transaction.atomic():
        Chunk.objects.create(attempt=launched(1), first_id=2, last_id=1)
