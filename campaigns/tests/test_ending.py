"""What is under way ends: by a person's word, or because the mailing's time is over."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Any

import pytest
from django.db import connections, transaction
from django.utils import timezone

from campaigns import lifecycle
from campaigns.lifecycle import LifecycleError
from campaigns.models import Chunk, Mailing, MailingAttempt
from campaigns.models.log import Status
from campaigns.sending.ledger import chunks, entries, resolution
from campaigns.sending.ledger.entries import Entries, Settlement
from campaigns.sending.ledger.lease import Lease
from campaigns.sending.queue import heartbeat
from campaigns.tests import factories
from campaigns.tests.mail_server import MailServer
from campaigns.tests.worker import work

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


def launched(audience: int = 3, **fields: Any) -> MailingAttempt:
    return lifecycle.launch(factories.mailing(audience=audience, **fields), None)


def move_end(attempt: MailingAttempt, end_at: datetime) -> None:
    Mailing.objects.filter(pk=attempt.mailing_id).update(end_at=end_at)


def let_time_run_out(attempt: MailingAttempt) -> None:
    move_end(attempt, timezone.now() - timedelta(seconds=1))


def state(attempt: MailingAttempt) -> tuple[str, str]:
    attempt.refresh_from_db()
    return attempt.status, Mailing.objects.get(pk=attempt.mailing_id).status


def take(chunk: Chunk) -> Lease:
    lease = chunks.take(chunk.pk)
    assert lease
    return lease


def put_in_flight(attempt: MailingAttempt) -> tuple[Lease, int]:
    """The first row of the attempt's only chunk, as a worker does before it sends."""
    lease = take(attempt.chunks.get())
    assert entries.write({lease: Entries(marks=[lease.first])})[lease].granted
    return lease, lease.first


def settle(lease: Lease, status: Status, *rows: int, retry_after: float | None = None) -> None:
    entries.write({lease: Entries(settlements=[Settlement(row, status, "", 1, retry_after) for row in rows])})


# Cancelled


def test_what_is_cancelled_has_ended_at_once_without_a_worker() -> None:
    attempt = launched(3)
    lifecycle.cancel(attempt.mailing)
    assert state(attempt) == ("cancelled", "finished")
    assert (attempt.cancelled, attempt.open, attempt.chunks.filter(closed_at=None).count()) == (3, 0, 0)


def test_a_paused_mailing_that_is_cancelled_has_ended_at_once() -> None:
    attempt = launched(3)
    lifecycle.pause(attempt.mailing)
    lifecycle.cancel(attempt.mailing)
    assert state(attempt) == ("cancelled", "finished")


def test_what_is_in_flight_keeps_a_cancelled_mailing_running_until_it_settles() -> None:
    attempt = launched(3)
    lease, flying = put_in_flight(attempt)
    lifecycle.cancel(attempt.mailing)
    assert state(attempt) == ("cancelled", "running")
    assert (attempt.cancelled, attempt.open) == (2, 1)
    settle(lease, Status.SENT, flying)
    chunks.close(lease)
    assert state(attempt) == ("cancelled", "finished")
    assert (attempt.sent, attempt.cancelled) == (1, 2)


def test_deferred_letters_of_a_cancelled_mailing_are_not_tried_again() -> None:
    attempt = launched(3)
    lease = take(attempt.chunks.get())
    settle(lease, Status.DEFERRED, lease.first, retry_after=3600)
    lifecycle.cancel(attempt.mailing)
    assert state(attempt) == ("cancelled", "finished")
    assert set(attempt.logs.values_list("status", "attention", "retry_at")) == {(Status.CANCELLED, None, None)}


def test_what_was_settled_stays_as_it_was() -> None:
    attempt = launched(3)
    lease = take(attempt.chunks.get())
    settle(lease, Status.SENT, lease.first)
    settle(lease, Status.UNCONFIRMED, lease.last)
    lifecycle.cancel(attempt.mailing)
    assert state(attempt) == ("cancelled", "finished")
    assert (attempt.sent, attempt.unconfirmed, attempt.cancelled) == (1, 1, 1)


