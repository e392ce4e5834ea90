"""What both servers need of the machine: their wheel, a port, a process of their own."""

import socket
import subprocess
import sys
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from random import SystemRandom
from typing import Any

HOST = "127.0.0.1"
# Below those that the systems choose from when a program names none, and for the near end of a connection.
PORTS = range(20_000, 32_000)

# Out of the terminal's process group: its Ctrl-C is ours to act on, in order.
DETACHED: dict[str, Any]
if sys.platform == "win32":
    DETACHED = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
else:
    DETACHED = {"start_new_session": True}


def wheel(name: str) -> Path | None:
    """Where a wheel is installed, without importing it."""
    spec = find_spec(name)
    places = spec.submodule_search_locations if spec else None
    return Path(places[0]) if places else None


def free_port() -> int:
    """A port that nobody listens at, and that the system gives to nobody before it is used."""
    return next(port for port in SystemRandom().sample(PORTS, len(PORTS)) if _is_free(port))


def _is_free(port: int) -> bool:
    with socket.socket() as probe, suppress(OSError):
        probe.bind((HOST, port))
        return True
    return False


def end(process: subprocess.Popen[bytes], patience: float = 10) -> None:
    """Ask the process to end, and make it end when it does not."""
    process.terminate()
    try:
        process.wait(timeout=patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
