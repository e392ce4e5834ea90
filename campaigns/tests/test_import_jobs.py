"""Imports by a worker: in a process of its own, cancelled, killed and taken over."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import OperationalError, connection
from procrastinate.contrib.django.models import ProcrastinateJob

from accounts.models import User
from campaigns.bulk import work as bulk
from campaigns.imports import jobs, merge, work
from campaigns.imports.jobs import Caller
from campaigns.imports.lists import Into
from campaigns.models import BulkJob, ImportJob, RecipientList
from campaigns.models.import_job import Mode
from campaigns.tests import factories
from campaigns.tests.importing import checked, received, stored
from campaigns.tests.processes import running, somebody_waits_for_a_lock, wait_until

pytestmark = pytest.mark.django_db(transaction=True)

CALLER = Caller("import-test", "-")
ROWS = 3000
CONTENT = "email,full_name\n" + "".join(f"user{n}@example.com,User {n}\n" for n in range(ROWS))
State = ImportJob.State


@pytest.fixture
def owner() -> User:
    return factories.user("operator")


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file is one for the worker."""
    monkeypatch.setattr(jobs, "INLINE_BYTES", 0)


def confirmed(owner: User, content: str = CONTENT) -> ImportJob:
    job = checked(owner, content)
    work.confirm(job, owner)
    job.refresh_from_db()
    return job


def state(job: ImportJob) -> str:
    job.refresh_from_db()
    return job.state


def test_a_small_file_is_carried_out_at_once(owner: User) -> None:
    job = received(owner, "email\nanna@example.com\n")
    jobs.choose(job, job.mapping, Mode.ADD_AND_UPDATE, CALLER)
    assert state(job) == State.PREVIEWED
    jobs.confirm(job, owner, CALLER)
    assert (state(job), job.added, job.confirmed_by) == (State.DONE, 1, owner)


def test_a_job_waits_for_what_is_carried_out_at_once_in_case_its_process_ends(owner: User) -> None:
    job = received(owner, "email\nanna@example.com\n")
    jobs.choose(job, job.mapping, Mode.ADD_AND_UPDATE, CALLER)
    [waiting] = ProcrastinateJob.objects.filter(task_name="carry_out_import")
    assert (waiting.args["job"], waiting.scheduled_at is not None) == (job.pk, True)


def test_a_large_file_is_checked_and_imported_by_a_worker(owner: User, large: None, tmp_path: Path) -> None:
    job = received(owner, CONTENT)
    jobs.choose(job, job.mapping, Mode.ADD_AND_UPDATE, CALLER)
    assert state(job) == State.CHECKING
    with running(tmp_path, "run_worker", "--skip-checks") as worker:
        wait_until(lambda: state(job) == State.PREVIEWED)
        jobs.confirm(job, owner, CALLER)
        wait_until(lambda: state(job) == State.DONE)
        wait_until(lambda: not ProcrastinateJob.objects.filter(status__in=("todo", "doing")).exists())
        assert worker.runs
    assert (job.added, owner.recipients.count()) == (ROWS, ROWS)


def test_a_tick_carries_out_a_large_file_where_there_is_no_worker(owner: User, large: None, tmp_path: Path) -> None:
    job = received(owner, CONTENT)
    jobs.choose(job, job.mapping, Mode.ADD_AND_UPDATE, CALLER)
    with running(tmp_path, "send_due_mailings") as tick:
        assert tick.end() == 0, tick.written
    assert state(job) == State.PREVIEWED


def test_a_tick_leaves_a_large_file_to_a_worker_that_is_alive(owner: User, large: None, tmp_path: Path) -> None:
    job = received(owner, CONTENT)
    jobs.choose(job, job.mapping, Mode.ADD_AND_UPDATE, CALLER)
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO procrastinate_workers DEFAULT VALUES")
    with running(tmp_path, "send_due_mailings") as tick:
        assert tick.end() == 0, tick.written
    assert state(job) == State.CHECKING


