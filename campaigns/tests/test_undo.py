"""The time after a press of Send in which it can be undone."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import F
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob
from pytest_django import Settings

from campaigns import lifecycle
from campaigns.lifecycle import NobodyToSendTo, NotNow
from campaigns.models import Mailing, MailingAttempt
from campaigns.models.attempt import Status as AttemptStatus
from campaigns.models.log import Status
from campaigns.sending import stop
from campaigns.sending.ledger import chunks, entries
from campaigns.sending.ledger.entries import Entries
from campaigns.sending.queue import sweep
from campaigns.tests import factories
from campaigns.tests.mail_server import MailServer
from campaigns.tests.worker import work

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


def held(mailing: Mailing | None = None, seconds: int = 60, **options: Any) -> MailingAttempt:
    mailing = mailing or factories.mailing(audience=3)
    return lifecycle.launch(mailing, mailing.owner, undo_seconds=seconds, **options)


def undone(attempt: MailingAttempt) -> Mailing:
    lifecycle.undo(attempt.mailing, attempt.mailing.owner)
    return reloaded(attempt.mailing)


def sent(mailing: Mailing) -> MailingAttempt:
    """An earlier launch of the mailing, delivered without a mail server."""
    attempt = lifecycle.launch(mailing, None)
    for chunk in attempt.chunks.all():
        lease = chunks.take(chunk.pk)
        assert lease
        settled = [entries.Settlement(row.to.row, Status.SENT) for row in chunks.ready(lease)]
        entries.write({lease: Entries(settlements=settled)})
        chunks.close(lease)
    mailing.refresh_from_db()
    return attempt


def let_time_pass(attempt: MailingAttempt) -> None:
    """As if the delay were over: what is held, and its jobs, are due."""
    MailingAttempt.objects.filter(pk=attempt.pk).update(held_until=F("held_until") - DAY)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_jobs SET scheduled_at = scheduled_at - interval '1 day'")


def reloaded[T: (Mailing, MailingAttempt)](of: T) -> T:
    of.refresh_from_db()
    return of


def plans_of_jobs() -> set[datetime | None]:
    return set(ProcrastinateJob.objects.values_list("scheduled_at", flat=True))


# The delay


def test_the_jobs_of_a_launch_wait_for_the_delay(settings: Settings) -> None:
    settings.SENDING_CHUNK_ROWS = 1
    attempt = held()
    assert attempt.held_until
    assert timedelta(0) < attempt.held_until - timezone.now() < timedelta(seconds=61)
    assert plans_of_jobs() == {attempt.held_until}
    assert ProcrastinateJob.objects.count() == 3


def test_a_large_audience_is_written_when_the_delay_is_over(settings: Settings) -> None:
    settings.SENDING_INLINE_ROWS = 1
    attempt = held()
    assert plans_of_jobs() == {attempt.held_until}
    assert not attempt.logs.exists()


def test_launches_of_the_scheduler_and_of_commands_wait_for_nothing(settings: Settings) -> None:
    settings.SENDING_UNDO_SECONDS = 60
    due = factories.mailing(start_at=timezone.now() - DAY)
    lifecycle.schedule(due)
    assert [attempt.held_until for attempt in lifecycle.launch_due()] == [None]
    assert lifecycle.launch(factories.mailing(), None).held_until is None


def test_a_dry_run_waits_for_nothing() -> None:
    assert held(dry_run=True).held_until is None


def test_what_the_scheduler_would_send_now_anyhow_waits_for_nothing() -> None:
    mailing = factories.mailing(start_at=timezone.now() - DAY)
    lifecycle.schedule(mailing)
    assert not lifecycle.can_be_undone(mailing)
    assert held(mailing).held_until is None


def test_a_chunk_that_is_taken_early_is_not_begun() -> None:
    attempt = held()
    lease = chunks.take(attempt.chunks.get().pk)
    assert lease
    assert not lease.attempt_runs
    assert not entries.write({lease: Entries(marks=[lease.first])})[lease].granted
    assert reloaded(attempt).status == AttemptStatus.QUEUED


def test_the_sweep_gives_no_job_to_what_is_held_and_one_when_the_delay_is_over() -> None:
    attempt = held()
    ProcrastinateJob.objects.all()._raw_delete("default")
    MailingAttempt.objects.update(created_at=timezone.now() - DAY)
    assert sweep._orphans() == []
    let_time_pass(attempt)
    assert [chunk for chunk, *_ in sweep._orphans()] == [attempt.chunks.get().pk]


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_comes_to_a_chunk_too_early_comes_back_in_time(server: MailServer) -> None:
    attempt = held(seconds=2)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_jobs SET scheduled_at = NULL")
    work()
    assert reloaded(attempt).sent == 3
    assert attempt.started_at
    assert attempt.held_until
    assert attempt.started_at >= attempt.held_until


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("inline_rows", [1, 5000])
def test_when_the_delay_is_over_everybody_gets_a_letter(
    inline_rows: int, server: MailServer, settings: Settings
) -> None:
    settings.SENDING_INLINE_ROWS = inline_rows
    attempt = held(seconds=1)
    work()
    assert (reloaded(attempt).status, attempt.sent) == ("success", 3)
    assert attempt.started_at
    assert attempt.held_until
    assert attempt.started_at >= attempt.held_until


# Undo


def test_what_is_undone_is_cancelled_with_who_did_it() -> None:
    mailing = factories.mailing(factories.user(full_name="Ann"), 3)
    attempt = held(mailing)
    undone(attempt)
    assert (reloaded(attempt).status, attempt.server_response) == ("cancelled", "Undone by Ann.")
    assert (attempt.total, attempt.cancelled, bool(attempt.finished_at)) == (3, 3, True)
    assert set(attempt.logs.values_list("status", flat=True)) == {Status.CANCELLED}


def test_a_draft_is_a_draft_again() -> None:
    assert undone(held()).status == "draft"


def test_a_finished_mailing_is_finished_again() -> None:
    mailing = factories.mailing()
    sent(mailing)
    after = undone(held(mailing))
    assert (after.status, after.last_sent_at) == ("finished", mailing.last_sent_at)


def test_a_scheduled_mailing_is_scheduled_again_with_its_plan() -> None:
    mailing = factories.mailing(start_at=timezone.now() + DAY, repetition="weekly")
    planned = lifecycle.schedule(mailing)
    after = undone(held(mailing))
    assert (after.status, after.next_run_at) == ("scheduled", planned)


def test_a_mailing_that_was_sent_and_made_a_draft_again_is_a_draft_again() -> None:
    mailing = factories.mailing()
    sent(mailing)
    lifecycle.disable(mailing)
    lifecycle.enable(mailing)
    assert undone(held(mailing)).status == "draft"


def test_a_mailing_that_ended_without_a_letter_is_finished_again() -> None:
    mailing = factories.mailing()
    lifecycle.cancel(held(mailing).mailing)
    assert undone(held(mailing)).status == "finished"


@pytest.mark.parametrize("inline_rows", [1, 5000])
def test_what_was_undone_can_be_launched_again_at_once(inline_rows: int, settings: Settings) -> None:
    settings.SENDING_INLINE_ROWS = inline_rows
    mailing = undone(held())
    assert held(mailing).status == AttemptStatus.QUEUED


def test_who_was_in_an_undone_launch_is_new_as_before() -> None:
    mailing = factories.mailing()
    sent(mailing)
    mailing.recipients.add(factories.recipient(mailing.owner))
    undone(held(mailing, new_only=True))
    assert held(mailing, new_only=True).total == 1


def test_who_got_a_letter_before_an_undone_launch_is_not_new() -> None:
    mailing = factories.mailing()
    sent(mailing)
    undone(held(mailing))
    with pytest.raises(NobodyToSendTo):
        held(mailing, new_only=True)


def test_what_failed_before_an_undone_launch_can_still_be_retried() -> None:
    mailing = factories.mailing()
    attempt = lifecycle.launch(mailing, None)
    lease = chunks.take(attempt.chunks.get().pk)
    assert lease
    entries.write({lease: Entries(settlements=[entries.Settlement(lease.first, Status.ERROR)])})
    chunks.close(lease)
    undone(held(mailing))
    assert lifecycle.retry_failed(mailing) == 1


@pytest.mark.django_db(transaction=True)
def test_nobody_gets_a_letter_of_what_was_undone(server: MailServer) -> None:
    attempt = held()
    undone(attempt)
    let_time_pass(attempt)
    work()
    assert not server.addresses
    assert reloaded(attempt).cancelled == 3


# Too late, or too early


def test_once_the_delay_is_over_it_is_too_late() -> None:
    attempt = held()
    let_time_pass(attempt)
    with pytest.raises(NotNow, match="The first letters have left; pause or cancel it"):
        undone(attempt)
    assert (reloaded(attempt).status, reloaded(attempt.mailing).status) == ("queued", "running")


def test_once_a_worker_has_begun_it_is_too_late() -> None:
    attempt = held()
    MailingAttempt.objects.update(status="running", started_at=timezone.now())
    with pytest.raises(NotNow, match="The first letters have left"):
        undone(attempt)


def test_a_launch_without_a_delay_can_not_be_undone() -> None:
    with pytest.raises(NotNow, match="The first letters have left"):
        undone(held(seconds=0))


def test_nothing_under_way_can_not_be_undone() -> None:
    mailing = factories.mailing(name="Spring")
    with pytest.raises(NotNow, match="“Spring” is not being sent"):
        lifecycle.undo(mailing, mailing.owner)


def test_a_second_undo_is_refused_and_changes_nothing() -> None:
    attempt = held()
    undone(attempt)
    with pytest.raises(NotNow):
        undone(attempt)
    assert (reloaded(attempt).cancelled, reloaded(attempt.mailing).status) == (3, "draft")


# Other verbs during the delay


def test_a_resumed_launch_waits_for_what_is_left_of_the_delay() -> None:
    attempt = held()
    lifecycle.pause(attempt.mailing)
    ProcrastinateJob.objects.all()._raw_delete("default")
    lifecycle.resume(attempt.mailing)
    assert plans_of_jobs() == {attempt.held_until}
    lease = chunks.take(attempt.chunks.get().pk)
    assert lease
    assert not lease.attempt_runs


def test_a_resumed_launch_can_be_undone_and_a_paused_one_not() -> None:
    attempt = held()
    lifecycle.pause(attempt.mailing)
    with pytest.raises(NotNow, match="is paused: resume it, or cancel it"):
        undone(attempt)
    lifecycle.resume(attempt.mailing)
    assert undone(attempt).status == "draft"


def test_the_end_of_a_stop_does_not_jump_the_delay() -> None:
    attempt, manager = held(), factories.user("manager")
    stop.press(manager, "wrong prices")
    assert reloaded(attempt).status == AttemptStatus.PAUSED
    ProcrastinateJob.objects.all()._raw_delete("default")
    stop.lift(manager)
    assert plans_of_jobs() == {attempt.held_until}
    assert undone(attempt).status == "draft"


def test_a_launch_that_is_cancelled_during_the_delay_has_ended() -> None:
    attempt = held()
    lifecycle.cancel(attempt.mailing)
    assert (reloaded(attempt).status, attempt.cancelled) == ("cancelled", 3)
    assert reloaded(attempt.mailing).status == "finished"


def test_a_mailing_that_is_disabled_during_the_delay_stays_disabled() -> None:
    attempt = held()
    lifecycle.disable(attempt.mailing)
    with pytest.raises(NotNow):
        undone(attempt)
    assert reloaded(attempt.mailing).status == "disabled"
