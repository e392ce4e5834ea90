"""A PostgreSQL that may be broken, for its data are only this rig's."""

import os
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from django.db import connection

from backoffice import embedded
from backoffice.embedded import postgresql
from backoffice.embedded.directory import sole_use
from backoffice.embedded.processes import HOST

PATIENCE_SECONDS = 30
NAMES = {"DB_HOST": "HOST", "DB_PORT": "PORT", "DB_NAME": "NAME", "DB_USER": "USER", "DB_PASSWORD": "PASSWORD"}


class Cluster:
    """A running PostgreSQL, with fsync on: what it says is committed survives any end of it."""

    def __init__(self, data: Path, addresses: dict[str, str]) -> None:
        self.addresses = addresses
        self._data, self._note = data, data / "postmaster.pid"
        # The one that start() started; pg_ctl's is nobody's child.
        self._server: subprocess.Popen[bytes] | None = None
        # What pg_ctl started it with, and the account that it runs as.
        self._command = shlex.split((data / "postmaster.opts").read_text())
        owner = data.stat()
        other = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}
        self._account: dict[str, Any] = other if owner.st_uid != os.geteuid() else {}

    def stop(self) -> None:
        """An immediate shutdown: every session is cut, nothing is flushed. Connections are refused from now on."""
        if self._note.exists():
            os.kill(int(self._note.read_text().splitlines()[0]), signal.SIGQUIT)
            self._wait_until(lambda: not self._note.exists())
        if self._server:
            self._server.wait(PATIENCE_SECONDS)

    def start(self) -> None:
        """Recover and serve again, at the same address."""
        quiet: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
        options: dict[str, Any] = {"cwd": self._data, "start_new_session": True, **quiet, **self._account}
        self._server = subprocess.Popen(self._command, **options)
        self._wait_until(self._serves)
        connection.close()  # Django's, if it leads here, was cut

    @contextmanager
    def away(self) -> Iterator[None]:
        """Down during the block."""
        self.stop()
        try:
            yield
        finally:
            self.start()

    def restart(self) -> None:
        """What `pg_ctl restart -m immediate` does."""
        with self.away():
            pass

    @contextmanager
    def reached_at(self, address: str, network: str) -> Iterator[None]:
        """Serve also the machines of a network, at that address of this thread's, during the block; down before and
        after it."""
        command, addresses, access = self._command, self.addresses, self._data / "pg_hba.conf"
        rules = access.read_text()
        access.write_text(f"{rules}host all all {network} trust\n")
        self._command = [part.replace(HOST, f"{HOST},{address}") for part in command]
        self.addresses = addresses | {"DB_HOST": address}
        try:
            self.start()
            yield
        finally:
            self.stop()
            access.write_text(rules)
            self._command, self.addresses = command, addresses

    @contextmanager
    def used(self) -> Iterator[None]:
        """Have Django's connection in this process lead here."""
        before = dict(connection.settings_dict)
        connection.close()
        connection.settings_dict.update({NAMES[name]: value for name, value in self.addresses.items()})
        try:
            yield
        finally:
            connection.close()
            connection.settings_dict.update(before)

    def _serves(self) -> bool:
        address = self.addresses
        try:
            psycopg.connect(host=address["DB_HOST"], port=address["DB_PORT"], user=address["DB_USER"]).close()
        except psycopg.OperationalError:
            return False
        return True

    def _wait_until(self, holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not holds():
            assert time.monotonic() < deadline, "PostgreSQL does not do what it was told."
            time.sleep(0.02)


@contextmanager
def running() -> Iterator[Cluster]:
    """A new, empty PostgreSQL, which is gone after the block."""
    # What a killed run leaves under this name, the next run of the tests removes.
    directory = Path(tempfile.mkdtemp(prefix="autosend-tests-")).resolve()
    try:
        with sole_use(directory), postgresql.server(directory, durable=True) as addresses:
            cluster = Cluster((directory / "postgresql" / "data").resolve(), addresses)
            try:
                yield cluster
            finally:
                cluster.stop()
    finally:
        embedded.erase(directory)
        shutil.rmtree(directory, ignore_errors=True)


def end_sessions() -> None:
    """End all sessions of Django's database but this one's."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
