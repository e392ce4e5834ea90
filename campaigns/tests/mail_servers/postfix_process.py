"""Postfix, with the passwords of Cyrus SASL."""

import shutil
import subprocess
from pathlib import Path

from campaigns.tests.mail_servers.server import PASSWORD, USER, Server, find, free_ports, require, wait_until

MECHANISMS = {"plain": "PLAIN LOGIN CRAM-MD5", "login": "LOGIN", "cram-md5": "CRAM-MD5"}
QUEUES = ("maildrop", "incoming", "active", "deferred")


class Postfix(Server):
    """Delivers by itself. Its port `narrow` takes two connections at a time, and addresses of ASCII alone."""

    recipient_header = "X-Original-To"

    @classmethod
    def require(cls) -> None:
        require("postfix", "saslpasswd2", "openssl")

    def set_up(self) -> dict[str, int]:
        for name in ("config/sasl", "queue", "data", "mail"):
            (self.folder / name).mkdir(parents=True)
        for name in ("data", "mail"):
            shutil.chown(self.folder / name, "postfix", "postfix")
        owner = (self.folder / "mail").stat()
        ports = free_ports("starttls", "smtps", "login", "cram_md5", "narrow")
        for name in ("main.cf", "master.cf"):
            values = {"uid": owner.st_uid, "gid": owner.st_gid, **ports}
            self.write(name, self.folder / "config" / name, **values)
        self._write_passwords()
        subprocess.run([str(find("postfix")), "-c", self._config, "check"], check=True, capture_output=True)
        return ports

    def command(self) -> list[str]:
        asked = [str(find("postconf")), "-c", self._config, "-h", "daemon_directory"]
        daemons = subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()
        return [f"{daemons}/master", "-d", "-c", self._config]

    def deliver(self) -> None:
        queue = self.folder / "queue"
        wait_until(lambda: not any(_has_mail(queue / name) for name in QUEUES), self.log)

    @property
    def _config(self) -> str:
        return str(self.folder / "config")

    def _write_passwords(self) -> None:
        # Debian's Postfix looks beside main.cf, others where cyrus_sasl_config_path says.
        sasl = self.folder / "config" / "sasl"
        users = sasl / "users"
        added = [str(find("saslpasswd2")), "-p", "-c", "-f", str(users), "-u", "mail.test", USER]
        subprocess.run(added, input=PASSWORD, text=True, check=True, capture_output=True)
        users.chmod(0o644)
        for name, mechanisms in MECHANISMS.items():
            (sasl / f"{name}.conf").write_text(
                f"pwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: {users}\nmech_list: {mechanisms}\n"
            )


def _has_mail(folder: Path) -> bool:
    return any(path.is_file() for path in folder.rglob("*"))