def test_what_can_not_be_carried_out_ends_with_its_reason(owner: User, large: None) -> None:
    job = received(owner, CONTENT + '"bob@example.com,Bob\n')
    jobs.choose(job, job.mapping, Mode.ADD_AND_UPDATE, CALLER)
    work.carry_out(job.pk)
    assert state(job) == State.FAILED
    assert job.reason == f"Line {ROWS + 2}: the quotation mark that opens here is never closed."


def test_a_killed_import_leaves_nothing_and_is_repeated_whole(owner: User, tmp_path: Path) -> None:
    job = confirmed(owner)
    with connection.cursor() as cursor, running(tmp_path, "run_import", "--id", str(job.pk)) as process:
        cursor.execute("BEGIN")
        merge.lock(owner.pk)  # so that it is in the middle of its transaction when it is killed
        wait_until(somebody_waits_for_a_lock)
        process.send(signal.SIGKILL)
        process.end()
        cursor.execute("ROLLBACK")
    wait_until(lambda: not somebody_waits_for_a_lock())
    assert (state(job), owner.recipients.count()) == (State.RUNNING, 0)
    work.carry_out(job.pk)
    assert (state(job), job.added, owner.recipients.count()) == (State.DONE, ROWS, ROWS)
    work.carry_out(job.pk)
    assert owner.recipients.count() == ROWS


def test_a_killed_worker_s_import_is_taken_over(owner: User, large: None, tmp_path: Path) -> None:
    job = received(owner, CONTENT)
    jobs.choose(job, job.mapping, Mode.ADD_AND_UPDATE, CALLER)
    with connection.cursor() as cursor:
        # A worker that has been gone for a minute holds it.
        cursor.execute(
            "WITH w AS (INSERT INTO procrastinate_workers (last_heartbeat)"
            " VALUES (now() - interval '1 minute') RETURNING id)"
            " UPDATE procrastinate_jobs SET status = 'doing', worker_id = w.id FROM w"
        )
    with running(tmp_path, "run_worker", "--skip-checks"):
        wait_until(lambda: state(job) == State.PREVIEWED, seconds=60)
    assert job.added == ROWS


