"""Two at the same moment: whoever was first counts, nobody waits for the other in a circle, and no letter leaves
whose row says that it did not."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta

import psycopg
import pytest
from django.db import connection, connections, transaction
from django.utils import timezone

from campaigns import lifecycle
from campaigns.imports import merge
from campaigns.lifecycle import LifecycleError, NotNow
from campaigns.models import Chunk, Mailing
from campaigns.models.log import Status
from campaigns.sending import switch
from campaigns.sending.ledger import chunks, entries, resolution
from campaigns.sending.ledger.entries import Entries, Settlement
from campaigns.sending.ledger.lease import Lease
from campaigns.sending.limits.slots import SPACE
from campaigns.tests import factories
from campaigns.tests.processes import PATIENCE_SECONDS, wait_until

pytestmark = pytest.mark.django_db(transaction=True)


def elsewhere[T](act: Callable[[], T], pids: list[int] | None = None) -> "Future[T]":
    """Somebody else acts, by a connection of their own."""

    def run() -> T:
        try:
            connection.ensure_connection()
            if pids is not None:
                pids.append(connection.connection.info.backend_pid)
            return act()
        finally:
            connections.close_all()

    pool = ThreadPoolExecutor(1)
    acting = pool.submit(run)
    pool.shutdown(wait=False)
    return acting


def waiting[T](act: Callable[[], T]) -> "Future[T]":
    """Somebody else acts, and waits for a lock that the caller's transaction holds."""
    pids: list[int] = []
    acting = elsewhere(act, pids)
    wait_until(lambda: bool(pids) and waits(pids[0]))
    return acting


def waits(pid: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM pg_locks WHERE pid = %s AND NOT granted)", [pid])
        return bool(cursor.fetchone()[0])


def taken(chunk: Chunk) -> Lease:
    lease = chunks.take(chunk.pk)
    assert lease
    return lease


def failed(mailing: Mailing) -> Lease:
    """An attempt ends in which the first letter failed; returns the lease of who delivered its one chunk."""
    lease = taken(lifecycle.launch(mailing, None).chunks.get())
    rows = range(lease.first, lease.last + 1)
    outcomes = [Settlement(row, Status.ERROR if row == lease.first else Status.SENT) for row in rows]
    entries.write({lease: Entries(settlements=outcomes)})
    chunks.close(lease)
    return lease


def test_a_letter_that_is_cancelled_meanwhile_is_not_begun() -> None:
    busy, leaving = (lifecycle.launch(factories.mailing(audience=3), None) for _ in range(2))
    first, second = taken(busy.chunks.get()), taken(leaving.chunks.get())
    entries.write({second: Entries(marks=[second.first])})
    group = {
        first: Entries(marks=[first.first]),
        second: Entries(in_flight=[second.first], marks=[second.last]),
    }
    with transaction.atomic():
        Chunk.objects.select_for_update().get(pk=first.chunk)
        writing = waiting(lambda: entries.write(group))
        elsewhere(lambda: lifecycle.cancel(leaving.mailing)).result(PATIENCE_SECONDS)
    written = writing.result(PATIENCE_SECONDS)
    assert written[first].granted
    assert leaving.logs.get(pk=second.last).status == Status.CANCELLED
    assert not written[second].granted
    entries.write({second: Entries(settlements=[Settlement(second.first, Status.SENT)])})
    chunks.close(second)
    leaving.refresh_from_db()
    assert (leaving.sent, leaving.cancelled, bool(leaving.finished_at)) == (1, 2, True)


def test_a_plan_that_is_taken_back_while_somebody_presses_send_stays_taken_back() -> None:
    mailing = factories.mailing(start_at=timezone.now() + timedelta(days=1))
    lifecycle.schedule(mailing)
    with transaction.atomic():
        lifecycle.unschedule(mailing)
        sending = waiting(lambda: lifecycle.launch(mailing, None))
    sending.result(PATIENCE_SECONDS)
    mailing.refresh_from_db()
    assert (mailing.status, mailing.next_run_at) == ("running", None)


def test_a_test_that_waits_for_the_switch_holds_nothing_that_the_switch_needs() -> None:
    mailing = factories.mailing()
    person = mailing.recipients.get()
    with transaction.atomic():
        switch.lock("exclusive")
        sending = waiting(lambda: lifecycle.send_test(mailing, mailing.owner, "me@example.com", person))
        Mailing.objects.select_for_update(nowait=True).get(pk=mailing.pk)
    assert sending.result(PATIENCE_SECONDS).test


def test_an_import_waits_for_no_place_of_a_connection() -> None:
    params = {key: connection.get_connection_params()[key] for key in ("dbname", "host", "port", "user")}
    with psycopg.connect(**params, autocommit=True) as worker, transaction.atomic(), connection.cursor() as cursor:
        worker.execute("SELECT pg_advisory_lock(%s, 7)", [SPACE])
        cursor.execute("SET LOCAL lock_timeout = '500ms'")
        merge.lock(7)


def test_who_wakes_up_with_an_old_reply_does_not_settle_a_letter_that_is_to_be_sent_again() -> None:
    mailing = factories.mailing(audience=2)
    asleep = failed(mailing)
    lifecycle.retry_failed(mailing)
    entries.write({asleep: Entries(settlements=[Settlement(asleep.first, Status.ERROR)])})
    assert mailing.attempts.get().logs.get(pk=asleep.first).status == Status.PENDING


def test_while_an_undone_launch_is_being_closed_a_retry_is_refused_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mailing = factories.mailing(audience=2)
    failed(mailing)
    lifecycle.launch(mailing, mailing.owner, undo_seconds=60)
    monkeypatch.setattr(resolution, "close_cancelled", lambda attempt: None)  # as if killed before it
    lifecycle.undo(mailing, mailing.owner)
    with pytest.raises(LifecycleError):
        lifecycle.retry_failed(mailing)
    mailing.refresh_from_db()
    assert mailing.status == "finished"


def test_who_undoes_what_another_has_just_undone_is_not_told_that_letters_have_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mailing = factories.mailing(name="Spring")
    lifecycle.launch(mailing, mailing.owner, undo_seconds=60)
    monkeypatch.setattr(resolution, "close_cancelled", lambda attempt: None)
    lifecycle.undo(mailing, mailing.owner)
    with pytest.raises(NotNow, match="“Spring” is not being sent"):
        lifecycle.undo(mailing, mailing.owner)


def test_a_start_that_is_moved_meanwhile_is_the_one_that_is_planned() -> None:
    soon, later = (timezone.now() + timedelta(hours=hours) for hours in (1, 2))
    mailing = factories.mailing(start_at=soon)
    with transaction.atomic():
        Mailing.objects.filter(pk=mailing.pk).update(start_at=later)
        planning = waiting(lambda: lifecycle.schedule(mailing))
    assert planning.result(PATIENCE_SECONDS) == later
    mailing.refresh_from_db()
    assert (mailing.status, mailing.next_run_at) == (Mailing.Status.SCHEDULED, later)
