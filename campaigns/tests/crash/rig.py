"""Real processes around a PostgreSQL of their own: a mail server that journals what it takes, workers, schedulers."""

import os
import socket
import sys
import time
from collections.abc import Callable, Iterator, Sequence, Set
from contextlib import contextmanager, suppress
from pathlib import Path

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection

from backoffice.embedded.processes import free_port
from campaigns import lifecycle
from campaigns.models import MailingAttempt
from campaigns.tests import factories
from campaigns.tests.crash.cluster import Cluster
from campaigns.tests.crash.process import Process
from campaigns.tests.crash.reconciler import reconcile

CONNECTIONS = 8
STALLED_SECONDS = 3
EACH_SECOND = "0.017"


class Rig:
    """What runs, and the journal of what the mail server took."""

    def __init__(self, folder: Path, cluster: Cluster) -> None:
        self.cluster = cluster
        self._folder = folder
        self._journal = folder / "journal"
        self._journal.touch()
        self._port = free_port()
        self._processes: list[Process] = []

    def sink(self, seconds: float = 0.005, greylisting: float = 0) -> Process:
        """Start the mail server, or start it again.

        A letter takes it so many seconds; it puts an address off until it has known it for `greylisting` seconds.
        """
        arguments = map(str, (self._journal, self._address, self._port, seconds, greylisting))
        process = self._start("-m", "campaigns.tests.crash.sink", *arguments)
        wait_until(self._is_answered, self.logs)
        return process

    def worker(self, on: Sequence[str] = (), **environment: str) -> Process:
        return self.command("run_worker", on=on, **environment)

    def scheduler(self, on: Sequence[str] = ()) -> Process:
        """Start a clock that looks each second."""
        return self.command("run_scheduler", "--interval", EACH_SECOND, on=on, LOG_LEVEL="INFO")

    def command(self, *arguments: str, on: Sequence[str] = (), **environment: str) -> Process:
        """Start a command of manage.py; `on` comes before it and has it run somewhere else."""
        # The checks take 0.4 s of processor.
        return self._start("manage.py", *arguments, "--skip-checks", on=on, **environment)

    def taken(self) -> list[str]:
        """The addresses whose mail the server took, in order."""
        return self._journal.read_text().splitlines()

    def wait_for(self, number: int) -> None:
        """Until the server has taken so many."""
        wait_until(lambda: len(self.taken()) >= number, self.logs)

    def wait_for_end(self, attempt: MailingAttempt) -> None:
        """Until it has ended, and nobody has a chunk of it any more."""
        wait_until(lambda: _has_ended(attempt), self.logs)

    def reconcile(self, *attempts: MailingAttempt, in_doubt: int = 0) -> Set[str]:
        """Hold all that was launched against the journal; returns the addresses in doubt. Raises PromiseBroken."""
        return reconcile(attempts, self.taken(), in_doubt)

    def logs(self) -> str:
        return "\n".join(process.written[-3000:] for process in self._processes)

    def stop(self) -> None:
        for process in self._processes:
            process.kill()

    @property
    def _address(self) -> str:
        """The mail server's, which is beside PostgreSQL."""
        return self.cluster.addresses["DB_HOST"]

    def _start(self, *arguments: str, on: Sequence[str] = (), **environment: str) -> Process:
        log = self._folder / f"{len(self._processes)}.log"
        process = Process([*on, sys.executable, *arguments], self._environment() | environment, log)
        self._processes.append(process)
        return process

    def _environment(self) -> dict[str, str]:
        return {
            **os.environ,
            **self.cluster.addresses,
            "DJANGO_SETTINGS_MODULE": "backoffice.settings",
            "ENV_FILE": os.devnull,
            "DEBUG": "False",
            "SECRET_KEY": settings.SECRET_KEY,
            "LOG_LEVEL": "WARNING",
            "REDIS_URL": "",
            "EMAIL_BACKEND": settings.SMTP_BACKEND,
            "SMTP_HOST": self._address,
            "SMTP_PORT": str(self._port),
            "SMTP_USE_TLS": "False",
            "SMTP_USE_SSL": "False",
            "SMTP_USER": "",
            "SENDING_CONNECTIONS": str(CONNECTIONS),
            "SENDING_RETRY_SECONDS": "1",
            "STALLED_WORKER_SECONDS": str(STALLED_SECONDS),
        }

    def _is_answered(self) -> bool:
        with suppress(OSError), socket.create_connection((self._address, self._port), timeout=1):
            return True
        return False


@contextmanager
def running(folder: Path, cluster: Cluster) -> Iterator[Rig]:
    """No process outlives the block."""
    rig = Rig(folder, cluster)
    try:
        yield rig
    finally:
        rig.stop()


def launched(audience: int) -> MailingAttempt:
    """An attempt with so many recipients, which waits for a worker."""
    return lifecycle.launch(factories.mailing(audience=audience), None)


def wait_until(condition: Callable[[], bool], explain: Callable[[], str] = str, seconds: float = 90) -> None:
    """Until it holds; while the database is away, it does not."""
    deadline = time.monotonic() + seconds
    while not _holds(condition):
        assert time.monotonic() < deadline, f"It did not happen.\n{explain()}"
        time.sleep(0.01)


def _has_ended(attempt: MailingAttempt) -> bool:
    unfinished = MailingAttempt.objects.unfinished().filter(pk=attempt.pk).exists()
    return not unfinished and not attempt.chunks.filter(closed_at=None).exists()


def _holds(condition: Callable[[], bool]) -> bool:
    try:
        return condition()
    except (OperationalError, InterfaceError):
        connection.close()
        return False
