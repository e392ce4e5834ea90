"""The usual ways to send from Python, each as a process of its own that runs peer.py."""

import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from result import Failed, Run
from scenarios import Scenario, Sink

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "requirements-bench.txt"
PROGRAM = Path(__file__).with_name("peer.py")
DATABASE = "peers"

POST_OFFICE = "django-post-office"
NAMES = (POST_OFFICE, "django-mailer", "django", "smtplib")
# What post_office is tried with: processes, and threads in each of them. A thread has a connection.
TRIED = ((2, 8), (2, 32), (8, 32))


class Peers:
    """The peers with their packages, which the product's environment does not have."""

    def __init__(self) -> None:
        self._packages = _packages()
        self._best: dict[str, tuple[int, int]] = {}
        self._start(["prepare"])

    def run(self, name: str, to: Sink, messages: int, how: tuple[int, int] = (1, 1)) -> Run:
        """Queue, where the peer has a queue, and send so many messages."""
        said = self._start([name, str(to.port), str(messages), *map(str, how)])
        seconds = said["queued_in"] + said["sent_in"]
        return Run(messages, seconds, said["cpu"], said["peak_mb"], {"sent_in": said["sent_in"]})

    def best(self, scenario: Scenario) -> tuple[int, int]:
        """Processes and threads with which post_office was the fastest."""
        return self._best[scenario.name]

    def remember_best(self, scenario: Scenario, tried: dict[tuple[int, int], Run]) -> None:
        self._best[scenario.name] = max(tried, key=lambda how: tried[how].per_second)

    def _start(self, arguments: list[str]) -> dict[str, float]:
        environment = {**os.environ, "PYTHONPATH": str(self._packages), "DB_NAME": DATABASE}
        done = subprocess.run(
            [sys.executable, str(PROGRAM), *arguments],
            env=environment,
            capture_output=True,
            text=True,
            errors="replace",
        )
        if done.returncode:
            raise Failed(f"{arguments[0]} failed:\n{done.stderr.strip()[-2000:]}")
        said: dict[str, float] = json.loads(done.stdout.strip().rpartition("\n")[2])
        return said


def _packages() -> Path:
    """Where the packages of requirements-bench.txt are: beside the environment, which stays as it is."""
    place = ROOT / ".local" / "bench" / hashlib.sha256(LOCK.read_bytes() + sys.version.encode()).hexdigest()[:12]
    if not place.exists():
        print(f"Installing the packages of {LOCK.name} …", flush=True)
        draft = place.with_name(f"draft-{os.getpid()}")
        exactly = ["--quiet", "--no-deps", "--require-hashes", "--only-binary=:all:", "--requirement", str(LOCK)]
        subprocess.run([*_installer(), *exactly, "--target", str(draft)], check=True)
        draft.rename(place)
    return place


def _installer() -> list[str]:
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip", "install", "--no-input", "--disable-pip-version-check"]
    if uv := shutil.which("uv"):
        return [uv, "pip", "install", "--python", sys.executable]
    raise Failed("There is neither pip nor uv to install the peers with.")
