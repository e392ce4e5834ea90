"""Real processes: a mail server that journals what it takes, workers to kill, and the audit of what they leave."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.db import connection

from campaigns.models import MailingAttempt, MailingLog
from campaigns.models.attempt import FINAL_COUNTERS
from campaigns.models.log import Status

CONNECTIONS = 8
STALLED_SECONDS = 3


class Rig:
    """The mail server, its journal, and the workers that were started."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._journal = folder / "journal"
        self._journal.touch()
        self._processes: list[subprocess.Popen[str]] = []
        self._port = ""
        sink = self._start("-m", "campaigns.tests.crash.sink", str(self._journal))
        assert sink.stdout
        self._port = sink.stdout.readline().strip()

    def worker(self) -> subprocess.Popen[str]:
        return self._start("manage.py", "run_worker")

    def taken(self) -> list[str]:
        """The addresses whose mail the server took, in order."""
        return self._journal.read_text().splitlines()

    def wait_for(self, number: int) -> None:
        """Until the server has taken so many."""
        wait_until(lambda: len(self.taken()) >= number, self.logs)

    def wait_for_end(self, attempt: MailingAttempt) -> None:
        wait_until(lambda: not MailingAttempt.objects.unfinished().filter(pk=attempt.pk).exists(), self.logs)

    def logs(self) -> str:
        return "\n".join(path.read_text()[-3000:] for path in sorted(self._folder.glob("*.log")))

    def stop(self) -> None:
        for process in self._processes:
            process.kill()
        for process in self._processes:
            process.wait(10)
            if process.stdout:
                process.stdout.close()

    def _start(self, *arguments: str) -> subprocess.Popen[str]:
        log = self._folder / f"{len(self._processes)}.log"
        with log.open("w") as stderr:
            process = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=settings.BASE_DIR,
                env=os.environ | self._environment(),
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
            )
        self._processes.append(process)
        return process

    def _environment(self) -> dict[str, str]:
        database = connection.settings_dict
        return {
            "DJANGO_SETTINGS_MODULE": "backoffice.settings",
            "DEBUG": "True",
            "LOG_LEVEL": "WARNING",
            "DB_HOST": str(database["HOST"]),
            "DB_PORT": str(database["PORT"]),
            "DB_NAME": str(database["NAME"]),
            "DB_USER": str(database["USER"]),
            "DB_PASSWORD": str(database["PASSWORD"]),
            "EMAIL_BACKEND": settings.SMTP_BACKEND,
            "SMTP_HOST": "127.0.0.1",
            "SMTP_PORT": self._port,
            "SMTP_USE_TLS": "False",
            "SMTP_USE_SSL": "False",
            "SMTP_USER": "",
            "SENDING_CONNECTIONS": str(CONNECTIONS),
            "STALLED_WORKER_SECONDS": str(STALLED_SECONDS),
        }


@contextmanager
def running(folder: Path) -> Iterator[Rig]:
    rig = Rig(folder)
    try:
        yield rig
    finally:
        rig.stop()


def wait_until(condition: Callable[[], bool], explain: Callable[[], str] = str, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"It did not happen.\n{explain()}"
        time.sleep(0.005)


def freeze(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGSTOP)


def thaw(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGCONT)


def kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait(10)


def end(process: subprocess.Popen[str]) -> int:
    """Ask it to stop, and wait until it has."""
    process.terminate()
    return process.wait(30)


def audit(attempt: MailingAttempt, taken: list[str], in_doubt: int) -> int:
    """Compare what the mail server took with what the ledger says; returns how many rows are in doubt."""
    by_address = Counter(taken)
    rows = dict(MailingLog.objects.filter(attempt=attempt).values_list("email", "status"))
    sent = {email for email, status in rows.items() if status == Status.SENT}
    unconfirmed = {email for email, status in rows.items() if status == Status.UNCONFIRMED}
    assert {email for email, times in by_address.items() if times > 1} == set(), "sent twice"
    assert sent - by_address.keys() == set(), "the ledger says sent, and the server never took it"
    assert by_address.keys() - sent - unconfirmed == set(), "the server took it, and the ledger does not know"
    assert len(unconfirmed) <= in_doubt
    attempt = MailingAttempt.objects.get(pk=attempt.pk)
    assert attempt.finished_at
    assert attempt.open == 0
    assert (attempt.sent, attempt.unconfirmed) == (len(sent), len(unconfirmed))
    assert sum(getattr(attempt, name) for name in FINAL_COUNTERS) == attempt.total == len(rows)
    assert not attempt.chunks.filter(closed_at=None).exists()
    return len(unconfirmed)
