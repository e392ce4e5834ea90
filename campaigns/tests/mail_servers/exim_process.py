"""Exim, which also takes the access token TOKEN (XOAUTH2)."""

import shutil
import subprocess

import pytest

from campaigns.tests.mail_servers.server import Server, find, free_ports, require

# Debian's Exim does not start without it.
OWNER = "Debian-exim"
LETTERS_PER_CONNECTION = 30


class Exim(Server):
    """Hangs up after LETTERS_PER_CONNECTION; keeps mail in its queue until it is told to deliver it."""

    recipient_header = "Envelope-to"

    @classmethod
    def require(cls) -> None:
        require("exim4", "openssl")
        if subprocess.run(["id", OWNER], capture_output=True, check=False).returncode:
            pytest.skip(f"there is no user {OWNER}: .ci/mail-servers makes it")

    def set_up(self) -> dict[str, int]:
        for name in ("spool", "mail"):
            (self.folder / name).mkdir()
        for path in (self.folder, self.folder / "spool", self.folder / "mail"):
            shutil.chown(path, OWNER)
        ports = free_ports("starttls", "smtps", "login", "cram_md5")
        self.write("exim.conf", self.folder / "exim.conf", exim=find("exim4"), letters=LETTERS_PER_CONNECTION, **ports)
        return ports

    def command(self) -> list[str]:
        return [*self._exim, "-bdf"]

    def deliver(self) -> None:
        subprocess.run([*self._exim, "-qff"], check=True, capture_output=True, timeout=60)

    @property
    def _exim(self) -> list[str]:
        return [str(find("exim4")), "-C", str(self.folder / "exim.conf")]
