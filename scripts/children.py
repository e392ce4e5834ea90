"""Child processes that run beside each other: stopped in reverse order, and never left behind.

Even a SIGKILL leaves none: a guard, this very file run as a program, reads their numbers from a pipe and ends them
when the pipe closes without a farewell.
"""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from backoffice import embedded  # noqa: E402
from backoffice.embedded.interrupts import interrupts_held  # noqa: E402
from backoffice.embedded.processes import DETACHED, end  # noqa: E402

FAREWELL = "done"
PATIENCE = 10


@dataclass(frozen=True)
class Child:
    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def last_lines(self, count: int = 15) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-count:])


class Children:
    """The processes of one run in this directory; their output goes to its logs."""

    def __init__(self, directory: Path, environment: dict[str, str]) -> None:
        self._logs = directory / "logs"
        self._logs.mkdir(parents=True, exist_ok=True)
        self._environment = environment
        self._children: list[Child] = []
        guard = [sys.executable, __file__, str(directory)]
        self._guard = subprocess.Popen(guard, stdin=subprocess.PIPE, text=True, **DETACHED)

    def __enter__(self) -> "Children":
        return self

    def __exit__(self, *_: object) -> None:
        with interrupts_held():
            for child in reversed(self._children):
                end(child.process, PATIENCE)
            self._guard.communicate(FAREWELL)

    def start(self, name: str, command: list[str]) -> Child:
        log = self._logs / f"{name.replace(' ', '-')}.log"
        with interrupts_held(), log.open("wb") as output:
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                **DETACHED,
            )
            self._children.append(child := Child(name, process, log))
            print(process.pid, file=self._guard.stdin, flush=True)
        return child

    def fallen(self) -> Child | None:
        """The first child that has ended; none should before all are stopped."""
        return next((child for child in self._children if child.process.poll() is not None), None)


def guard(directory: Path) -> None:
    """Wait for the farewell; without it, end the children, then the servers they worked on."""
    words = sys.stdin.read().split()
    if FAREWELL in words:
        return
    numbers = [int(word) for word in words]
    _signal(numbers, signal.SIGTERM)
    deadline = time.monotonic() + PATIENCE
    while _signal(numbers, 0) and time.monotonic() < deadline:
        time.sleep(0.1)
    _signal(numbers, getattr(signal, "SIGKILL", signal.SIGTERM))
    with suppress(embedded.EmbeddedServerError):  # the next run was faster and stopped them
        embedded.stop_leftovers(directory)


def _signal(numbers: list[int], signal_number: int) -> bool:
    """Send the signal; whether anyone was there to get it."""
    reached = False
    for number in numbers:
        with suppress(OSError):
            os.kill(number, signal_number)
            reached = True
    return reached


if __name__ == "__main__":
    guard(Path(sys.argv[1]))
