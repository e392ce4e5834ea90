"""The switch that stops all sending, and lets it go on where it was."""

from __future__ import annotations

from typing import Literal

from django.db import connection, transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from accounts.models import User
from campaigns.models import Chunk, Mailing, MailingAttempt, SendingStop
from campaigns.models.attempt import Status as AttemptStatus
from campaigns.sending import jobs, ledger

# An arbitrary number that names the switch among PostgreSQL's advisory locks.
SWITCH_LOCK = 1_190_113_004


class StopError(Exception):
    """The switch is in that position already; the text says so to the person who pressed it."""


@transaction.atomic
def press(by: User, reason: str) -> SendingStop:
    """Stop all sending: letters on their way settle, and none is begun until lift().

    Every attempt under way is paused with the reason; those that were paused before stay so afterwards. Dry runs
    go on, they send nothing. Raises StopError.
    """
    _lock("exclusive")
    if SendingStop.objects.in_force():
        raise StopError(_("All sending is stopped already."))
    stop: SendingStop = SendingStop.objects.create(started_by=by, reason=reason)
    moving = MailingAttempt.objects.filter(dry_run=False, status__in=(AttemptStatus.QUEUED, AttemptStatus.RUNNING))
    sentence = str(stop)
    stop.attempts.set(
        [attempt for attempt in moving.order_by("pk").values_list("pk", flat=True) if ledger.pause(attempt, sentence)]
    )
    return stop


@transaction.atomic
def lift(by: User) -> tuple[SendingStop, int]:
    """Let sending go on: the attempts that the stop had paused are resumed.

    Returns the stop that is over, and how many go on. Raises StopError.
    """
    _lock("exclusive")
    stop = SendingStop.objects.in_force()
    if not stop:
        raise StopError(_("Sending is not stopped."))
    SendingStop.objects.filter(pk=stop.pk).update(ended_at=Now(), ended_by=by)
    attempts = stop.attempts.select_related("triggered_by").order_by("pk")
    return stop, sum(_resume(attempt) for attempt in attempts)


@transaction.atomic
def in_force() -> SendingStop | None:
    """The stop that is on, for whoever is about to begin something: none can begin before the caller has committed."""
    _lock("shared")
    found: SendingStop | None = SendingStop.objects.in_force()
    return found


def _resume(attempt: MailingAttempt) -> bool:
    if not MailingAttempt.objects.filter(pk=attempt.pk).resume():
        return False  # cancelled meanwhile
    Mailing.objects.filter(pk=attempt.mailing_id).move(Mailing.Status.RUNNING, of=(Mailing.Status.PAUSED,))
    chunks = Chunk.objects.filter(attempt=attempt, closed_at=None).order_by("pk").values_list("pk", flat=True)
    email = attempt.triggered_by.email if attempt.triggered_by else "-"
    jobs.enqueue(list(chunks), attempt.request_id, email, urgent=True)
    return True


def _lock(mode: Literal["shared", "exclusive"]) -> None:
    # Held until the transaction ends: a launch that had begun is over before the stop looks for attempts, and one
    # that comes later sees the stop.
    function = {"shared": "pg_advisory_xact_lock_shared", "exclusive": "pg_advisory_xact_lock"}[mode]
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}(%s)", [SWITCH_LOCK])