def test_every_chunk_of_many_is_closed(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.SENDING_CHUNK_ROWS = 2
    monkeypatch.setattr(resolution, "CLOSE_CHUNKS", 2)
    attempt = launched(9)
    lifecycle.cancel(attempt.mailing)
    assert state(attempt) == ("cancelled", "finished")
    assert attempt.cancelled == 9


def test_the_rows_of_a_large_attempt_are_left_to_whoever_ends_what_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("campaigns.lifecycle.steering.CLOSE_AT_ONCE_ROWS", 2)
    attempt = launched(3)
    lifecycle.cancel(attempt.mailing)
    assert state(attempt) == ("cancelled", "running")
    resolution.end_overdue()
    assert state(attempt) == ("cancelled", "finished")


def test_a_disabled_mailing_whose_attempt_has_ended_stays_disabled() -> None:
    attempt = launched(3)
    lifecycle.disable(attempt.mailing)
    assert state(attempt) == ("cancelled", "disabled")


def test_closing_again_what_is_closed_changes_nothing() -> None:
    attempt = launched(3)
    lifecycle.cancel(attempt.mailing)
    resolution.close_cancelled(attempt.pk)
    assert state(attempt) == ("cancelled", "finished")
    assert attempt.cancelled == 3


def test_an_attempt_that_was_not_cancelled_is_not_closed() -> None:
    attempt = launched(3)
    resolution.close_cancelled(attempt.pk)
    assert state(attempt) == ("queued", "running")
    assert attempt.logs.filter(status=Status.PENDING).count() == 3


@pytest.mark.django_db(transaction=True)
def test_cancelling_waits_for_no_worker_and_leaves_it_what_it_writes_to(settings: Any) -> None:
    settings.SENDING_CHUNK_ROWS = 2
    attempt = launched(4)
    busy, _other = attempt.chunks.order_by("pk")
    lease = take(busy)
    with held(busy):
        lifecycle.cancel(attempt.mailing)
        assert state(attempt) == ("cancelled", "running")
        assert attempt.cancelled == 2
    chunks.close(lease)
    assert state(attempt) == ("cancelled", "finished")
    assert attempt.cancelled == 4


@contextmanager
def held(chunk: Chunk) -> Iterator[None]:
    """The chunk is locked by another session, as by a worker in the middle of a commit."""
    locked, done = Event(), Event()

    def hold() -> None:
        with transaction.atomic():
            Chunk.objects.select_for_update().get(pk=chunk.pk)
            locked.set()
            done.wait(60)
        connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        holding = pool.submit(hold)
        try:
            assert locked.wait(60)
            yield
        finally:
            done.set()
            holding.result(60)


# Time over


def test_an_attempt_whose_time_is_over_is_cancelled_and_says_so() -> None:
    owner = factories.user(time_zone="Europe/Berlin")
    attempt = lifecycle.launch(factories.mailing(owner, 3), None)
    move_end(attempt, datetime(2026, 3, 2, 17, tzinfo=UTC))
    resolution.end_overdue()
    assert state(attempt) == ("cancelled", "finished")
    assert attempt.server_response == "Its time was over at March 2, 2026, 6 p.m. (Europe/Berlin)."
    assert attempt.cancelled == 3


def test_a_paused_attempt_whose_time_is_over_is_cancelled() -> None:
    attempt = launched(3)
    lifecycle.pause(attempt.mailing)
    let_time_run_out(attempt)
    resolution.end_overdue()
    assert state(attempt) == ("cancelled", "finished")


def test_what_was_sent_before_the_end_counts_and_the_rest_is_cancelled() -> None:
    attempt = launched(3)
    lease, flying = put_in_flight(attempt)
    let_time_run_out(attempt)
    resolution.end_overdue()
    settle(lease, Status.SENT, flying)
    chunks.close(lease)
    assert state(attempt) == ("cancelled", "finished")
    assert (attempt.sent, attempt.cancelled) == (1, 2)


def test_no_letter_is_begun_after_the_end_though_nobody_has_ended_the_attempt() -> None:
    attempt = launched(3)
    lease, flying = put_in_flight(attempt)
    let_time_run_out(attempt)
    assert not entries.write({lease: Entries(in_flight=[flying], marks=[lease.last])})[lease].granted


def test_an_end_that_is_put_off_while_it_runs_lets_it_go_on() -> None:
    attempt = launched(3, end_at=timezone.now() + timedelta(minutes=1))
    lease, flying = put_in_flight(attempt)
    let_time_run_out(attempt)
    move_end(attempt, timezone.now() + HOUR)
    resolution.end_overdue()
    assert state(attempt) == ("running", "running")
    assert entries.write({lease: Entries(in_flight=[flying], marks=[lease.last])})[lease].granted


@pytest.mark.parametrize("end_after", [None, HOUR])
def test_an_attempt_whose_time_is_not_over_goes_on(end_after: timedelta | None) -> None:
    attempt = launched(3, end_at=timezone.now() + end_after if end_after else None)
    resolution.end_overdue()
    assert state(attempt) == ("queued", "running")


def test_a_dry_run_sends_nothing_and_is_not_ended() -> None:
    mailing = factories.mailing(audience=3, end_at=timezone.now() - HOUR)
    attempt = lifecycle.launch(mailing, None, dry_run=True)
    resolution.end_overdue()
    assert state(attempt) == ("queued", "draft")


def test_an_attempt_that_has_ended_is_left_alone() -> None:
    attempt = launched(1)
    lease = take(attempt.chunks.get())
    settle(lease, Status.SENT, lease.first)
    chunks.close(lease)
    let_time_run_out(attempt)
    resolution.end_overdue()
    assert state(attempt) == ("success", "finished")


def test_the_clock_ends_what_is_over() -> None:
    attempt = launched(3)
    let_time_run_out(attempt)
    lifecycle.launch_due()
    assert state(attempt) == ("cancelled", "finished")


def test_a_repeated_mailing_whose_time_is_over_is_not_scheduled_again() -> None:
    start = timezone.now() - HOUR
    mailing = factories.mailing(start_at=start, repetition="daily")
    lifecycle.schedule(mailing)
    attempt = lifecycle.launch(mailing, None)
    let_time_run_out(attempt)
    lifecycle.launch_due()
    assert state(attempt) == ("cancelled", "finished")


@pytest.mark.django_db(transaction=True)
def test_an_attempt_whose_time_is_over_while_it_is_sent_ends_with_what_was_sent(server: MailServer) -> None:
    server.open.clear()
    attempt = launched(50)

    def over() -> bool:
        flying = attempt.logs.in_flight().count()
        if flying == 4:
            let_time_run_out(attempt)
            server.open.set()
        if server.open.is_set() and not flying:
            resolution.end_overdue()
        return state(attempt)[0] == "cancelled" and not flying

    work(until=over)
    assert state(attempt) == ("cancelled", "finished")
    assert (attempt.sent, attempt.cancelled, len(server.taken)) == (4, 46, 4)


@pytest.mark.django_db(transaction=True)
def test_a_worker_ends_what_is_over_though_no_clock_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "SIGN_OF_LIFE_SECONDS", 0.1)
    attempt = launched(3)
    lifecycle.pause(attempt.mailing)
    let_time_run_out(attempt)
    work(until=lambda: state(attempt) == ("cancelled", "finished"))


