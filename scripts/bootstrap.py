"""The environment of this project, made on demand: `.venv` with the packages of requirements-dev.txt.

Runs on any Python from 3.8 on, with the standard library alone, and finds the newer one that the project needs.
"""

from __future__ import annotations

import contextlib
import glob
import hashlib
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Iterator, List, Optional, Tuple

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements-dev.txt"
VENV = ROOT / ".venv"
WINDOWS = os.name == "nt"
PYTHON = VENV / ("Scripts/python.exe" if WINDOWS else "bin/python")
STAMP = VENV / "installed.sha256"

OLDEST = (3, 12)
PREFERRED = ("3.13", "3.14", "3.12")
# Debian ships a Python without the parts that make environments: better to hear of it before than halfway.
PROBE = (
    "import sys, ensurepip, venv;"
    "print(sys.version_info[0], sys.version_info[1], getattr(sys, '_base_executable', '') or sys.executable)"
)


def run_in_environment(argv: List[str]) -> int:
    """Run the environment's Python with these arguments, the environment made or repaired before; its exit code.

    The program takes this process over where the system can do that, so every signal reaches it and nothing else.
    """
    sys.stdout.reconfigure(errors="replace")  # a terminal may know no "…"
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # takes a running installer along
    try:
        ensure_environment()
    except BootstrapError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted. The next run starts over.", file=sys.stderr)
        return 130
    return _become([str(PYTHON), *argv])


def ensure_environment() -> None:
    """Make `.venv` what requirements-dev.txt says, or leave it alone when it is that already."""
    with _one_at_a_time():
        if not _is_complete():
            _remove_environment()
            _install(_make_environment())
            STAMP.write_text(_fingerprint())


class BootstrapError(Exception):
    """The environment cannot be made; the text is a sentence for the person who wanted it."""


def _is_complete() -> bool:
    """Whether the last installation came to its end, from this very lock, at this very place."""
    try:
        return os.access(str(PYTHON), os.X_OK) and STAMP.read_text() == _fingerprint()
    except OSError:
        return False


def _fingerprint() -> str:
    """Of the lock, of the Python beneath (written in pyvenv.cfg), and of the path that a moved environment lost."""
    made_of = [LOCK.read_bytes(), (VENV / "pyvenv.cfg").read_bytes(), str(VENV).encode()]
    return hashlib.sha256(b"\0".join(made_of)).hexdigest()


def _remove_environment() -> None:
    # Anew rather than repaired: a package cut off halfway can look whole to every installer.
    if not os.path.lexists(str(VENV)):
        return
    print("Removing the incomplete or outdated .venv …", flush=True)
    try:
        shutil.rmtree(str(VENV))
    except OSError as error:
        raise BootstrapError(f"{VENV} cannot be removed ({error.strerror}): remove it and start again.") from error


def _make_environment() -> Optional[str]:
    """Make an empty `.venv`; gives the path of a working uv, which needs no pip in it."""
    python, version = _find_python()
    uv = _find_uv()
    print(f"Making .venv with Python {version} …", flush=True)
    _run([python, "-I", "-m", "venv", *(["--without-pip"] if uv else []), str(VENV)], "The environment was not made")
    return uv


def _install(uv: Optional[str]) -> None:
    count = sum(line[:1].isalnum() for line in LOCK.read_text(encoding="utf-8").splitlines())
    print(f"Installing the {count} packages of {LOCK.name} with {'uv' if uv else 'pip'} …", flush=True)
    exactly = ["--quiet", "--no-deps", "--require-hashes", "--only-binary=:all:", "--requirement", str(LOCK)]
    installer = (
        [uv, "pip", "install", "--python", str(PYTHON)]
        if uv
        else [str(PYTHON), "-I", "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"]
    )
    _run([*installer, *exactly], "The packages were not installed")


