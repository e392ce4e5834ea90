"""The embedded servers, as the people who start, interrupt and kill them see them."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from backoffice.embedded import EmbeddedServerError, erase, running, servers

ROOT = Path(__file__).resolve().parents[2]
HOLD = """
import pathlib, sys, time
from backoffice.embedded import servers
with servers(pathlib.Path(sys.argv[1]), durable=False) as addresses:
    print(addresses["DB_PORT"], addresses["REDIS_URL"].rpartition(":")[2].partition("/")[0], flush=True)
    time.sleep(60)
"""

pytestmark = [pytest.mark.skipif(sys.platform == "win32", reason="signals and owners are POSIX here")]


@pytest.fixture(autouse=True)
def _machine_without_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DB_HOST", "REDIS_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "local"
    erase(tmp_path / "local")


def test_yields_a_postgresql_that_knows_letters_beyond_ascii(directory: Path) -> None:
    with servers(directory, durable=False) as addresses, connect(addresses) as connection:
        connection.execute("CREATE EXTENSION pg_trgm")
        assert connection.execute("SELECT upper('ёж'), show_trgm('ёж') <> '{}'").fetchone() == ("ЁЖ", True)


def test_yields_a_valkey_that_wants_its_password(directory: Path) -> None:
    with servers(directory, durable=False) as addresses:
        address = addresses["REDIS_URL"].rpartition("@")[2].removesuffix("/0").split(":")
        with socket.create_connection((address[0], int(address[1]))) as stranger:
            stranger.sendall(b"PING\r\n")
            assert stranger.recv(64).startswith(b"-NOAUTH")


def test_stops_both_servers_at_the_end(directory: Path) -> None:
    with servers(directory, durable=False) as addresses:
        pass
    assert not listens(int(addresses["DB_PORT"]))
    assert not listens(int(addresses["REDIS_URL"].rpartition(":")[2].removesuffix("/0")))


def test_keeps_the_data_for_the_next_run(directory: Path) -> None:
    with servers(directory, durable=False) as addresses, connect(addresses) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    with servers(directory, durable=False) as addresses, connect(addresses) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)


def test_starts_from_nothing_after_the_data_were_erased(directory: Path) -> None:
    with servers(directory, durable=False) as addresses, connect(addresses) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    erase(directory)
    with servers(directory, durable=False) as addresses, connect(addresses) as connection:
        assert connection.execute("SELECT to_regclass('kept')").fetchone() == (None,)


def test_tells_where_the_servers_are_only_while_they_run(directory: Path) -> None:
    with servers(directory, durable=False) as addresses:
        assert running(directory) == addresses
    assert running(directory) == {}


def test_starts_nothing_that_the_environment_names(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_HOST", "db.example.com")
    monkeypatch.setenv("REDIS_URL", "redis://cache.example.com/0")
    with servers(directory) as addresses:
        assert addresses == {}


def test_refuses_a_second_run_for_the_same_directory(directory: Path) -> None:
    with (
        servers(directory, durable=False),
        pytest.raises(EmbeddedServerError, match="Another run is using"),
        servers(directory),
    ):
        pass


def test_refuses_a_directory_of_another_account(directory: Path) -> None:
    if os.geteuid() == 0:
        directory.mkdir()
        os.chown(directory, 65534, -1)
    theirs = directory if os.geteuid() == 0 else Path("/usr")
    with pytest.raises(EmbeddedServerError, match="belongs to"), servers(theirs):
        pass
    if os.geteuid() == 0:
        os.chown(directory, 0, -1)


def test_the_next_run_stops_what_a_killed_one_left_running(directory: Path) -> None:
    with hold(directory) as run:
        left = ports_of(run)
        run.kill()
    with servers(directory, durable=False):
        assert [port for port in left if listens(port)] == []


def test_a_stale_note_of_a_process_does_not_harm_its_namesake(directory: Path) -> None:
    with servers(directory, durable=False):
        note = directory / "postgresql/data/postmaster.pid"
        lines = note.read_text().splitlines()
    with subprocess.Popen(["sleep", "30"]) as bystander:
        note.write_text("\n".join([str(bystander.pid), *lines[1:]]))
        with servers(directory, durable=False):
            assert bystander.poll() is None
        bystander.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("moment", [0.25, 0.6])
def test_leaves_nothing_running_when_interrupted_while_it_starts(
    directory: Path, number: signal.Signals, moment: float
) -> None:
    with hold(directory) as run:
        time.sleep(moment)
        run.send_signal(number)
        run.wait(timeout=120)
    assert not (directory / "postgresql/data/postmaster.pid").exists()
    assert not (directory / "valkey/url").exists()


def hold(directory: Path) -> subprocess.Popen[str]:
    """A process that keeps the servers up for a minute."""
    command = [sys.executable, "-c", HOLD, str(directory)]
    return subprocess.Popen(command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


def ports_of(run: subprocess.Popen[str]) -> list[int]:
    assert run.stdout is not None
    return [int(port) for port in run.stdout.readline().split()]


def connect(addresses: dict[str, str]) -> psycopg.Connection[tuple[object, ...]]:
    host, port, name = addresses["DB_HOST"], addresses["DB_PORT"], addresses["DB_NAME"]
    return psycopg.connect(host=host, port=int(port), dbname=name, user=addresses["DB_USER"], autocommit=True)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
