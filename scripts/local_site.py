"""What quickstart.py shows once the environment is there: a whole site on this machine, and a delivered mailing."""

import json
import os
import secrets
import socket
import subprocess
import sys
import time
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from typing import Any

from children import ROOT, Children
from quickstart import parse

from backoffice import embedded
from backoffice.embedded.processes import DETACHED

HOST = "127.0.0.1"
LOCAL = ROOT / ".local"
RECIPIENTS = ROOT / "scripts" / "demo" / "recipients.csv"
CATCHER = ROOT / "scripts" / "mail_catcher.py"

SERVERS = {"PostgreSQL": "DB_HOST", "Valkey": "REDIS_URL"}  # started unless the environment names one

# The commands of manage.py; where a reply is named, it is a JSON value in the last line of the output.
MIGRATE = ("migrate", "--verbosity", "0")
SEED_MANAGERS = ("seed_managers", "--json", "--password")  # [{role, email, password}]
SEED_DEMO = ("seed_demo", "--json", "--recipients", str(RECIPIENTS), "--password")  # logins, mailing
SEND = ("send_mailing", "--enqueue", "--wait", "--json", "--id")  # the ledger's counters; the bar goes to stderr
WORKER = ("run_worker",)
SCHEDULER = ("run_scheduler",)
SERVE = ("serve", "--port")
UNSENT = ("errors", "skipped", "unconfirmed", "cancelled", "open")


class SiteError(Exception):
    """The site cannot run; the text says why, to the person who started it."""


