"""Processes to disturb."""

import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from django.conf import settings

PATIENCE_SECONDS = 30


class Process:
    """A running command, and its log."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self._log = log
        with log.open("w") as output:
            self._process = subprocess.Popen(
                command,
                cwd=settings.BASE_DIR,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    @property
    def runs(self) -> bool:
        return self._process.poll() is None

    @property
    def written(self) -> str:
        return self._log.read_text(errors="replace")

    def freeze(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def fill_disk(self) -> None:
        """Let it write to no file from now on (Linux)."""
        import resource

        resource.prlimit(self._process.pid, resource.RLIMIT_FSIZE, (0, 0))

    def kill(self) -> None:
        """End it at once, asleep or awake."""
        self._process.kill()
        self.status()

    def ask_to_stop(self) -> None:
        self._process.terminate()

    def end(self) -> int:
        """Ask it to stop; its exit status, once it has."""
        self.ask_to_stop()
        return self.status()

    def status(self) -> int:
        """Its exit status, once it has ended by itself; negative: the signal that killed it."""
        return self._process.wait(PATIENCE_SECONDS)
