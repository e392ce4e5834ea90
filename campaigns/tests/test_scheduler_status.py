"""Who leads, when it last looked, and how it is stopped."""

import os
import signal
import socket
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from django_apscheduler.models import DjangoJob, DjangoJobExecution

from backoffice import clock
from campaigns.scheduler import LeaderLock
from campaigns.tests.processes import running, wait_until

pytestmark = pytest.mark.django_db(transaction=True)

MINUTE = timedelta(minutes=1)
STANDS_BY = "Another scheduler leads; standing by."


@pytest.fixture
def leader() -> Iterator[LeaderLock]:
    """This process leads."""
    lock = LeaderLock()
    wait_until(lock.acquire)  # the server ends the session of an earlier leader a moment later
    assert lock._session
    lock._session.execute("SET idle_session_timeout = 0")  # nothing here shows that it lives
    yield lock
    lock.release()


def ticked(*ages: timedelta, status: str = DjangoJobExecution.SUCCESS, interval: timedelta = MINUTE) -> None:
    """There were looks so long ago, the last one first."""
    now = timezone.now()
    next_run = now - ages[0] + interval
    job, _made = DjangoJob.objects.update_or_create(pk=clock.TICK, defaults={"next_run_time": next_run})
    for age in ages:
        DjangoJobExecution.objects.create(job=job, run_time=now - age, status=status)


def status() -> int:
    try:
        call_command("scheduler_status")
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


def test_the_leader_is_known_by_process_host_and_time(leader: LeaderLock) -> None:
    found = clock.look().leader
    assert found
    assert (found.pid, found.host) == (os.getpid(), socket.gethostname()[: len(found.host)])
    assert timedelta(seconds=-2) < timezone.now() - found.since < MINUTE


def test_nobody_leads_when_the_leader_is_gone(leader: LeaderLock) -> None:
    leader.release()
    wait_until(lambda: clock.look().leader is None)


def test_one_that_stands_by_is_no_leader(leader: LeaderLock) -> None:
    standby = LeaderLock()
    assert not standby.acquire()
    leader.release()
    wait_until(lambda: clock.look().leader is None)
    standby.release()


@pytest.mark.parametrize(
    ("age", "late"), [(timedelta(0), False), (MINUTE * 2.5, False), (MINUTE * 3.1, True), (timedelta(days=3), True)]
)
def test_it_is_late_after_three_intervals(age: timedelta, late: bool) -> None:
    ticked(age, age + MINUTE)
    assert clock.look().is_late == late


def test_a_longer_interval_has_more_patience() -> None:
    ticked(MINUTE * 25, MINUTE * 35, interval=MINUTE * 10)
    assert clock.look().interval == MINUTE * 10
    assert not clock.look().is_late


def test_a_second_start_soon_after_another_is_not_taken_for_the_interval() -> None:
    start = timedelta(seconds=4)
    ticked(MINUTE, MINUTE + start, MINUTE * 6, MINUTE * 11, interval=MINUTE * 5)
    assert clock.look().interval == MINUTE * 5 - start


def test_a_pause_is_not_taken_for_the_interval() -> None:
    ticked(MINUTE * 4, MINUTE * 4 + timedelta(days=1))
    assert clock.look().interval == MINUTE
    assert clock.look().is_late


def test_looks_that_fail_are_none() -> None:
    ticked(MINUTE * 4, MINUTE * 5)
    ticked(MINUTE, status=DjangoJobExecution.ERROR)
    assert clock.look().is_late


def test_a_leader_that_has_just_begun_is_not_late(leader: LeaderLock) -> None:
    ticked(timedelta(days=1))
    assert clock.look().is_well


def test_where_there_was_never_a_scheduler_nothing_is_late() -> None:
    assert not clock.look().is_late


def test_the_status_is_good_while_one_leads_and_looks(leader: LeaderLock, capsys: pytest.CaptureFixture[str]) -> None:
    ticked(MINUTE)
    assert status() == 0
    told = capsys.readouterr().out
    assert f"Process {os.getpid()} on " in told
    assert "It last looked for due mailings at " in told


def test_the_status_is_bad_without_a_leader(capsys: pytest.CaptureFixture[str]) -> None:
    ticked(MINUTE)
    assert status() == 1
    assert "No scheduler leads." in capsys.readouterr().out


def test_stop_scheduler_stops_it_and_a_second_one_is_refused_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.LOG_DIR = tmp_path / "logs"
    monkeypatch.setenv("LOG_DIR", str(settings.LOG_DIR))
    with running(tmp_path, "run_scheduler") as first:
        first.says("This scheduler leads.")
        wait_until(lambda: clock.look().last_tick is not None)
        with running(tmp_path, "run_scheduler") as second:
            assert second.end() == 3
            assert "runs here already" in second.written
        call_command("stop_scheduler")
        assert first.end() == 0
    assert "has stopped." in capsys.readouterr().out
    [run, jobs] = [
        "".join(file.read_text() for file in settings.LOG_DIR.glob(f"scheduler/{name}_*.log"))
        for name in ("run", "jobs")
    ]
    assert "This scheduler leads." in run
    assert "job=send_due_mailings The job is done." in jobs


def test_a_standby_is_stopped_too(leader: LeaderLock, tmp_path: Path) -> None:
    place = f"--pid-file={tmp_path / 'standby.pid'}"
    with running(tmp_path, "run_scheduler", place) as standby:
        standby.says(STANDS_BY)
        call_command("stop_scheduler", place)
        assert standby.end() == 0


def test_one_that_is_frozen_is_told(leader: LeaderLock, tmp_path: Path) -> None:
    place = f"--pid-file={tmp_path / 'frozen.pid'}"
    with running(tmp_path, "run_scheduler", place) as frozen:
        frozen.says(STANDS_BY)
        frozen.send(signal.SIGSTOP)
        with pytest.raises(CommandError, match=r"process \d+, has not stopped yet"):
            call_command("stop_scheduler", place, wait=0.1)


def test_a_place_that_can_not_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "its.lock").mkdir()
    with pytest.raises(CommandError, match=r"its\.lock: Is a directory\. Call this as the scheduler's own user\."):
        call_command("stop_scheduler", f"--pid-file={tmp_path / 'its.pid'}")


def test_without_a_place_for_the_file_it_asks_for_one() -> None:
    with pytest.raises(CommandError, match="LOG_DIR is empty") as raised:
        call_command("stop_scheduler")
    assert raised.value.returncode == 2
