"""Run pytest on servers of its own; scripts/test.py makes the environment and calls this."""

import os
import secrets
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from backoffice import embedded  # noqa: E402

PREFIX = "autosend-tests-"
SETTINGS = {
    "ENV_FILE": os.devnull,
    "DEBUG": "False",
    "LOG_DIR": "",
    "SECRET_KEY": secrets.token_urlsafe(50),
    "ALLOWED_HOSTS": "localhost,127.0.0.1,testserver",
    # A test that forgets to start a mail server of its own reaches nobody.
    "SMTP_HOST": "127.0.0.1",
    "SMTP_PORT": "1",
}
IN_PARALLEL = ["-n", "auto", "--dist", "loadfile"]
IN_ONE_PROCESS = ("-n", "--numprocesses", "-s", "--capture=no", "--pdb", "--trace", "--co", "-h", "--help", "--version")


def main() -> int:
    _remove_abandoned()
    directory = Path(tempfile.mkdtemp(prefix=PREFIX))
    try:
        with embedded.servers(directory, durable=False) as addresses:
            return _pytest(sys.argv[1:], {**os.environ, **SETTINGS, **addresses})
    except embedded.EmbeddedServerError as error:
        sys.exit(f"The tests have no servers to run on. {error}")
    finally:
        embedded.erase(directory)


def _pytest(arguments: list[str], environment: dict[str, str]) -> int:
    how = [] if any(argument.startswith(IN_ONE_PROCESS) for argument in arguments) else IN_PARALLEL
    pytest = subprocess.Popen([sys.executable, "-m", "pytest", *how, *arguments], cwd=ROOT, env=environment)
    try:
        while True:
            with suppress(KeyboardInterrupt):  # the terminal told pytest as well: it ends its run and reports
                return _exit_code(pytest.wait())
    finally:
        if pytest.poll() is None:
            pytest.terminate()
            pytest.wait()


def _exit_code(status: int) -> int:
    return status if status >= 0 else 128 - status


def _remove_abandoned() -> None:
    """Clear up after runs that were killed; those that are under way, or are another user's, refuse."""
    for directory in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with suppress(embedded.EmbeddedServerError, OSError):
            embedded.erase(directory)


if __name__ == "__main__":
    sys.exit(main())