def main() -> int:
    options = parse()
    try:
        if options.fresh:
            say("Removing the local data of earlier runs …")
            embedded.erase(LOCAL)
        if missing := [name for name, variable in SERVERS.items() if not os.environ.get(variable)]:
            say(f"Starting {' and '.join(missing)} …")
        with embedded.servers(LOCAL) as addresses:
            return LocalSite(addresses).run(options.port, serve=not options.no_serve)
    except (embedded.EmbeddedServerError, SiteError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        say("\nInterrupted; everything is stopped.")
        return 130


class LocalSite:
    """Everything that runs beside the servers, on ports that were free."""

    def __init__(self, addresses: dict[str, str]) -> None:
        self._smtp_port, self._page_port = next_free_port(1025), next_free_port(8025)
        # What .env says is about another site, perhaps the one that people work with.
        self._environment = {**os.environ, **addresses, **self._settings(), "ENV_FILE": os.devnull}

    def run(self, port: int, *, serve: bool) -> int:
        # For commands in another terminal.
        embedded.publish(LOCAL, self._settings())
        say("Preparing the database …")
        self._manage(*MIGRATE)
        with Children(LOCAL, self._environment) as children:
            self._start_sending(children)
            logins, mailing = self._make_data()
            arrived = self._show_a_mailing(children, mailing)
            if not serve:
                return 0 if arrived else 1
            return self._serve(children, port, logins)

    def _settings(self) -> dict[str, str]:
        return {
            "DEBUG": os.environ.get("DEBUG", "True"),
            "PYTHONUNBUFFERED": "1",
            "LOG_LEVEL": os.environ.get("LOG_LEVEL", "WARNING"),
            "LOG_DIR": str(LOCAL / "logs"),
            "DEFAULT_FROM_EMAIL": os.environ.get("DEFAULT_FROM_EMAIL", "Message AutoSend <news@example.com>"),
            # Whatever the user's own settings say: the demonstration reaches nobody but the catcher.
            "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
            "SMTP_HOST": HOST,
            "SMTP_PORT": str(self._smtp_port),
            "SMTP_USE_TLS": "False",
            "SMTP_USE_SSL": "False",
            "SMTP_USER": "",
            "SMTP_PASSWORD": "",
        }

    def _make_data(self) -> tuple[list[dict[str, str]], int]:
        """Everybody's login, and the mailing to send."""
        say("Making the demo data, and importing 1,000 recipients …")
        password = demo_password()
        managers = last_json(self._manage(*SEED_MANAGERS, password))
        demo = last_json(self._manage(*SEED_DEMO, password))
        superuser, *operators = demo["logins"]
        return [superuser, *managers, *operators], demo["mailing"]

    def _manage(self, *arguments: str) -> str:
        """Run a short command of manage.py to its end; its output, or its complaint as an error."""
        done = subprocess.run(
            manage(*arguments), cwd=ROOT, env=self._environment, capture_output=True, text=True, errors="replace"
        )
        if done.returncode:
            raise SiteError(f"manage.py {arguments[0]} failed:\n{(done.stderr or done.stdout).strip()}")
        return done.stdout

    def _start_sending(self, children: Children) -> None:
        say("Starting the mail catcher, a worker and the scheduler …")
        doors = ["--smtp-port", str(self._smtp_port), "--http-port", str(self._page_port)]
        children.start("mail catcher", [sys.executable, str(CATCHER), *doors, "--journal", str(LOCAL / "mail.jsonl")])
        children.start("worker", manage(*WORKER))
        children.start("scheduler", manage(*SCHEDULER))

    def _show_a_mailing(self, children: Children, mailing: int) -> bool:
        for port in (self._page_port, self._smtp_port):
            wait_until(lambda port=port: listens(port), children)
        say("Sending them a personalised mailing …")
        ledger = self._send(children, mailing)
        accepted = self._accepted(ledger["attempt"])
        say(report(ledger, accepted))
        return exactly_once(ledger, accepted)

    def _send(self, children: Children, mailing: int) -> dict[str, Any]:
        command = manage(*SEND, str(mailing))
        piped: dict[str, Any] = {"stdout": subprocess.PIPE, "text": True, **DETACHED}
        with subprocess.Popen(command, cwd=ROOT, env=self._environment, **piped) as sending:
            try:
                wait_until(lambda: sending.poll() is not None, children, patience=float("inf"))
            finally:
                sending.terminate()
            output = sending.stdout.read() if sending.stdout else ""
        if sending.returncode not in (0, 1):  # 1: some letters were not sent, which the report tells
            raise SiteError(f"manage.py {SEND[0]} failed with exit status {sending.returncode}.")
        return last_json(output)

    def _accepted(self, attempt: int) -> dict[str, Any]:
        """What the catcher accepted for the attempt, asked without regard to proxies."""
        connection = HTTPConnection(HOST, self._page_port, timeout=30)
        try:
            connection.request("GET", f"/api/accepted?attempt={attempt}")
            return json.load(connection.getresponse())
        except (OSError, HTTPException, ValueError) as error:
            raise SiteError(f"The mail catcher does not answer: {error}.") from error
        finally:
            connection.close()

    def _serve(self, children: Children, wanted: int, logins: list[dict[str, str]]) -> int:
        port = next_free_port(wanted)
        if port != wanted:
            say(f"Port {wanted} is busy, so the admin takes port {port}.")
        children.start("admin", manage(*SERVE, str(port)))
        try:
            wait_until(lambda: listens(port), children)
            say(f"\nAdmin         http://{HOST}:{port}/\nMail catcher  http://{HOST}:{self._page_port}/\n")
            say(table([("Role", "E-mail", "Password"), *map(login_row, logins)]))
            say("\nCtrl-C stops everything.")
            wait_until(lambda: False, children, patience=float("inf"))
        except (KeyboardInterrupt, SystemExit):
            say("\nStopping …")
        return 0


def manage(*arguments: str) -> list[str]:
    # The checks would take 0.4 s of processor in each of the seven.
    return [sys.executable, str(ROOT / "manage.py"), *arguments, "--skip-checks"]


def wait_until(condition: Any, children: Children, patience: float = 30) -> None:
    """Wait while all children live; one that ends, or patience that does, is an error with a log to read."""
    deadline = time.monotonic() + patience
    while not condition():
        if fallen := children.fallen():
            status = fallen.process.returncode
            raise SiteError(
                f"The {fallen.name} ended unexpectedly with exit status {status}. "
                f"The end of {fallen.log.relative_to(ROOT)}:\n{fallen.last_lines()}"
            )
        if time.monotonic() > deadline:
            raise SiteError(f"Something did not start within {patience:.0f} seconds; see {LOCAL / 'logs'}.")
        time.sleep(0.1)


def demo_password() -> str:
    """One password for all demonstration users, made up at the first run and kept."""
    file = LOCAL / "password"
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(secrets.token_urlsafe(9))
    return file.read_text()


def last_json(output: str) -> Any:
    return json.loads(output.strip().rpartition("\n")[2])


def exactly_once(ledger: dict[str, Any], accepted: dict[str, Any]) -> bool:
    """Whether everyone's mail was sent by the ledger, and the server took those very mails, one for each."""
    counts = {ledger["total"], ledger["sent"], accepted["accepted"], accepted["distinct"]}
    return len(counts) == 1 and ledger["message_ids_sha256"] == accepted["message_ids_sha256"]


def report(ledger: dict[str, Any], accepted: dict[str, Any]) -> str:
    same = ledger["message_ids_sha256"] == accepted["message_ids_sha256"]
    rows = [
        ("", "Ledger", "Mail server"),
        ("Mails", f"{ledger['sent']:,} sent", f"{accepted['accepted']:,} accepted"),
        ("Recipients", f"{ledger['total']:,}", f"{accepted['distinct']:,}"),
        ("Missing", "", f"{max(0, ledger['total'] - accepted['distinct']):,}"),
        ("Duplicates", "", f"{accepted['accepted'] - accepted['distinct']:,}"),
        *((name.capitalize(), f"{ledger[name]:,}", "") for name in UNSENT if ledger[name]),
        ("Message-IDs", "", "the same" if same else "others"),
    ]
    seconds = max(accepted["seconds"], 0.001)
    speed = f"{accepted['accepted']:,} mails in {seconds:.1f} s, {accepted['accepted'] / seconds:,.0f} a second."
    verdict = "Every mail arrived exactly once." if exactly_once(ledger, accepted) else "Not every mail arrived once!"
    return f"\n{table(rows)}\n\n{speed} {verdict}"


def login_row(login: dict[str, str]) -> tuple[str, ...]:
    return login["role"], login["email"], login["password"]


def table(rows: list[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection((HOST, port), timeout=1):
        return True
    return False


def next_free_port(wanted: int) -> int:
    return next((port for port in range(wanted, min(wanted + 100, 65536)) if _is_free(port)), wanted)


def _is_free(port: int) -> bool:
    if listens(port):
        return False
    with socket.socket() as probe:
        if os.name != "nt":  # a port whose last connections linger is free; on Windows this would share it
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with suppress(OSError):
            probe.bind((HOST, port))
            return True
    return False


def say(sentence: str) -> None:
    print(sentence, flush=True)


if __name__ == "__main__":
    sys.exit(main())
