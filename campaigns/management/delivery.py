"""Following attempts from a terminal: a bar while a person watches, and the figures at the end."""

import hashlib
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.utils import parseaddr
from typing import Any

from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext as _
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from backoffice import pulse
from campaigns.models import MailingAttempt, MailingLog
from campaigns.models.attempt import FINAL_COUNTERS
from campaigns.sending.letters.composer import message_id
from campaigns.sending.queue import worker
from campaigns.sending.queue.jobs import QUEUE

AT_REST = ~Q(finished_at=None) | Q(status=MailingAttempt.Status.PAUSED)


def unattended() -> list[MailingAttempt]:
    """What should go on now."""
    return list(MailingAttempt.objects.unfinished().exclude(AT_REST).exclude(held_until__gt=Now()))


def jobs_wait() -> bool:
    """Whether imports or bulk changes wait for a worker, or one is at them."""
    return any(queue.name != QUEUE for queue in pulse.queues())


def deliver(attempts: list[MailingAttempt]) -> list[MailingAttempt]:
    """Work in the foreground until the attempts have ended or are paused; returns them as they are then."""
    return _work(attempts, lambda: False) if attempts else []


def deliver_and_carry_out(attempts: list[MailingAttempt]) -> list[MailingAttempt]:
    """As deliver(), and until no import or bulk change waits either."""
    return _work(attempts, jobs_wait) if attempts or jobs_wait() else []


def follow(attempts: list[MailingAttempt]) -> list[MailingAttempt]:
    """Watch workers deliver the attempts until they have ended or are paused."""
    with _bar(attempts) as at_rest:
        while not at_rest():
            time.sleep(0.25)
    return _reloaded(attempts)


def figures(attempt: MailingAttempt) -> dict[str, Any]:
    """What the ledger says of the attempt, by name."""
    counters = {name: getattr(attempt, name) for name in FINAL_COUNTERS}
    return {
        "attempt": attempt.pk,
        "mailing": attempt.mailing_id,
        "status": attempt.status,
        "reason": attempt.server_response,
        "total": attempt.total,
        **counters,
        "open": attempt.open,
        "message_ids_sha256": message_ids_digest(attempt),
    }


def message_ids_digest(attempt: MailingAttempt) -> str:
    """SHA-256 of the sorted Message-IDs of all letters sent, a line each, to compare with the server's journal."""
    _name, sender = parseaddr(attempt.from_email)
    rows = attempt.logs.filter(status=MailingLog.Status.SENT).values_list("pk", flat=True).iterator()
    ids = sorted(message_id(attempt, row, sender) for row in rows)
    return hashlib.sha256("\n".join(ids).encode()).hexdigest()


def sentence(attempt: MailingAttempt) -> str:
    """The figures for a person, in one line."""
    reason = f" ({attempt.server_response})" if attempt.server_response else ""
    return _("%(attempt)s of “%(mailing)s”: %(status)s%(reason)s; %(total)s rows: %(figures)s") % {
        "attempt": attempt,
        "mailing": attempt.mailing,
        "status": attempt.get_status_display(),
        "reason": reason,
        "total": attempt.total,
        "figures": ", ".join(_named_figures(attempt)),
    }


def _work(attempts: list[MailingAttempt], unless: Callable[[], bool]) -> list[MailingAttempt]:
    with _bar(attempts) as at_rest:
        worker.run(until=lambda: at_rest() and not unless())
    return _reloaded(attempts)


def _named_figures(attempt: MailingAttempt) -> Iterator[str]:
    for name in FINAL_COUNTERS:
        if count := getattr(attempt, name):
            field: Any = MailingAttempt._meta.get_field(name)
            yield f"{count} {field.verbose_name}"
    if attempt.open:
        yield _("%s open") % attempt.open


def succeeded(attempts: list[MailingAttempt]) -> bool:
    return all(attempt.status == MailingAttempt.Status.SUCCESS for attempt in attempts)


@contextmanager
def _bar(attempts: list[MailingAttempt]) -> Iterator[Callable[[], bool]]:
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not sys.stderr.isatty()) as progress:
        tasks = {a.pk: progress.add_task(str(a.mailing), total=a.total) for a in attempts}

        def at_rest() -> bool:
            for attempt in MailingAttempt.objects.filter(pk__in=tasks):
                progress.update(tasks[attempt.pk], completed=attempt.done)
            return not MailingAttempt.objects.filter(pk__in=tasks).exclude(AT_REST).exists()

        yield at_rest


def _reloaded(attempts: list[MailingAttempt]) -> list[MailingAttempt]:
    pks = [attempt.pk for attempt in attempts]
    return list(MailingAttempt.objects.select_related("mailing").filter(pk__in=pks).order_by("pk"))
