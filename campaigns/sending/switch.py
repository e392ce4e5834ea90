"""The position of the switch that stops all sending. Who lifts a stop, and what goes on then, is stop.py's."""

from __future__ import annotations

from typing import Literal

from django.db import IntegrityError, connection, transaction
from django.utils.translation import gettext as _

from accounts.models import User
from campaigns.models import MailingAttempt, SendingStop
from campaigns.models.attempt import Status as AttemptStatus
from campaigns.sending.ledger import moves

# An arbitrary number that names the switch among PostgreSQL's advisory locks.
SWITCH_LOCK = 1_190_113_004


class StopError(Exception):
    """The switch is in that position already; the text says so to the person who pressed it."""


def press(by: User | None, reason: str) -> SendingStop:
    """Stop all sending: letters on their way settle, and none is begun until it is lifted.

    Every attempt under way is paused with the reason; those that were paused before stay so afterwards. Dry runs
    go on, they send nothing. `by` is None where no person has pressed. Raises StopError.
    """
    stop = _put_in_force(by, reason)
    # Apart, because it may have to wait: what is under way has stopped, and whoever begins now sees the stop.
    _pause_latecomers(stop)
    return stop


def keep() -> None:
    """Pause what goes on in spite of the stop that is in force, because whoever pressed it died in the middle."""
    if stop := SendingStop.objects.in_force():
        _pause_latecomers(stop)


@transaction.atomic
def _put_in_force(by: User | None, reason: str) -> SendingStop:
    try:
        with transaction.atomic():
            stop: SendingStop = SendingStop.objects.create(started_by=by, reason=reason)
    except IntegrityError as error:
        if "stop_one_in_force" in str(error):
            raise StopError(_("All sending is stopped already.")) from error
        raise
    _pause(stop)
    return stop


@transaction.atomic
def _pause_latecomers(stop: SendingStop) -> None:
    """Pause what had looked for a stop before there was one, and was committed after it."""
    lock("exclusive")
    if SendingStop.objects.filter(pk=stop.pk, ended_at=None).exists():
        _pause(stop)


def _pause(stop: SendingStop) -> None:
    moving = MailingAttempt.objects.filter(dry_run=False, status__in=(AttemptStatus.QUEUED, AttemptStatus.RUNNING))
    attempts = list(moving.order_by("pk").values_list("pk", flat=True))
    reason = str(stop)
    stop.attempts.add(*[attempt for attempt in attempts if moves.pause(attempt, reason)])


@transaction.atomic
def in_force() -> SendingStop | None:
    """The stop that is on, for whoever is about to begin something.

    None: what the caller's transaction begins is sent, or paused by a stop that comes meanwhile.
    """
    lock("shared")
    found: SendingStop | None = SendingStop.objects.in_force()
    return found


def lock(mode: Literal["shared", "exclusive"]) -> None:
    """Keep the switch where it is until the caller's transaction ends."""
    # Who is about to begin something shares it, for as long as an audience of
    # thousands takes to write; the stop waits for them only once it is in force.
    function = {"shared": "pg_advisory_xact_lock_shared", "exclusive": "pg_advisory_xact_lock"}[mode]
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}(%s)", [SWITCH_LOCK])
