"""The verbs on a mailing. What the engine then does is test_engine.py's."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from campaigns import lifecycle
from campaigns.lifecycle import AlreadyRunning, LifecycleError, NobodyToSendTo, NotNow
from campaigns.models import Mailing, MailingAttempt
from campaigns.models.log import Status
from campaigns.sending.ledger import chunks, entries
from campaigns.sending.ledger.entries import Settlement
from campaigns.tests import factories

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


def status(mailing: Mailing) -> str:
    mailing.refresh_from_db()
    return mailing.status


def deliver(attempt: MailingAttempt, outcome: Status = Status.SENT) -> None:
    """Do what a worker does, without a mail server."""
    for chunk in attempt.chunks.filter(closed_at=None):
        lease = chunks.take(chunk.pk)
        assert lease
        settled = [Settlement(ready.to.row, outcome) for ready in chunks.ready(lease)]
        entries.write({lease: entries.Entries(settlements=settled)})
        chunks.close(lease)
    attempt.refresh_from_db()


def scheduled(*, start_at: datetime | None = None, **fields: Any) -> Mailing:
    mailing = factories.mailing(start_at=start_at or timezone.now() - HOUR, **fields)
    lifecycle.schedule(mailing)
    return mailing


# Launch


def test_what_is_launched_is_what_is_saved_by_then() -> None:
    read_before = factories.mailing(subject="Former")
    new = factories.message(read_before.owner, subject="New")
    Mailing.objects.filter(pk=read_before.pk).update(message=new)
    assert read_before.message.subject == "Former"
    assert lifecycle.launch(read_before, read_before.owner).subject == "New"


def test_launching_sets_the_mailing_running_and_enqueues_a_job_for_each_chunk(settings: Any) -> None:
    settings.SENDING_CHUNK_ROWS = 2
    mailing = factories.mailing(audience=5)
    attempt = lifecycle.launch(mailing, mailing.owner)
    assert (status(mailing), attempt.status, attempt.triggered_by) == ("running", "queued", mailing.owner)
    locks = {f"chunk:{chunk.pk}" for chunk in attempt.chunks.all()}
    assert set(ProcrastinateJob.objects.values_list("lock", flat=True)) == locks


def test_a_second_send_while_one_runs_is_refused_with_a_sentence() -> None:
    mailing = factories.mailing(name="Spring")
    lifecycle.launch(mailing, None)
    with pytest.raises(AlreadyRunning, match="Spring"):
        lifecycle.launch(mailing, None)
    assert mailing.attempts.count() == 1


def test_a_send_to_nobody_is_refused_and_changes_nothing() -> None:
    mailing = factories.mailing(audience=0)
    with pytest.raises(NobodyToSendTo):
        lifecycle.launch(mailing, None)
    assert (status(mailing), mailing.attempts.count()) == ("draft", 0)


def test_a_send_after_the_end_is_refused() -> None:
    mailing = factories.mailing(end_at=timezone.now() - HOUR)
    with pytest.raises(NotNow):
        lifecycle.launch(mailing, None)
    assert status(mailing) == "draft"


def test_a_finished_mailing_can_be_sent_again() -> None:
    mailing = factories.mailing()
    deliver(lifecycle.launch(mailing, None))
    assert status(mailing) == "finished"
    assert lifecycle.launch(mailing, None).total == 1


def test_a_finished_attempt_dates_the_mailing_only_if_something_was_sent() -> None:
    sent, failed = factories.mailing(), factories.mailing()
    deliver(lifecycle.launch(sent, None))
    deliver(lifecycle.launch(failed, None), Status.ERROR)
    for mailing in (sent, failed):
        mailing.refresh_from_db()
    assert (bool(sent.last_sent_at), bool(failed.last_sent_at)) == (True, False)


def test_the_attempt_keeps_the_content_when_the_message_is_edited_after_the_launch() -> None:
    mailing = factories.mailing(subject="Before", body="before", body_html="<p>before</p>")
    attempt = lifecycle.launch(mailing, None)
    mailing.message.subject, mailing.message.body, mailing.message.body_html = "After", "after", "<p>after</p>"
    mailing.message.save()
    attempt.refresh_from_db()
    assert (attempt.subject, attempt.body, attempt.body_html) == ("Before", "before", "<p>before</p>")


def test_a_dry_run_leaves_the_mailing_as_it_was() -> None:
    mailing = factories.mailing()
    attempt = lifecycle.launch(mailing, None, dry_run=True)
    deliver(attempt, Status.DRY_RUN)
    assert (status(mailing), attempt.status, attempt.dry_runs) == ("draft", "success", 1)
    assert mailing.last_sent_at is None


def test_a_dry_run_may_run_beside_the_real_one() -> None:
    mailing = factories.mailing()
    lifecycle.launch(mailing, None)
    assert lifecycle.launch(mailing, None, dry_run=True).dry_run
    with pytest.raises(AlreadyRunning):
        lifecycle.launch(mailing, None, dry_run=True)


@pytest.mark.django_db(transaction=True)
def test_of_two_launches_at_once_one_wins() -> None:
    mailing = factories.mailing(audience=20)
    results = at_once(lambda: lifecycle.launch(Mailing.objects.get(pk=mailing.pk), None), 4)
    assert sum(isinstance(result, MailingAttempt) for result in results) == 1
    assert sum(isinstance(result, AlreadyRunning) for result in results) == 3
    assert MailingAttempt.objects.get().total == 20


@pytest.mark.django_db(transaction=True)
def test_of_two_schedulers_at_once_one_launches() -> None:
    for _ in range(3):
        scheduled()
    launched = at_once(lifecycle.launch_due, 3)
    assert sorted(attempt.mailing_id for attempts in launched for attempt in attempts) == sorted(
        Mailing.objects.values_list("pk", flat=True)
    )


def at_once(action: Callable[[], Any], threads: int) -> list[Any]:
    """What each of the threads got, or what it raised."""
    barrier = Barrier(threads)

    def run() -> Any:
        barrier.wait(60)
        try:
            return action()
        except LifecycleError as error:
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(threads) as pool:
        return [future.result(60) for future in [pool.submit(run) for _ in range(threads)]]


# Pause, resume, cancel, disable


def test_a_paused_mailing_resumes_where_it_was() -> None:
    mailing = factories.mailing()
    attempt = lifecycle.launch(mailing, None)
    lifecycle.pause(mailing)
    attempt.refresh_from_db()
    assert (status(mailing), attempt.status, attempt.server_response) == ("paused", "paused", "Paused by hand.")
    lifecycle.resume(mailing)
    attempt.refresh_from_db()
    assert (status(mailing), attempt.status, attempt.server_response) == ("running", "queued", "")


def test_a_paused_mailing_can_not_be_sent_again() -> None:
    mailing = factories.mailing()
    lifecycle.launch(mailing, None)
    lifecycle.pause(mailing)
    with pytest.raises(AlreadyRunning):
        lifecycle.launch(mailing, None)


@pytest.mark.parametrize("verb", [lifecycle.pause, lifecycle.resume, lifecycle.cancel, lifecycle.unschedule])
def test_what_does_not_fit_the_state_is_refused_with_a_sentence(verb: Callable[[Mailing], None]) -> None:
    mailing = factories.mailing(name="Spring")
    with pytest.raises(NotNow, match="Spring"):
        verb(mailing)
    assert status(mailing) == "draft"


def test_a_cancelled_mailing_can_be_sent_again() -> None:
    mailing = factories.mailing(audience=2)
    lifecycle.launch(mailing, None)
    lifecycle.cancel(mailing)
    assert lifecycle.launch(mailing, None).total == 2


def test_a_disabled_mailing_is_cancelled_and_nothing_starts_it() -> None:
    mailing = scheduled()
    attempt = lifecycle.launch(mailing, None)
    lifecycle.disable(mailing)
    attempt.refresh_from_db()
    assert (status(mailing), attempt.status, mailing.next_run_at) == ("disabled", "cancelled", None)
    with pytest.raises(NotNow):
        lifecycle.launch(mailing, None)
    with pytest.raises(NotNow):
        lifecycle.schedule(mailing)
    assert lifecycle.launch_due() == []


def test_an_enabled_mailing_is_a_draft_again() -> None:
    mailing = factories.mailing()
    lifecycle.disable(mailing)
    with pytest.raises(NotNow):
        lifecycle.disable(mailing)
    lifecycle.enable(mailing)
    assert status(mailing) == "draft"


# The schedule


def test_a_scheduled_mailing_is_launched_when_its_time_has_come() -> None:
    due, later = scheduled(), scheduled(start_at=timezone.now() + HOUR)
    assert [attempt.mailing for attempt in lifecycle.launch_due()] == [due]
    assert (status(due), status(later)) == ("running", "scheduled")


def test_a_mailing_that_is_due_is_launched_once() -> None:
    scheduled()
    assert len(lifecycle.launch_due()) == 1
    assert lifecycle.launch_due() == []


def test_a_mailing_that_was_sent_once_is_finished_and_not_due_again() -> None:
    mailing = scheduled()
    deliver(lifecycle.launch_due()[0])
    assert status(mailing) == "finished"
    assert lifecycle.launch_due() == []


def test_a_repeated_mailing_is_scheduled_again_when_it_has_been_sent() -> None:
    mailing = scheduled(start_at=timezone.now() - HOUR, repetition="daily")
    Mailing.objects.update(next_run_at=timezone.now())
    deliver(lifecycle.launch_due()[0])
    assert status(mailing) == "scheduled"
    assert mailing.start_at
    assert mailing.next_run_at == mailing.start_at + timedelta(days=1)
    assert lifecycle.launch_due() == []


def test_runs_that_were_missed_are_made_up_for_once() -> None:
    mailing = scheduled(start_at=timezone.now() - timedelta(days=3, hours=1), repetition="daily")
    Mailing.objects.update(next_run_at=mailing.start_at)
    deliver(lifecycle.launch_due()[0])
    assert status(mailing) == "scheduled"
    assert mailing.start_at
    assert mailing.next_run_at == mailing.start_at + timedelta(days=4)


def test_the_next_run_comes_after_the_time_by_which_the_mailing_was_due() -> None:
    mailing = scheduled(start_at=timezone.now() + HOUR, repetition="daily")
    [attempt] = lifecycle.launch_due(timezone.now() + 2 * HOUR)
    deliver(attempt)
    assert status(mailing) == "scheduled"
    assert mailing.start_at
    assert mailing.next_run_at == mailing.start_at + timedelta(days=1)


def test_a_launch_by_hand_before_its_time_leaves_the_plan_as_it_is() -> None:
    mailing = scheduled(start_at=timezone.now() + HOUR)
    deliver(lifecycle.launch(mailing, None))
    assert status(mailing) == "scheduled"
    assert mailing.next_run_at == mailing.start_at


def test_a_mailing_whose_end_has_passed_is_finished_without_being_sent() -> None:
    mailing = scheduled(start_at=timezone.now() + HOUR, end_at=timezone.now() + 2 * HOUR)
    assert lifecycle.launch_due(timezone.now() + 3 * HOUR) == []
    assert status(mailing) == "finished"


def test_a_mailing_that_can_not_start_does_not_hold_up_the_rest() -> None:
    empty, fine = scheduled(start_at=timezone.now() - 2 * HOUR), scheduled()
    empty.recipients.clear()
    assert [attempt.mailing for attempt in lifecycle.launch_due()] == [fine]


def test_scheduling_needs_a_start_an_open_end_and_an_audience() -> None:
    now = timezone.now()
    with pytest.raises(NotNow, match="no start"):
        lifecycle.schedule(factories.mailing())
    with pytest.raises(NotNow, match="later end"):
        lifecycle.schedule(factories.mailing(start_at=now - 2 * HOUR, end_at=now - HOUR))
    with pytest.raises(NobodyToSendTo):
        lifecycle.schedule(factories.mailing(start_at=now, audience=0))


def test_an_unscheduled_mailing_is_a_draft_and_not_due() -> None:
    mailing = scheduled()
    lifecycle.unschedule(mailing)
    assert (status(mailing), mailing.next_run_at) == ("draft", None)
    assert lifecycle.launch_due() == []


def berlin(start_at: datetime, repetition: str, **fields: Any) -> Mailing:
    return Mailing(owner=factories.user(time_zone="Europe/Berlin"), start_at=start_at, repetition=repetition, **fields)


@pytest.mark.parametrize(
    ("repetition", "start", "after", "expected"),
    [
        # Clocks in Berlin go forward on 29 March and back on 25 October 2026: nine o'clock stays nine o'clock.
        ("daily", "2026-03-28 08:00", "2026-03-28 08:00", "2026-03-29 07:00"),
        ("daily", "2026-10-24 07:00", "2026-10-24 07:00", "2026-10-25 08:00"),
        ("weekly", "2026-03-25 08:00", "2026-03-25 09:00", "2026-04-01 07:00"),
        # Half past two does not exist on that night, and exists twice on the other.
        ("daily", "2026-03-28 01:30", "2026-03-28 01:30", "2026-03-29 01:30"),
        ("daily", "2026-03-28 01:30", "2026-03-29 01:30", "2026-03-30 00:30"),
        ("daily", "2026-10-24 00:30", "2026-10-24 00:30", "2026-10-25 00:30"),
        ("daily", "2026-10-24 00:30", "2026-10-25 00:30", "2026-10-26 01:30"),
        # The 31st is the last day of a shorter month, and the 31st again after it.
        ("monthly", "2026-01-31 08:00", "2026-01-31 08:00", "2026-02-28 08:00"),
        ("monthly", "2026-01-31 08:00", "2026-02-28 08:00", "2026-03-31 07:00"),
        ("monthly", "2027-12-31 08:00", "2028-02-01 00:00", "2028-02-29 08:00"),
        # Runs that were missed are passed over.
        ("daily", "2026-06-01 08:00", "2026-06-05 12:00", "2026-06-06 08:00"),
        ("daily", "2026-06-01 08:00", "2026-05-01 00:00", "2026-06-01 08:00"),
    ],
)
def test_repetitions_keep_the_owners_time_of_day(repetition: str, start: str, after: str, expected: str) -> None:
    def utc(text: str) -> datetime:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)

    run = berlin(utc(start), repetition).next_run_after(utc(after))
    assert run
    assert run.astimezone(UTC) == utc(expected)


def test_no_repetition_follows_at_or_after_the_end() -> None:
    start = datetime(2026, 6, 1, 8, tzinfo=UTC)
    mailing = berlin(start, "daily", end_at=start + timedelta(days=1))
    assert mailing.next_run_after(start) is None


def test_a_mailing_without_repetition_has_no_second_run() -> None:
    start = datetime(2026, 6, 1, 8, tzinfo=UTC)
    assert berlin(start, "once").next_run_after(start) is None


def test_a_repeated_mailing_whose_start_has_passed_waits_for_its_next_time() -> None:
    start = timezone.now() - timedelta(days=2, hours=1)
    mailing = factories.mailing(start_at=start, repetition="daily", audience=1)
    assert lifecycle.schedule(mailing) == start + timedelta(days=3)


def test_a_repeated_mailing_that_has_no_run_left_before_its_end_can_not_be_scheduled() -> None:
    now = timezone.now()
    mailing = factories.mailing(start_at=now - HOUR, end_at=now + HOUR, repetition="daily")
    with pytest.raises(NotNow, match="no more runs"):
        lifecycle.schedule(mailing)
    assert status(mailing) == "draft"


def test_a_single_mailing_whose_start_has_passed_is_due_at_once() -> None:
    mailing = factories.mailing(start_at=timezone.now() - timedelta(hours=1), audience=1)
    assert lifecycle.schedule(mailing) <= timezone.now()


def test_a_message_whose_styles_can_not_be_inlined_is_not_launched() -> None:
    mailing = factories.mailing(body_html="<style>p{}</style>" + "<b>" * 5001)
    with pytest.raises(LifecycleError):
        lifecycle.launch(mailing, None)
    assert not mailing.attempts.exists()
