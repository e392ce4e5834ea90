"""`manage.py serve`, as a process."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest

from backoffice.embedded.processes import free_port

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 60


@pytest.fixture(params=["True", "False"])
def site(request: pytest.FixtureRequest) -> Iterator[tuple[int, bool]]:
    """Its port, and whether it believes a proxy."""
    with serving(TRUST_PROXY=request.param) as (port, _process):
        yield port, request.param == "True"


@contextmanager
def serving(**variables: str) -> Iterator[tuple[int, subprocess.Popen]]:
    """The port and process of a site that does not outlive the test."""
    port = free_port()
    environment = {**os.environ, "DEBUG": "False", "SECRET_KEY": "k" * 60, "LOG_DIR": "", **variables}
    command = [sys.executable, "-W", "ignore", "manage.py", "serve", "--port", str(port), "--threads", "1"]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    try:
        wait_for(port)
        yield port, process
    finally:
        process.kill()
        process.wait()


def wait_for(port: int) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        with socket.socket() as client:
            if not client.connect_ex(("127.0.0.1", port)):
                return
        assert time.monotonic() < deadline
        time.sleep(0.1)


def status(port: int, scheme: str) -> int:
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)
    connection.request("GET", "/", headers={"X-Forwarded-Proto": scheme})
    code = connection.getresponse().status
    connection.close()
    return code


def test_a_proxy_that_brings_https_is_believed_where_that_is_set_and_nowhere_else(site: tuple[int, bool]) -> None:
    port, trusted = site
    assert status(port, "http") == 301
    assert status(port, "https") == (302 if trusted else 301)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals.")
def test_asked_to_stop_it_answers_the_request_under_way_and_ends_with_0(number: signal.Signals) -> None:
    with silent_database() as database, serving(DB_HOST="127.0.0.1", DB_PORT=port_of(database)) as (port, process):
        client = HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)
        client.request("GET", "/health/ready")
        asked, _address = database.accept()
        process.send_signal(number)
        # The database goes away, and the page can say so. The listener first, or it would be asked once more.
        database.close()
        asked.close()
        assert client.getresponse().status == 503
        assert process.wait(PATIENCE_SECONDS) == 0
        client.close()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--host", "no host"), "“no host” is not an address of this machine."),
        (("--port", "70000"), "70000 is not a port: give a number from 0 to 65535."),
        (("--port", "-1"), "-1 is not a port: give a number from 0 to 65535."),
    ],
)
def test_an_address_that_can_not_be_is_refused_with_a_sentence(arguments: tuple[str, str], sentence: str) -> None:
    assert refusal(*arguments) == f"CommandError: {sentence}"


def test_a_port_that_is_taken_is_refused_with_a_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        sentence = f"Port {port_of(taken)} can not be used: Address already in use."
        assert refusal("--port", port_of(taken)) == f"CommandError: {sentence}"


def refusal(*arguments: str) -> str:
    """What it says where it can not listen."""
    command = [sys.executable, "-W", "ignore", "manage.py", "serve", *arguments]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        try:
            said = process.communicate(timeout=PATIENCE_SECONDS)[1]
        finally:
            process.kill()
    assert process.returncode == 1
    return said.strip()


def silent_database() -> socket.socket:
    """What takes a connection and says nothing."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(PATIENCE_SECONDS)
    return listener


def port_of(listener: socket.socket) -> str:
    return str(listener.getsockname()[1])
