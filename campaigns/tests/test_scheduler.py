"""The clock, as processes: one leads, others stand by, and what ends them."""

import signal
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import execute_from_command_line
from django.db import connection
from django.utils import timezone
from django_apscheduler.models import DjangoJob, DjangoJobExecution

from backoffice import clock
from campaigns import lifecycle
from campaigns.models import Mailing
from campaigns.scheduler import LeaderLock
from campaigns.tests import factories
from campaigns.tests.processes import Process, running, wait_until

pytestmark = pytest.mark.django_db(transaction=True)

LEADS, STANDS_BY = "This scheduler leads.", "Another scheduler leads; standing by."
EACH_SECOND = ("run_scheduler", "--interval", "0.017")


@pytest.fixture
def lock() -> Iterator[LeaderLock]:
    lock = LeaderLock()
    yield lock
    lock.release()


def due() -> Mailing:
    mailing = factories.mailing(start_at=timezone.now() - timedelta(minutes=1))
    lifecycle.schedule(mailing)
    return mailing


def is_launched_once(mailing: Mailing) -> None:
    wait_until(lambda: mailing.attempts.exists())
    assert mailing.attempts.count() == 1


def end_session_of_leader() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name LIKE 'autosend-scheduler%' AND datname = current_database()"
        )
        assert cursor.rowcount


def leads(process: Process) -> None:
    process.says(LEADS)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_launches_what_is_due_and_stops_cleanly_when_asked(number: signal.Signals, tmp_path: Path) -> None:
    mailing = due()
    with running(tmp_path, "run_scheduler") as process:
        is_launched_once(mailing)
        process.send(number)
        assert process.end() == 0
        assert "The scheduler has stopped." in process.written
    assert mailing.attempts.get().triggered_by is None


def test_it_looks_again_and_again_also_where_cron_did_before(tmp_path: Path) -> None:
    clock.note_tick(timezone.now(), delivers=True)
    with running(tmp_path, *EACH_SECOND) as process:
        leads(process)
        wait_until(lambda: DjangoJobExecution.objects.filter(job="send_due_mailings", status="Executed").exists())
        is_launched_once(due())
    assert clock.cron_delivers()


def test_a_standby_takes_over_when_the_leader_is_killed(tmp_path: Path) -> None:
    with running(tmp_path, *EACH_SECOND) as leader:
        leads(leader)
        with running(tmp_path, *EACH_SECOND) as standby:
            standby.says(STANDS_BY)
            assert LEADS not in standby.written
            leader.send(signal.SIGKILL)
            leads(standby)
            is_launched_once(due())


def test_a_standby_stops_cleanly_when_asked_and_has_done_nothing(lock: LeaderLock, tmp_path: Path) -> None:
    wait_until(lock.acquire)
    assert lock._session
    lock._session.execute("SET idle_session_timeout = 0")  # nothing here shows that it lives
    with running(tmp_path, "run_scheduler") as standby:
        standby.says(STANDS_BY)
        standby.send(signal.SIGTERM)
        assert standby.end() == 0
    assert not DjangoJob.objects.exists()


def test_a_leader_that_loses_its_session_leaves_with_an_error(tmp_path: Path) -> None:
    with running(tmp_path, "run_scheduler") as leader:
        leads(leader)
        wait_until(lambda: DjangoJob.objects.exists())
        end_session_of_leader()
        assert leader.end() == 1
        assert "Leadership is lost" in leader.written


def test_the_lock_is_one_sessions_at_a_time(lock: LeaderLock) -> None:
    other = LeaderLock()
    wait_until(other.acquire)  # the server ends the session of an earlier leader a moment later
    assert not lock.acquire()
    other.release()
    wait_until(lock.acquire)


def test_all_jobs_are_done_soon_after_a_start(tmp_path: Path) -> None:
    with running(tmp_path, "run_scheduler") as process:
        leads(process)
        wait_until(lambda: DjangoJob.objects.filter(pk="prune_logs").exists())
    late = DjangoJob.objects.filter(next_run_time__gt=timezone.now() + timedelta(minutes=5))
    assert [job.pk for job in late] == []


def test_while_the_database_is_away_nobody_is_said_to_lead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connection.settings_dict, "PORT", 1)
    with running(tmp_path, "run_scheduler") as process:
        wait_until(lambda: process.written.count("The database does not answer") > 1)
        assert STANDS_BY not in process.written
    monkeypatch.undo()


def test_the_leaders_session_has_the_options_of_all_others(lock: LeaderLock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connection.settings_dict, "OPTIONS", {"sslmode": "disable"})
    wait_until(lock.acquire)
    assert lock._session
    assert lock._session.info.get_parameters()["sslmode"] == "disable"


@pytest.mark.parametrize("interval", ["abc", "", "0", "-1", "0.001", "1441", "nan", "inf", "1e300"])
def test_an_interval_that_can_not_be_is_refused_with_a_sentence(
    interval: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        execute_from_command_line(["manage.py", "run_scheduler", f"--interval={interval}"])
    assert ended.value.code == 2
    assert "argument --interval:" in capsys.readouterr().err
