"""`manage.py serve`, as a process."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 30


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture(params=["True", "False"])
def site(request: pytest.FixtureRequest) -> Iterator[tuple[int, bool]]:
    """Its port, and whether it believes a proxy."""
    port = free_port()
    variables = {"DEBUG": "False", "SECRET_KEY": "k" * 60, "TRUST_PROXY": request.param, "LOG_DIR": ""}
    command = [sys.executable, "-W", "ignore", "manage.py", "serve", "--port", str(port), "--threads", "1"]
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **variables}, stdout=subprocess.DEVNULL)
    try:
        wait_for(port)
        yield port, request.param == "True"
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_SECONDS) == 0
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
