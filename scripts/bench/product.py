"""The product from end to end: a stored mailing is launched as by its button, and a worker process delivers it."""

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import audience
from django.conf import settings
from django.db import connection
from django.db.models import Max
from process import cpu_seconds, peak_mb
from result import Failed, Run
from scenarios import Sink

from accounts.models import User
from backoffice.embedded.processes import DETACHED, HOST, end
from campaigns import lifecycle
from campaigns.models import Mailing, MailingAttempt, MailingLog, Message, Recipient
from campaigns.sending import jobs
from campaigns.sending.audience import expand, owners

NAME = "autosend"
ROOT = Path(__file__).resolve().parents[2]
SLOWEST_PER_SECOND = 50


class Product:
    """The product's database, with an audience as large as any run needs."""

    def __init__(self, recipients: int) -> None:
        self._owner = User.objects.create_user("bench@example.com")
        self._message = Message.objects.create(
            owner=self._owner, subject=audience.SUBJECT, body=audience.TEXT, body_html=audience.HTML
        )
        people = map(audience.person, range(recipients))
        Recipient.objects.bulk_create(
            (
                Recipient(owner=self._owner, email=one.email, full_name=one.name, attributes={"token": one.token})
                for one in people
            ),
            batch_size=5000,
        )
        self._mailings: dict[int, Mailing] = {}

    def mailing(self, recipients: int) -> Mailing:
        """A stored mailing to so many."""
        if recipients not in self._mailings:
            made = Mailing.objects.create(owner=self._owner, message=self._message, name=f"To {recipients}")
            made.add_to_audience(Recipient.objects.filter(pk__in=Recipient.objects.order_by("pk")[:recipients]))
            with connection.cursor() as cursor:
                cursor.execute("ANALYZE")
            self._mailings[recipients] = made
        return self._mailings[recipients]

    def run(self, to: Sink, connections: int, recipients: int, directory: Path) -> Run:
        """Launch a mailing, wait until its last row is settled, and see that everybody's is SENT."""
        mailing = self.mailing(recipients)
        with _worker(to, connections, directory / "worker.log") as worker:
            cpu_before, pressed_at = cpu_seconds(worker.pid), time.time()
            attempt = lifecycle.launch(mailing, self._owner)
            press = time.time() - pressed_at
            _wait_until_finished(attempt, worker, recipients)
            cpu, peak = cpu_seconds(worker.pid) - cpu_before, peak_mb(worker.pid)
        rows = MailingLog.objects.filter(attempt=attempt)
        sent = rows.filter(status=MailingLog.Status.SENT).count()
        if sent != recipients:
            raise Failed(f"{NAME}: {sent:,} of {recipients:,} rows are SENT.")
        expanded = attempt.expanded_at.timestamp() - pressed_at
        settled_at = rows.aggregate(at=Max("settled_at"))["at"].timestamp()
        return Run(
            recipients,
            settled_at - pressed_at,
            cpu,
            peak,
            {"pressed_at": pressed_at, "press": press, "expanded": expanded},
        )

    def rows_written_per_second(self, recipients: int) -> float:
        """How fast an audience becomes ledger rows when nothing else is done; they stay, and nobody gets them."""
        mailing = self.mailing(recipients)
        attempt = MailingAttempt.objects.create(mailing=mailing, from_email=audience.SENDER)
        began, among = time.perf_counter(), owners(mailing.pk)
        while attempt.expanded_at is None:
            expand(attempt.pk, among, jobs.SLICE_ROWS, settings.SENDING_CHUNK_ROWS)
            attempt.refresh_from_db()
        return recipients / (time.perf_counter() - began)


def check_journal(to: Sink, recipients: int) -> None:
    """See that a stopped server accepted exactly one mail for each. Raises Failed."""
    accepted = Counter(email for _at, email in to.accepted())
    wanted = {audience.person(number).email for number in range(recipients)}
    missing, twice = len(wanted - accepted.keys()), sum(count > 1 for count in accepted.values())
    if missing or twice or len(accepted) != recipients:
        raise Failed(f"{NAME}: {missing:,} addresses got no mail, {twice:,} got more than one.")


@contextmanager
def _worker(to: Sink, connections: int, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    environment = {
        **os.environ,
        "SMTP_HOST": HOST,
        "SMTP_PORT": str(to.port),
        "SENDING_CONNECTIONS": str(connections),
        "LOG_LEVEL": "WARNING",
    }
    with log.open("wb") as output:
        command = [sys.executable, str(ROOT / "manage.py"), "run_worker"]
        streams = {"stdin": subprocess.DEVNULL, "stdout": output, "stderr": output}
        process = subprocess.Popen(command, cwd=ROOT, env=environment, **streams, **DETACHED)
    try:
        _wait_until_ready(process, log)
        yield process
    finally:
        end(process)


def _wait_until_ready(worker: subprocess.Popen[bytes], log: Path) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_workers")
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and worker.poll() is None:
            cursor.execute("SELECT count(*) FROM procrastinate_workers")
            if cursor.fetchone() != (0,):
                time.sleep(0.5)
                return
            time.sleep(0.05)
    raise Failed(f"{NAME}: the worker did not start.\n{log.read_text()}")


def _wait_until_finished(attempt: MailingAttempt, worker: subprocess.Popen[bytes], recipients: int) -> None:
    deadline = time.monotonic() + 30 + recipients / SLOWEST_PER_SECOND
    while attempt.finished_at is None:
        if worker.poll() is not None:
            raise Failed(f"{NAME}: the worker ended.")
        if attempt.status == MailingAttempt.Status.PAUSED or time.monotonic() > deadline:
            raise Failed(
                f"{NAME}: {attempt.sent:,} of {attempt.total:,} sent, {attempt.status}: {attempt.server_response}"
            )
        time.sleep(0.1)
        attempt.refresh_from_db()
