"""PostgreSQL and Valkey for a machine that has neither.

The servers come as wheels of the development group. They listen on free ports of 127.0.0.1, keep their data
under one directory, and live as long as the `servers()` block that started them. What the environment names
already (`DB_HOST`, `REDIS_URL`) is used as it is. Needs no Django.
"""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from . import postgresql, shelter, valkey
from .directory import sole_use, write_private
from .errors import EmbeddedServerError
from .interrupts import interrupts_held, termination_unwinds

__all__ = ["EmbeddedServerError", "erase", "publish", "running", "servers", "stop_leftovers"]


@contextmanager
def servers(directory: Path, *, durable: bool = True) -> Iterator[dict[str, str]]:
    """Run the servers that the environment does not name; yields the variables that lead to them.

    One run at a time for a directory. Nothing is left running after the block, also when Ctrl-C, SIGTERM or a
    closed terminal ended it; what a run killed with SIGKILL left running is stopped by the next one.
    `durable=False` trades safety from power cuts for speed.
    """
    with termination_unwinds(), ExitStack() as started:
        try:
            with interrupts_held():
                addresses = _start(started, directory.resolve(), durable=durable)
            yield addresses
        finally:
            with interrupts_held():
                started.close()


def running(directory: Path) -> dict[str, str]:
    """The addresses of the servers that are up for this directory now, else nothing."""
    try:
        addresses: dict[str, str] = json.loads((directory / "servers.json").read_text())
    except (OSError, ValueError):
        return {}
    return addresses if postgresql.answers(int(addresses.get("DB_PORT", 0))) else {}


def publish(directory: Path, more: dict[str, str]) -> None:
    """Have running() tell these variables too, until the servers of this directory stop."""
    write_private(directory / "servers.json", json.dumps(running(directory) | more))


def stop_leftovers(directory: Path) -> None:
    """Stop what a killed run left running for this directory; refuse while another run is using it."""
    directory = directory.resolve()
    if directory.exists():
        with sole_use(directory):
            _stop_leftovers(directory)


def erase(directory: Path) -> None:
    """Remove everything that was kept for this directory; refuse while another run is using it."""
    stop_leftovers(directory)
    shelter.remove(directory.resolve())
    shutil.rmtree(directory, ignore_errors=True)


def _start(started: ExitStack, directory: Path, *, durable: bool) -> dict[str, str]:
    started.enter_context(sole_use(directory))
    _stop_leftovers(directory)
    addresses: dict[str, str] = {}
    if not os.environ.get("DB_HOST"):
        addresses |= started.enter_context(postgresql.server(directory, durable=durable))
    if not os.environ.get("REDIS_URL"):
        addresses |= started.enter_context(valkey.server(directory))
    started.enter_context(_published(directory / "servers.json", addresses))
    return addresses


def _stop_leftovers(directory: Path) -> None:
    postgresql.stop(directory)
    valkey.stop(directory)
    (directory / "servers.json").unlink(missing_ok=True)


@contextmanager
def _published(file: Path, addresses: dict[str, str]) -> Iterator[None]:
    write_private(file, json.dumps(addresses))
    try:
        yield
    finally:
        file.unlink(missing_ok=True)
