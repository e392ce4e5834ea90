"""Commands as processes of their own, which work on this test's database."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 60


class Process:
    """A running `manage.py` command and what it has written so far."""

    def __init__(self, output: Path, *arguments: str) -> None:
        self._output = output
        with output.open("w") as file:
            command = [sys.executable, "manage.py", *arguments]
            self._process = subprocess.Popen(command, cwd=ROOT, env=environment(), stdout=file, stderr=file)

    @property
    def written(self) -> str:
        return self._output.read_text()

    @property
    def runs(self) -> bool:
        return self._process.poll() is None

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def end(self) -> int:
        """The exit status, once it has ended by itself."""
        return self._process.wait(PATIENCE_SECONDS)

    def says(self, words: str) -> None:
        """Wait until it has written that."""
        wait_until(lambda: words in self.written or not self.runs)
        assert words in self.written, self.written

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


@contextmanager
def running(directory: Path, *arguments: str) -> Iterator[Process]:
    """A `manage.py` command that does not outlive the test."""
    process = Process(directory / f"{time.monotonic_ns()}.txt", *arguments)
    try:
        yield process
    finally:
        process.kill()


def environment() -> dict[str, str]:
    """That of this process, with its test's database and mail server."""
    database: dict[str, Any] = connection.settings_dict
    mailer: dict[str, Any] = settings.MAILERS["default"]
    return {
        **os.environ,
        "DB_HOST": str(database["HOST"]),
        "DB_PORT": str(database["PORT"]),
        "DB_NAME": str(database["NAME"]),
        "DB_USER": str(database["USER"]),
        "DB_PASSWORD": str(database["PASSWORD"]),
        "REDIS_URL": settings.REDIS_URL,
        "SMTP_HOST": "127.0.0.1",
        "SMTP_PORT": str(mailer.get("OPTIONS", {}).get("port", 1)),
        "PYTHONUNBUFFERED": "1",
    }


def wait_until(holds: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "It did not happen in time."
        time.sleep(0.05)


def somebody_waits_for_a_lock() -> bool:
    """Whether a session of this test's database waits for what another one has locked."""
    return _another_session("wait_event_type = 'Lock'")


def somebody_is_at_work() -> bool:
    """Whether another session of this test's database runs a statement."""
    return _another_session("state = 'active'")


def _another_session(condition: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")  # or a transaction sees what it saw at first
        cursor.execute(
            "SELECT FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            f" AND backend_type = 'client backend' AND {condition}"
        )
        return cursor.fetchone() is not None
