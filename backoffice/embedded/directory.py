"""The directory that a run keeps its data in: its owner, its lock, its private files."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import EmbeddedServerError


@contextmanager
def sole_use(directory: Path) -> Iterator[None]:
    """Make the directory and hold its lock, which the system frees however this process ends."""
    _make(directory)
    _refuse_another_owner(directory)
    with (directory / "servers.lock").open("a") as lock:
        try:
            _lock(lock.fileno())
        except OSError:
            raise EmbeddedServerError(f"Another run is using {directory}: stop it first.") from None
        yield


def write_private(file: Path, text: str) -> None:
    """Write a file that only its owner may read; readers see all of it or nothing."""
    draft = file.with_suffix(".new")
    draft.touch(mode=0o600)
    draft.write_text(text)
    draft.replace(file)


def _make(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EmbeddedServerError(f"{directory} cannot be made: {error.strerror}.") from error


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

    def _refuse_another_owner(_: Path) -> None:
        """Windows has its own say about who may write where."""

else:
    import fcntl
    import pwd

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _refuse_another_owner(directory: Path) -> None:
        number = directory.stat().st_uid
        if number != os.geteuid():
            owner = _account_name(number)
            raise EmbeddedServerError(f"{directory} belongs to {owner}: run this as {owner}, or remove it first.")

    def _account_name(number: int) -> str:
        try:
            return pwd.getpwuid(number).pw_name
        except KeyError:
            return f"user {number}"
