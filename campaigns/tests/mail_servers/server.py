"""What the mail servers have in common."""

import os
import random
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any, ClassVar

import pytest

from campaigns.tests.mail_servers import certificates

USER, PASSWORD, TOKEN = "ann", "secret", "token"
# The largest letter that the servers take, in bytes.
SIZE = 100_000
ROOT = Path(__file__).resolve().parents[3]
TEMPLATES = Path(__file__).parent / "templates"
PLACES = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/opt/mail-servers/usr/sbin"])
PATIENCE_SECONDS = 60
# Below the ports that systems give to connections (net.ipv4.ip_local_port_range), so that none is taken meanwhile.
PORTS = range(20_000, 32_000)
# The server ends with the tests, even if they are killed, and so do the processes that it has for connections.
UNTIL_STDIN_ENDS = '"$@" & read -r nothing; kill $!; wait; kill -KILL 0'


class Server:
    """A mail server in a folder of its own, which keeps what it takes in a maildir there.

    It lets in USER with PASSWORD, within TLS only, and refuses nobody@example.com. `ports` are: starttls, smtps, and
    two that offer no login but LOGIN and CRAM-MD5.
    """

    # The header in which it writes whom the envelope was for.
    recipient_header: ClassVar[str]
    pipelining: ClassVar[bool] = True

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="autosend-mail-"))
        self.folder.chmod(0o755)
        certificates.make(self.folder)
        self.ports = self.set_up()
        self._process = self._start()

    @classmethod
    def require(cls) -> None:
        """Skip the test where the server is not installed."""

    def set_up(self) -> dict[str, int]:
        """Write what it needs; returns its ports."""
        raise NotImplementedError

    def command(self) -> list[str]:
        """The command that runs it in the foreground."""
        raise NotImplementedError

    def deliver(self) -> None:
        """Until all that it took is in the maildir."""

    def options(self, way: str = "starttls", **others: Any) -> dict[str, Any]:
        """The mailer's options for that port."""
        secure = {"use_ssl": way == "smtps", "use_tls": way != "smtps", "ca": self.ca}
        login = {"username": USER, "password": PASSWORD}
        return {"host": "127.0.0.1", "port": self.ports[way], "timeout": 10, **secure, **login, **others}

    @property
    def ca(self) -> str:
        return (self.folder / certificates.CA).read_text()

    def letters(self) -> list[EmailMessage]:
        """What has arrived since the last call of forget()."""
        self.deliver()
        return [message_from_bytes(path.read_bytes(), policy=default) for path in self._arrived()]

    def recipients(self) -> list[str]:
        """Whom the envelopes of what has arrived were for."""
        return [str(letter[self.recipient_header]) for letter in self.letters()]

    def forget(self) -> None:
        self.deliver()
        for path in self._arrived():
            path.unlink()

    def log(self) -> str:
        return "\n".join(path.read_text(errors="replace")[-5000:] for path in sorted(self.folder.glob("*log")))

    def stop(self) -> None:
        self._process.communicate(timeout=PATIENCE_SECONDS)
        shutil.rmtree(self.folder, ignore_errors=True)

    def write(self, template: str, to: Path, **values: object) -> None:
        """Write a configuration file; @name@ in the template stands for a value."""
        text = (TEMPLATES / template).read_text()
        for name, value in {"folder": self.folder, "size": SIZE, "token": TOKEN, **values}.items():
            text = text.replace(f"@{name}@", str(value))
        to.write_text(text)

    def _arrived(self) -> list[Path]:
        return sorted((self.folder / "mail").glob("*/new/*"))

    def _start(self) -> "subprocess.Popen[bytes]":
        with (self.folder / "output.log").open("wb") as output:
            command = ["sh", "-c", UNTIL_STDIN_ENDS, "sh", *self.command()]
            process = subprocess.Popen(
                command, cwd=ROOT, start_new_session=True, stdin=subprocess.PIPE, stdout=output, stderr=output
            )
        wait_until(lambda: all(map(listens, self.ports.values())), explain=self.log)
        return process


def find(program: str) -> str | None:
    return shutil.which(program, path=PLACES)


def require(*programs: str, root: bool = True) -> None:
    """Skip the test where one of them is missing."""
    missing = [program for program in programs if not find(program)]
    if missing:
        pytest.skip(f"{', '.join(missing)} not found: .ci/mail-servers installs it on Debian and its kin")
    if root and os.geteuid() != 0:
        pytest.skip(f"{programs[0]} can only be started by root")


def free_ports(*names: str) -> dict[str, int]:
    free = (port for port in random.sample(PORTS, len(PORTS)) if not listens(port))
    return {name: next(free) for name in names}


def listens(port: int) -> bool:
    with socket.socket() as candidate:
        return candidate.connect_ex(("127.0.0.1", port)) == 0


def wait_until(holds: Callable[[], bool], explain: Callable[[], str]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, f"It did not happen in time.\n{explain()}"
        time.sleep(0.02)
