"""The switch that stops all sending, and lets it go on where it was."""

from __future__ import annotations

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from accounts.models import User
from campaigns.models import Chunk, Mailing, MailingAttempt, SendingStop
from campaigns.sending import home
from campaigns.sending.queue import jobs
from campaigns.sending.switch import StopError, in_force, lock, press

__all__ = ["StopError", "in_force", "lift", "press"]


@transaction.atomic
def lift(by: User) -> tuple[SendingStop, int]:
    """Let sending go on: the attempts that the stop had paused are resumed.

    Returns the stop that is over, and how many mailings go on. A copy of the database is at home from then on.
    Raises StopError.
    """
    if not settings.SENDING_ENABLED:
        raise StopError(_("Nothing is sent here: SENDING_ENABLED is off."))
    lock("exclusive")
    stop = SendingStop.objects.in_force()
    if not stop:
        raise StopError(_("Sending is not stopped."))
    SendingStop.objects.filter(pk=stop.pk).update(ended_at=Now(), ended_by=by)
    home.settle()
    attempts = stop.attempts.select_related("triggered_by").order_by("pk")
    return stop, sum(_resume(attempt) and not attempt.test for attempt in attempts)


def _resume(attempt: MailingAttempt) -> bool:
    if not MailingAttempt.objects.filter(pk=attempt.pk).resume():
        return False  # cancelled meanwhile
    if not attempt.test:
        Mailing.objects.filter(pk=attempt.mailing_id).move(Mailing.Status.RUNNING, of=(Mailing.Status.PAUSED,))
    chunks = Chunk.objects.filter(attempt=attempt, closed_at=None).order_by("pk").values_list("pk", flat=True)
    email = attempt.triggered_by.email if attempt.triggered_by else "-"
    jobs.enqueue(list(chunks), attempt.request_id, email, urgent=True, held_until=attempt.held_until)
    return True
