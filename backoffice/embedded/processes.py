"""What both servers need of the machine: their wheel, a port, a process of their own."""

import socket
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

HOST = "127.0.0.1"

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
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def end(process: subprocess.Popen[bytes], patience: float = 10) -> None:
    """Ask the process to end, and make it end when it does not."""
    process.terminate()
    try:
        process.wait(timeout=patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
