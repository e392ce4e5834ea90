"""A PID file: one process has it, and is stopped by it; a number that is left over reaches nobody."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from backoffice.pid_file import AnotherRuns, PidFile

ROOT = Path(__file__).resolve().parents[2]
HOLDER = """
import sys, threading
from pathlib import Path
from backoffice.pid_file import PidFile
stop = threading.Event()
with PidFile(Path(sys.argv[1])).held(stop.set if sys.argv[2] == "obeys" else print):
    print("held", flush=True)
    stop.wait(60)
"""


@pytest.fixture
def pid_file(tmp_path: Path) -> PidFile:
    return PidFile(tmp_path / "run" / "some.pid")


def holder(pid_file: PidFile, manner: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", HOLDER, str(pid_file.path), manner]
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "backoffice.settings"}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


@pytest.fixture
def other(pid_file: PidFile) -> Iterator[subprocess.Popen[str]]:
    """Another process that has the file."""
    yield from holder(pid_file, "obeys")


@pytest.fixture
def deaf(pid_file: PidFile) -> Iterator[subprocess.Popen[str]]:
    """One that does not stop when asked."""
    yield from holder(pid_file, "is deaf")


def test_it_has_the_number_of_its_process_while_that_runs(pid_file: PidFile) -> None:
    with pid_file.held(lambda: None):
        assert pid_file.path.read_text() == f"{os.getpid()}\n"
    assert not pid_file.path.exists()


def test_a_second_process_is_refused_and_told_the_firsts_number(
    pid_file: PidFile, other: subprocess.Popen[str]
) -> None:
    with pytest.raises(AnotherRuns, match=f"Process {other.pid} runs here already"), pid_file.held(lambda: None):
        pass
    assert pid_file.number == str(other.pid)


def test_a_process_is_stopped_by_it(pid_file: PidFile, other: subprocess.Popen[str]) -> None:
    assert pid_file.ask_to_stop(60)
    assert other.wait(60) == 0


def test_one_that_does_not_stop_in_time_is_told(pid_file: PidFile, deaf: subprocess.Popen[str]) -> None:
    assert not pid_file.ask_to_stop(0.1)
    assert deaf.poll() is None


def test_the_number_of_a_process_that_died_reaches_nobody(pid_file: PidFile, other: subprocess.Popen[str]) -> None:
    other.kill()
    other.wait()
    pid_file.path.write_text(f"{os.getpid()}\n")  # given anew by the system: to us
    assert pid_file.ask_to_stop(60)
    assert not pid_file.path.exists()


def test_a_process_takes_the_place_of_one_that_died(pid_file: PidFile, other: subprocess.Popen[str]) -> None:
    other.kill()
    other.wait()
    with pid_file.held(lambda: None):
        assert pid_file.number == str(os.getpid())


def test_a_request_to_an_earlier_process_does_not_stop_the_next(pid_file: PidFile) -> None:
    pid_file.path.parent.mkdir()
    pid_file.path.with_suffix(".stop").touch()
    asked = threading.Event()
    with pid_file.held(asked.set):
        time.sleep(1)
    assert not asked.is_set()


def test_where_nothing_ever_ran_nothing_runs(pid_file: PidFile) -> None:
    assert pid_file.is_free()
    assert not pid_file.path.parent.exists()


def test_a_file_that_can_not_be_written_keeps_nobody_from_work(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    with PidFile(tmp_path / "file" / "some.pid").held(lambda: None):
        assert "The PID file can not be written" in caplog.text
