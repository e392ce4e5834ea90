"""One process of a kind in a place: its number in a file, and a way to ask it to end that reaches no other.

No signal is sent: the number may be another's by now, and Windows has none that lets a process clean up. The process
holds a lock, which the system takes from it when it dies, and looks for a request beside the file.
"""

import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from io import TextIOWrapper
from pathlib import Path
from time import monotonic, sleep

from django.utils.translation import gettext as _
from portalocker import LOCK_EX, LOCK_NB, AlreadyLocked, LockException, lock

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.5


class AnotherRuns(Exception):
    """The place is taken; the text says by which process."""


class PidFile:
    """The file at `path`, with a `.lock` beside it, and a `.stop` while the process is asked to end."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock, self._request = path.with_suffix(".lock"), path.with_suffix(".stop")

    @contextmanager
    def held(self, stop: Callable[[], object]) -> Iterator[None]:
        """Be its process; `stop` is called when somebody asks for the end. Raises AnotherRuns.

        Where the file can not be written, as on a full disk, this is logged and the process does its work.
        """
        try:
            locked = self._taken()
        except (OSError, LockException) as error:
            logger.warning("The PID file can not be written, so nobody can stop this process by it: %s", error)
            yield
            return
        if locked is None:
            raise AnotherRuns(_("Process %s runs here already, says %s.") % (self.number or "?", self.path))
        with locked, self._watching(stop):
            try:
                yield
            finally:
                self.path.unlink(missing_ok=True)

    @property
    def number(self) -> str:
        """The number in the file, which tells nothing about whether the process lives; empty without one."""
        with suppress(OSError):
            return self.path.read_text().strip()
        return ""

    def ask_to_stop(self, patience: float) -> bool:
        """Ask its process to end, and wait for so many seconds; whether none runs then."""
        deadline = monotonic() + patience
        while not self.is_free():
            if monotonic() > deadline:
                return False
            self._request.touch()
            sleep(POLL_SECONDS)
        return True

    def is_free(self) -> bool:
        """Whether no process runs; what one that died has left behind is removed."""
        try:
            with self._lock.open("r+") as file:
                if not _locked(file):
                    return False
                self.path.unlink(missing_ok=True)
                self._request.unlink(missing_ok=True)
        except FileNotFoundError:
            return True
        return True

    def _taken(self) -> TextIOWrapper | None:
        """The lock, with our number in the file; None when another process has it."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with ExitStack() as closed:
            file = closed.enter_context(self._lock.open("a+"))
            if not _locked(file):
                return None
            self._request.unlink(missing_ok=True)
            self.path.write_text(f"{os.getpid()}\n")
            closed.pop_all()
        return file

    @contextmanager
    def _watching(self, stop: Callable[[], object]) -> Iterator[None]:
        ended = threading.Event()

        def watch() -> None:
            while not ended.wait(POLL_SECONDS):
                if self._request.exists():
                    logger.info("Asked to stop.")
                    stop()
                    return

        watcher = threading.Thread(target=watch, name="pid file")
        watcher.start()
        try:
            yield
        finally:
            ended.set()
            watcher.join()


def _locked(file: TextIOWrapper) -> bool:
    """Take the lock until the file is closed; False: another process has it."""
    try:
        lock(file, LOCK_EX | LOCK_NB)
    except AlreadyLocked:
        return False
    return True