# Refused after the end


def resume(mailing: Mailing) -> None:
    attempt = lifecycle.launch(mailing, None)
    lifecycle.pause(mailing)
    let_time_run_out(attempt)
    lifecycle.resume(mailing)


def after_an_attempt(verb: Callable[[Mailing], Any], outcome: Status) -> Callable[[Mailing], None]:
    def again(mailing: Mailing) -> None:
        attempt = lifecycle.launch(mailing, None)
        lease = take(attempt.chunks.get())
        settle(lease, outcome, lease.first)
        chunks.close(lease)
        let_time_run_out(attempt)
        verb(mailing)

    return again


def send(mailing: Mailing) -> None:
    Mailing.objects.update(end_at=timezone.now())
    lifecycle.launch(mailing, None)


def schedule(mailing: Mailing) -> None:
    Mailing.objects.update(end_at=timezone.now())
    lifecycle.schedule(mailing)


@pytest.mark.parametrize(
    "verb",
    [
        send,
        schedule,
        resume,
        after_an_attempt(lifecycle.retry_failed, Status.ERROR),
        after_an_attempt(lifecycle.resend_unconfirmed, Status.UNCONFIRMED),
    ],
    ids=["send", "schedule", "resume", "retry_failed", "resend_unconfirmed"],
)
def test_after_the_end_it_is_refused_with_a_sentence(verb: Callable[[Mailing], None]) -> None:
    mailing = factories.mailing(name="Spring", start_at=timezone.now() - HOUR)
    with pytest.raises(LifecycleError, match=r"The time of “Spring” is over: enter a later end\."):
        verb(mailing)


def test_letters_in_doubt_may_be_confirmed_after_the_end() -> None:
    mailing = factories.mailing()
    confirm = after_an_attempt(
        lambda mailing: lifecycle.confirm_unconfirmed(mailing, mailing.owner), Status.UNCONFIRMED
    )
    confirm(mailing)
    assert mailing.attempts.get().sent == 1
