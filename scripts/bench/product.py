"""The product from end to end: a stored mailing is launched as by its button, and a worker process delivers it."""

import json
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
from campaigns.sending.ledger.audience import expand, owners
from campaigns.sending.queue import jobs
from campaigns.sending.queue.worker import QUEUES

NAME = "autosend"
ROOT = Path(__file__).resolve().parents[2]
SLOWEST_PER_SECOND = 50

Worker = subprocess.Popen[bytes]


class Product:
    """The product's database, with an audience as large as any run needs."""

    def __init__(self, recipients: int) -> None:
        self._owner = User.objects.create_user("bench@example.com")
        self._message = Message.objects.create(
            owner=self._owner, subject=audience.SUBJECT, body=audience.TEXT, body_html=audience.HTML
        )
        self._import(recipients)
        self._mailings: dict[int, Mailing] = {}

    def _import(self, recipients: int) -> None:
        columns = "(owner_id, email, full_name, comment, attributes, created_at, updated_at)"
        with connection.cursor() as cursor, cursor.copy(f"COPY campaigns_recipient {columns} FROM STDIN") as copy:
            for one in map(audience.person, range(recipients)):
                token = json.dumps({"token": one.token})
                copy.write_row((self._owner.pk, one.email, one.name, "", token, "now", "now"))

    def mailing(self, recipients: int) -> Mailing:
        """A stored mailing to so many."""
        if recipients not in self._mailings:
            made = Mailing.objects.create(owner=self._owner, message=self._message, name=f"To {recipients}")
            made.add_to_audience(Recipient.objects.filter(pk__in=Recipient.objects.order_by("pk")[:recipients]))
            with connection.cursor() as cursor:
                cursor.execute("ANALYZE")
            self._mailings[recipients] = made
        return self._mailings[recipients]

    def run(self, to: Sink, connections: int, recipients: int, directory: Path, workers: int = 1) -> Run:
        """Launch a mailing, wait until its last row is settled, and see that everybody's is SENT.

        The CPU time is that of all workers, the memory that of the largest, the connections those of each.
        """
        mailing = self.mailing(recipients)
        with _workers(workers, to, connections, directory) as running:
            cpu_before, pressed_at = _cpu_seconds(running), time.time()
            attempt = lifecycle.launch(mailing, self._owner)
            press = time.time() - pressed_at
            _wait_until_finished(attempt, running, recipients)
            cpu, peak = _cpu_seconds(running) - cpu_before, max(peak_mb(worker.pid) for worker in running)
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
        """How fast an audience becomes ledger rows when nothing else is done. They are cancelled then: a worker that
        found them would deliver them."""
        mailing = self.mailing(recipients)
        attempt = MailingAttempt.objects.create(mailing=mailing, from_email=audience.SENDER)
        began, among = time.perf_counter(), owners(mailing.pk)
        while attempt.expanded_at is None:
            expand(attempt.pk, among, jobs.SLICE_ROWS, settings.SENDING_CHUNK_ROWS)
            attempt.refresh_from_db()
        seconds = time.perf_counter() - began
        lifecycle.cancel(mailing)
        return recipients / seconds


def check_journal(to: Sink, recipients: int) -> None:
    """See that a stopped server accepted exactly one mail for each. Raises Failed."""
    accepted = Counter(email for _at, email in to.accepted())
    wanted = {audience.person(number).email for number in range(recipients)}
    missing, twice = len(wanted - accepted.keys()), sum(count > 1 for count in accepted.values())
    if missing or twice or len(accepted) != recipients:
        raise Failed(f"{NAME}: {missing:,} addresses got no mail, {twice:,} got more than one.")


@contextmanager
def _workers(count: int, to: Sink, connections: int, directory: Path) -> Iterator[list[Worker]]:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_workers")
    logs = [directory / f"worker-{number}.log" for number in range(count)]
    running = [_start(to, connections, log) for log in logs]
    try:
        _wait_until_ready(running, logs)
        yield running
    finally:
        for worker in running:
            end(worker)


def _start(to: Sink, connections: int, log: Path) -> Worker:
    environment = {
        **os.environ,
        "SMTP_HOST": HOST,
        "SMTP_PORT": str(to.port),
        "SENDING_CONNECTIONS": str(connections),
        "LOG_LEVEL": "WARNING",
        "LOG_DIR": "",
    }
    with log.open("wb") as output:
        command = [sys.executable, str(ROOT / "manage.py"), "run_worker"]
        streams = {"stdin": subprocess.DEVNULL, "stdout": output, "stderr": output}
        return subprocess.Popen(command, cwd=ROOT, env=environment, **streams, **DETACHED)


def _wait_until_ready(workers: list[Worker], logs: list[Path]) -> None:
    with connection.cursor() as cursor:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and _all_run(workers):
            cursor.execute("SELECT count(*) FROM procrastinate_workers")
            # One for each queue that it takes jobs from.
            if cursor.fetchone() == (len(QUEUES) * len(workers),):
                time.sleep(0.5)
                return
            time.sleep(0.05)
    raise Failed(f"{NAME}: a worker did not start.\n" + "".join(log.read_text() for log in logs))


def _wait_until_finished(attempt: MailingAttempt, workers: list[Worker], recipients: int) -> None:
    deadline = time.monotonic() + 30 + recipients / SLOWEST_PER_SECOND
    while attempt.finished_at is None:
        if not _all_run(workers):
            raise Failed(f"{NAME}: a worker ended.")
        if attempt.status == MailingAttempt.Status.PAUSED or time.monotonic() > deadline:
            raise Failed(
                f"{NAME}: {attempt.sent:,} of {attempt.total:,} sent, {attempt.status}: {attempt.server_response}"
            )
        time.sleep(0.1)
        attempt.refresh_from_db()


def _all_run(workers: list[Worker]) -> bool:
    return all(worker.poll() is None for worker in workers)


def _cpu_seconds(workers: list[Worker]) -> float:
    return sum(cpu_seconds(worker.pid) for worker in workers)