@pytest.mark.parametrize("place", ["copy", "classify", "write"])
def test_an_import_that_is_cancelled_while_it_runs_writes_nothing(
    place: str, owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("campaigns.imports.watch.SECONDS", 0.05)
    job = confirmed(owner)
    in_the_middle_of(place, monkeypatch, lambda: in_a_thread(lambda: work.cancel(job)))
    work.carry_out(job.pk)
    assert (state(job), owner.recipients.count()) == (State.CANCELLED, 0)


def test_who_was_taken_for_dead_and_wakes_up_writes_nothing(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("campaigns.imports.watch.SECONDS", 60)
    job = confirmed(owner)
    in_the_middle_of("write", monkeypatch, lambda: in_a_thread(ImportJob.objects.filter(pk=job.pk).take))
    work.carry_out(job.pk)
    assert (state(job), owner.recipients.count()) == (State.RUNNING, 0)
    monkeypatch.undo()
    work.carry_out(job.pk)
    assert (state(job), owner.recipients.count()) == (State.DONE, ROWS)


def test_two_imports_of_one_owner_come_one_after_the_other(owner: User) -> None:
    first, second = confirmed(owner), confirmed(owner)
    threads = [threading.Thread(target=in_its_own_connection, args=(job,)) for job in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted((job.state, job.added, job.unchanged) for job in ImportJob.objects.all()) == [
        (State.DONE, 0, ROWS),
        (State.DONE, ROWS, 0),
    ]


def in_its_own_connection(job: ImportJob) -> None:
    try:
        work.carry_out(job.pk)
    finally:
        connection.close()


def test_how_far_it_is_can_be_seen_while_it_runs(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("campaigns.imports.watch.SECONDS", 0.05)
    seen: list[tuple[int, int]] = []
    job = confirmed(owner)

    def is_there() -> bool:
        seen.append(ImportJob.objects.values_list("position", "rows_done").get(pk=job.pk))
        return seen[-1] == (work.SORTED, ROWS)

    in_the_middle_of("write", monkeypatch, lambda: in_a_thread(lambda: wait_until(is_there)))
    work.carry_out(job.pk)
    assert seen[-1] == (work.SORTED, ROWS)
    assert (state(job), job.position) == (State.DONE, 100)


def test_a_lost_database_leaves_the_import_to_be_repeated(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    job = confirmed(owner)
    in_the_middle_of("write", monkeypatch, lambda: in_a_thread(end_the_session))
    with pytest.raises(OperationalError):
        work.carry_out(job.pk)
    connection.close()
    assert state(job) == State.RUNNING
    monkeypatch.undo()
    work.carry_out(job.pk)
    assert len(stored(owner)) == ROWS


def end_the_session() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid() AND state = 'idle in transaction'"
        )


def in_the_middle_of(place: str, monkeypatch: pytest.MonkeyPatch, deed: Callable[[], object]) -> None:
    """Do that at the beginning of that step of the next import; a Watch has the time to hear of it."""
    step = getattr(merge, place)

    def disturbed(*args: object, **kwargs: object) -> object:
        deed()
        time.sleep(0.2)
        return step(*args, **kwargs)

    monkeypatch.setattr(merge, place, disturbed)


def in_a_thread(deed: Callable[[], object]) -> None:
    """By a connection of its own."""

    def run() -> None:
        try:
            deed()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()


def test_a_small_file_waits_for_no_other_import_of_its_owner(owner: User) -> None:
    job = checked(owner, "email\nanna@example.com\n")
    with other_import(owner):
        jobs.confirm(job, owner, CALLER)
        assert state(job) == State.RUNNING
        assert fetched_by_a_worker() == job.pk
    work.carry_out(job.pk)
    assert (state(job), job.added) == (State.DONE, 1)


def fetched_by_a_worker() -> Any:
    """The import whose job a worker would begin with now."""
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO procrastinate_workers DEFAULT VALUES RETURNING id")
        cursor.execute("SELECT args->'job' FROM procrastinate_fetch_job_v2(ARRAY['imports'], %s)", cursor.fetchone())
        found = cursor.fetchone()
    return found and found[0] and int(found[0])


@contextmanager
def other_import(owner: User) -> Iterator[None]:
    """While it is in the middle of its transaction, in another process."""
    with psycopg.connect(**connection.get_connection_params()) as session:
        session.execute("SELECT pg_advisory_xact_lock(%s, %s)", [merge.OWNER_LOCK, owner.pk])
        yield
        session.rollback()


def test_an_import_and_the_deletion_of_its_list_take_turns(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each in the middle of its transaction: neither has what the other one waits for."""
    news = RecipientList.objects.create(owner=owner, name="News")
    news.members.add(factories.recipient(owner, "anna@example.com"))
    job = received(owner, "email\nanna@example.com\n")
    work.confirm_unseen(job, Mode.ADD_AND_UPDATE, Into([news], takes_out=True))
    deletion = BulkJob.objects.create(owner=owner, deed=BulkJob.Deed.DELETE_LIST, recipient_list=news, total=1)
    in_the_middle_of("write", monkeypatch, lambda: threading.Thread(target=delete, args=[deletion]).start())
    work.carry_out(job.pk)
    wait_until(lambda: not RecipientList.objects.exists())
    assert state(job) == State.DONE


def delete(deletion: BulkJob) -> None:
    try:
        bulk.carry_out(deletion.pk)
    finally:
        connection.close()


def test_a_list_is_not_deleted_under_an_import(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    news = RecipientList.objects.create(owner=owner, name="News")
    job = received(owner, "email\nanna@example.com\n")
    work.confirm_unseen(job, Mode.ADD_AND_UPDATE, Into([news]))
    in_the_middle_of("write", monkeypatch, lambda: in_a_thread(lambda: delete_at_once(news)))
    work.carry_out(job.pk)
    assert (state(job), news.members.count()) == (State.DONE, 1)


def delete_at_once(chosen: RecipientList) -> None:
    with connection.cursor() as cursor, suppress(OperationalError):
        cursor.execute("SET lock_timeout = '200ms'")
        chosen.delete()
