"""The mail servers that everybody is measured against."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from backoffice.embedded.processes import DETACHED, HOST, end, free_port

OWN_SINK = Path(__file__).with_name("sink.py")


@dataclass(frozen=True)
class Scenario:
    """A kind of mail server, and how many connections to it the product and smtp-source open."""

    name: str
    connections: int
    rtt_ms: int = 0
    dot_ms: int = 0

    @property
    def is_delayed(self) -> bool:
        return bool(self.rtt_ms or self.dot_ms)

    @property
    def bound(self) -> float | None:
        """What no client can exceed on so many connections: the server's own time for them."""
        return 1000 * self.connections / self.dot_ms if self.dot_ms else None


FAST = Scenario("fast", connections=256)
DELAY50 = Scenario("delay50", connections=256, dot_ms=50)
LINK = Scenario("link", connections=64, rtt_ms=20, dot_ms=20)
ALL = (FAST, DELAY50, LINK)
# A server that is slow enough for one worker with so few connections to leave it half idle.
SHARED = Scenario("shared", connections=64, dot_ms=50)


@dataclass(frozen=True)
class Sink:
    """A mail server that is up. `journal` is what it accepted, complete once it has stopped."""

    port: int
    journal: Path | None

    def accepted(self) -> list[tuple[float, str]]:
        """When it accepted whose mail."""
        if self.journal is None:
            return []
        lines = self.journal.read_text(encoding="utf-8").splitlines()
        return [(float(at), recipient) for at, recipient in (line.split(" ", 1) for line in lines)]


def program(name: str) -> str | None:
    """Where one of Postfix's programs is; Debian keeps them out of a user's path."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/lib/postfix/sbin")


@contextmanager
def sink(scenario: Scenario, directory: Path, *, own: bool = False) -> Iterator[Sink]:
    """Run the scenario's mail server: smtp-sink where nothing is delayed and it is installed, else our own."""
    port, journal = free_port(), directory / "journal"
    journal.unlink(missing_ok=True)
    postfix = None if own or scenario.is_delayed else program("smtp-sink")
    command = (
        [postfix, *_account(), "-m", "2000", f"{HOST}:{port}", "1000"] if postfix else _own(scenario, port, journal)
    )
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **DETACHED)
    try:
        _wait_for(port, process)
        yield Sink(port, None if postfix else journal)
    finally:
        end(process)


def _own(scenario: Scenario, port: int, journal: Path) -> list[str]:
    delays = ["--rtt-ms", str(scenario.rtt_ms), "--dot-ms", str(scenario.dot_ms)]
    return [sys.executable, str(OWN_SINK), "--port", str(port), *delays, "--journal", str(journal)]


def _account() -> list[str]:
    return ["-u", "nobody"] if os.geteuid() == 0 else []


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError), socket.create_connection((HOST, port), timeout=1):
            return
        time.sleep(0.02)
    raise RuntimeError("The mail server of the benchmark did not start.")