def _run(command: List[str], complaint: str) -> None:
    environment = {**os.environ, "PIP_USER": "0"}  # a user's own default that pip refuses in an environment
    try:
        subprocess.run(command, check=True, env=environment, close_fds=False)
    except (OSError, subprocess.CalledProcessError) as error:
        raise BootstrapError(f"{complaint}; the reason stands above. Start again to repeat it.") from error


def _find_python() -> Tuple[str, str]:
    """The path and version of a Python that is new enough."""
    for candidate in _candidates():
        found = _probe(candidate)
        if found:
            return found
    raise BootstrapError(
        "This needs Python 3.12 or newer with its venv module, and found none. Install one (python.org, pyenv, "
        "brew install python, winget install Python.Python.3.13, apt install python3 python3-venv), or uv, and "
        "start again."
    )


def _candidates() -> Iterator[List[str]]:
    """Commands that may be such a Python, the likeliest first."""
    yield [sys.executable]
    for version in PREFERRED:
        if WINDOWS:
            yield ["py", f"-{version}"]
        yield [f"python{version}"]
    yield from (["python3"], ["python"])
    yield from ([path] for path in _installed_by_pyenv())
    yield from ([f"{directory}/python{version}"] for directory in _usual_places() for version in PREFERRED)
    yield from _downloaded_by_uv()


def _installed_by_pyenv() -> List[str]:
    # Not Path.glob: it raises where PYENV_ROOT, inherited from another account, may not be read.
    home = os.environ.get("PYENV_ROOT") or str(Path.home() / ".pyenv")
    places = ["versions/3.1[2-9]*/bin/python", "pyenv-win/versions/3.1[2-9]*/python.exe"]
    patterns = [os.path.join(home, place) for place in places]  # noqa: PTH118
    return sorted((found for pattern in patterns for found in glob.glob(pattern)), reverse=True)  # noqa: PTH207


def _usual_places() -> List[str]:
    return [] if WINDOWS else ["/usr/local/bin", "/opt/homebrew/bin", "/usr/bin", str(Path.home() / ".local/bin")]


def _downloaded_by_uv() -> Iterator[List[str]]:
    uv = _find_uv()
    if uv:
        print("No Python 3.12 or newer is installed here; asking uv for one …", flush=True)
        subprocess.run([uv, "python", "install", PREFERRED[0]], check=False)
        found = subprocess.run([uv, "python", "find", PREFERRED[0]], check=False, stdout=subprocess.PIPE)
        yield [found.stdout.decode().strip()]


def _find_uv() -> Optional[str]:
    uv = shutil.which("uv")
    return uv if uv and _output_of([uv, "--version"]) else None


def _probe(command: List[str]) -> Optional[Tuple[str, str]]:
    """The path and version behind a command, if it is there, works (a shim of pyenv may not) and is new enough."""
    words = _output_of([*command, "-I", "-c", PROBE]).split(maxsplit=2)
    if len(words) < 3 or (int(words[0]), int(words[1])) < OLDEST:
        return None
    return words[2], f"{words[0]}.{words[1]}"


def _output_of(command: List[str]) -> str:
    try:
        done = subprocess.run(
            command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, timeout=30
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.decode(errors="replace").strip()


def _become(command: List[str]) -> int:
    sys.stdout.flush()
    if not WINDOWS:
        os.execv(command[0], command)  # noqa: S606
    with subprocess.Popen(command) as program:
        while True:
            # The console sends Ctrl-C to the program as well: it decides, this one waits.
            with contextlib.suppress(KeyboardInterrupt):
                return program.wait()


@contextlib.contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Let a second run wait while the first one installs; Windows has no such lock."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    with LOCK.open("rb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            print("Another run is making .venv; waiting for it …", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        os.set_inheritable(lock.fileno(), True)  # an installer that outlives a killed run holds the lock on
        yield


if __name__ == "__main__":
    try:
        ensure_environment()
    except BootstrapError as error:
        sys.exit(str(error))
    print(f"{VENV} is ready.")
