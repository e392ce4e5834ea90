"""Moves of an attempt that its mailing follows."""

from django.db import transaction
from django.utils import timezone

from campaigns.models import Mailing, MailingAttempt


@transaction.atomic
def pause(attempt: int, reason: str = "") -> bool:
    """Hold the attempt: no row is put in flight until it is resumed. False: it was neither queued nor running."""
    this = MailingAttempt.objects.filter(pk=attempt)
    if not this.pause(reason):
        return False
    Mailing.objects.filter(attempts__in=this.real()).move(Mailing.Status.PAUSED, of=(Mailing.Status.RUNNING,))
    return True


def finish(attempt: int) -> bool:
    """End the attempt if no row of it is open, and move its mailing on."""
    if not MailingAttempt.objects.filter(pk=attempt).finish():
        return False
    ended = MailingAttempt.objects.select_related("mailing").get(pk=attempt)
    if not (ended.dry_run or ended.test):
        _move_mailing_on(ended)
    return True


def _move_mailing_on(ended: MailingAttempt) -> None:
    mailing = Mailing.objects.filter(pk=ended.mailing_id)
    if ended.sent:
        mailing.update(last_sent_at=timezone.now())
    mailing.filter(next_run_at=None).move(Mailing.Status.FINISHED, of=Mailing.ACTIVE)
    mailing.exclude(next_run_at=None).move(Mailing.Status.SCHEDULED, of=Mailing.ACTIVE)
