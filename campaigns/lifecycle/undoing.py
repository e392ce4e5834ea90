"""A launch taken back before its first letter has left."""

import logging

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import User
from campaigns.lifecycle.errors import NotNow
from campaigns.models import Mailing, MailingAttempt
from campaigns.models.mailing import Status
from campaigns.sending.ledger import resolution

logger = logging.getLogger(__name__)


def undo(mailing: Mailing, by: User) -> Status:
    """Take back the launch whose letters are still held back; returns the state that the mailing has again.

    The attempt and its rows are CANCELLED, and count for nothing: who was in it is new as before. Raises
    LifecycleError.
    """
    with transaction.atomic():
        attempt, status = _take_back(mailing, by)
    # Apart, because it locks chunks, which come before the attempt. A worker does it where this process dies.
    resolution.close_cancelled(attempt.pk)
    logger.info("Attempt %s of mailing %s was undone", attempt.pk, mailing.pk)
    return status


def _take_back(mailing: Mailing, by: User) -> tuple[MailingAttempt, Status]:
    attempt = mailing.attempts.unfinished().real().exclude(status=MailingAttempt.Status.CANCELLED).first()
    if attempt is None:
        raise NotNow(_("“%s” is not being sent.") % mailing)
    if not MailingAttempt.objects.filter(pk=attempt.pk).undoable().cancel(_("Undone by %s.") % by):
        raise _too_late(attempt)
    # The version before this one wrote none: its launches can be undone for some seconds after an upgrade.
    status = Status(attempt.mailing_was or Status.DRAFT)
    Mailing.objects.filter(pk=mailing.pk).move(status, of=(Status.RUNNING,))
    return attempt, status


def _too_late(attempt: MailingAttempt) -> NotNow:
    if MailingAttempt.objects.filter(pk=attempt.pk, status=MailingAttempt.Status.PAUSED).exists():
        return NotNow(_("“%s” is paused: resume it, or cancel it.") % attempt.mailing)
    return NotNow(_("The first letters have left; pause or cancel it."))
