"""The switch that stops all sending. The pages of it are test_admin_stop.py's."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier, Event
from typing import Any
from unittest import TestCase

import pytest
from django.db import IntegrityError, connection, connections, transaction
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from campaigns import lifecycle
from campaigns.lifecycle import SendingStopped
from campaigns.models import Mailing, MailingAttempt, SendingStop
from campaigns.models.attempt import Status as AttemptStatus
from campaigns.models.log import Status
from campaigns.sending import stop, switch
from campaigns.sending.ledger import chunks, entries
from campaigns.sending.ledger.entries import Entries, Settlement
from campaigns.sending.stop import StopError
from campaigns.tests import factories
from campaigns.tests.mail_server import MailServer
from campaigns.tests.processes import wait_until
from campaigns.tests.worker import work

pytestmark = pytest.mark.django_db


def press() -> SendingStop:
    return stop.press(factories.user("manager", full_name="Ann"), "wrong prices")


def lift() -> int:
    _stop, resumed = stop.lift(factories.user("manager"))
    return resumed


def state(mailing: Mailing) -> tuple[str, str]:
    mailing.refresh_from_db()
    return mailing.status, mailing.attempts.filter(dry_run=False).values_list("status", flat=True)[0]


def launched(**fields: Any) -> Mailing:
    mailing = factories.mailing(**fields)
    lifecycle.launch(mailing, None)
    return mailing


def ended(outcome: Status) -> Mailing:
    """A mailing whose letters have all ended like this."""
    mailing = launched()
    for chunk in mailing.attempts.get().chunks.all():
        lease = chunks.take(chunk.pk)
        assert lease
        settled = [Settlement(ready.to.row, outcome) for ready in chunks.ready(lease)]
        entries.write({lease: Entries(settlements=settled)})
        chunks.close(lease)
    return mailing


def test_every_mailing_under_way_is_paused_with_who_and_why() -> None:
    queued, running = launched(), launched()
    running.attempts.update(status=AttemptStatus.RUNNING)
    pressed = press()
    for mailing in (queued, running):
        assert state(mailing) == ("paused", "paused")
        assert mailing.attempts.get().server_response == "Ann stopped all sending: wrong prices"
    assert set(pressed.attempts.all()) == set(MailingAttempt.objects.all())


def test_no_row_is_marked_as_about_to_be_sent_once_the_switch_is_pressed() -> None:
    mailing = launched()
    lease = chunks.take(mailing.attempts.get().chunks.get().pk)
    assert lease
    press()
    assert not entries.write({lease: Entries(marks=[lease.first])})[lease].granted


def test_a_letter_on_its_way_settles() -> None:
    mailing = launched()
    lease = chunks.take(mailing.attempts.get().chunks.get().pk)
    assert lease
    entries.write({lease: Entries(marks=[lease.first])})
    press()
    entries.write({lease: Entries(settlements=[Settlement(lease.first, Status.SENT)])})
    assert mailing.attempts.get().sent == 1


def test_nothing_can_be_launched_and_the_sentence_says_why() -> None:
    press()
    mailing = factories.mailing()
    with pytest.raises(SendingStopped, match="Ann stopped all sending: wrong prices"):
        lifecycle.launch(mailing, None)
    assert (mailing.attempts.count(), mailing.status) == (0, "draft")


def test_nothing_can_be_resumed() -> None:
    mailing = launched()
    lifecycle.pause(mailing)
    press()
    with pytest.raises(SendingStopped):
        lifecycle.resume(mailing)
    assert state(mailing) == ("paused", "paused")


def test_nothing_can_be_sent_again() -> None:
    failed, in_doubt = ended(Status.ERROR), ended(Status.UNCONFIRMED)
    press()
    with pytest.raises(SendingStopped):
        lifecycle.retry_failed(failed)
    with pytest.raises(SendingStopped):
        lifecycle.resend_unconfirmed(in_doubt)


def test_a_dry_run_goes_on_and_can_be_launched() -> None:
    mailing = factories.mailing()
    under_way = lifecycle.launch(mailing, None, dry_run=True)
    press()
    under_way.refresh_from_db()
    assert under_way.status == AttemptStatus.QUEUED
    assert lifecycle.launch(factories.mailing(), None, dry_run=True)


def test_what_is_due_waits_and_is_launched_when_sending_is_resumed() -> None:
    mailing = factories.mailing(start_at=timezone.now() - timedelta(hours=1))
    lifecycle.schedule(mailing)
    press()
    with TestCase().assertNoLogs("campaigns.lifecycle"):  # it is no fault that it waits
        assert lifecycle.launch_due() == []
    mailing.refresh_from_db()
    assert mailing.status == "scheduled"
    lift()
    assert [attempt.mailing for attempt in lifecycle.launch_due()] == [mailing]


def test_resuming_goes_on_with_what_the_stop_had_paused_and_with_nothing_else() -> None:
    stopped, paused, cancelled = launched(), launched(), launched()
    lifecycle.pause(paused)
    press()
    lifecycle.cancel(cancelled)
    assert lift() == 1
    assert state(stopped) == ("running", "queued")
    assert state(paused) == ("paused", "paused")
    assert state(cancelled)[1] == "cancelled"
    assert stopped.attempts.get().server_response == ""


def test_what_goes_on_has_its_jobs() -> None:
    mailing = launched()
    press()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs")
    lift()
    chunk = mailing.attempts.get().chunks.get()
    assert list(ProcrastinateJob.objects.values_list("lock", flat=True)) == [f"chunk:{chunk.pk}"]


def test_it_is_known_who_stopped_and_who_resumed() -> None:
    pressed = press()
    lift()
    pressed.refresh_from_db()
    assert pressed.started_by
    assert pressed.ended_by
    assert (pressed.reason, pressed.started_by.full_name, bool(pressed.ended_at)) == ("wrong prices", "Ann", True)


def test_a_launch_that_whoever_stopped_did_not_live_to_pause_is_paused_by_a_worker() -> None:
    late = launched()
    SendingStop.objects.create(reason="wrong prices")
    switch.keep()
    assert state(late) == ("paused", "paused")


def test_a_second_press_is_refused_with_a_sentence() -> None:
    press()
    with pytest.raises(StopError, match="already"):
        press()
    lift()
    with pytest.raises(StopError, match="not stopped"):
        lift()


def test_the_database_holds_one_stop_in_force() -> None:
    press()
    with pytest.raises(IntegrityError, match="stop_one_in_force"), transaction.atomic():
        SendingStop.objects.create(reason="another")


def test_sending_can_be_stopped_again() -> None:
    mailing = launched()
    press()
    lift()
    press()
    assert state(mailing) == ("paused", "paused")
    assert lift() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("_round", range(5))
def test_a_launch_beside_the_press_is_refused_or_paused(_round: int) -> None:
    mailings = [factories.mailing() for _ in range(3)]
    start = Barrier(4)

    def beside(act: Any) -> None:
        start.wait()
        try:
            act()
        except SendingStopped:
            pass
        finally:
            connections.close_all()

    acts = [press, *(lambda mailing=mailing: lifecycle.launch(mailing, None) for mailing in mailings)]
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(beside, acts))
    moving = MailingAttempt.objects.exclude(status=AttemptStatus.PAUSED)
    assert (SendingStop.objects.in_force() is not None, moving.count()) == (True, 0)
    assert set(Mailing.objects.values_list("status", flat=True)) <= {"draft", "paused"}


@pytest.mark.django_db(transaction=True)
def test_a_launch_that_takes_long_does_not_hold_up_the_stop_and_is_paused_after_it() -> None:
    under_way, late = launched(), factories.mailing()
    launched_late, stopped = Event(), Event()

    def launch() -> None:
        with transaction.atomic():
            lifecycle.launch(late, None)
            launched_late.set()
            assert stopped.wait(60)
        connections.close_all()

    def press_meanwhile() -> None:
        assert launched_late.wait(60)
        press()
        connections.close_all()

    with ThreadPoolExecutor(2) as threads:
        deeds = [threads.submit(launch), threads.submit(press_meanwhile)]
        wait_until(lambda: state(under_way) == ("paused", "paused"))
        stopped.set()
        for deed in deeds:
            deed.result()
    assert state(late) == ("paused", "paused")
    assert lift() == 2


@pytest.mark.django_db(transaction=True)
def test_a_stopped_mailing_is_sent_once_to_each_when_sending_is_resumed(server: MailServer) -> None:
    mailing = launched(audience=20)
    press()
    work()
    assert server.taken == []
    lift()
    work()
    assert state(mailing) == ("finished", "success")
    assert sorted(server.addresses.values()) == [1] * 20
