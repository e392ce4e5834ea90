"""Mailings that go out by themselves."""

import logging
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from backoffice import correlation
from campaigns.audience import Audience
from campaigns.lifecycle.errors import LifecycleError, NobodyToSendTo, NotNow
from campaigns.lifecycle.launching import launch
from campaigns.lifecycle.refusals import refuse_after_end, refuse_while_stopped
from campaigns.models import Mailing, MailingAttempt, SendingStop
from campaigns.sending import home
from campaigns.sending.ledger import resolution

logger = logging.getLogger(__name__)

Status = Mailing.Status


@transaction.atomic
def schedule(mailing: Mailing) -> datetime:
    """Let the scheduler send the mailing when its time comes; returns when that is. Raises LifecycleError."""
    now = timezone.now()
    # Locked before its start is read: who moves that meanwhile must not find the mailing planned for the former one.
    mailing = Mailing.objects.select_for_update(no_key=True, of=("self",)).select_related("owner").get(pk=mailing.pk)
    if not mailing.start_at:
        raise NotNow(_("“%s” has no start: enter one, then schedule it.") % mailing)
    refuse_after_end(mailing)
    if not Audience.of(mailing).first(1):
        raise NobodyToSendTo(_("“%s” has no recipients.") % mailing)
    run_at = mailing.next_run_after(now)
    if not run_at and mailing.repetition != Mailing.Repetition.ONCE:
        raise NotNow(_("“%s” has no more runs before its end: enter a later one.") % mailing)
    # A start that has passed means: at once; for a repeated mailing, the next time after now.
    run_at = run_at or now
    of = (Status.DRAFT, Status.FINISHED, Status.SCHEDULED)
    if not Mailing.objects.filter(pk=mailing.pk).move(Status.SCHEDULED, of=of, next_run_at=run_at):
        raise NotNow(_("“%s” can not be scheduled now.") % mailing)
    return run_at


def unschedule(mailing: Mailing) -> None:
    """Take a scheduled mailing back to a draft. Raises LifecycleError."""
    if not Mailing.objects.filter(pk=mailing.pk).move(Status.DRAFT, of=(Status.SCHEDULED,), next_run_at=None):
        raise NotNow(_("“%s” is not scheduled.") % mailing)


def launch_due(now: datetime | None = None) -> list[MailingAttempt]:
    """End what should have ended, and launch every mailing whose time has come.

    One that can not start is logged, and does not hold up the rest.

    While all sending is stopped, or SENDING_ENABLED is off, those that are due wait.
    """
    now = now or timezone.now()
    resolution.end_overdue()
    for late in Mailing.objects.overdue(now):
        # Asked once more, for its end may have been put off meanwhile.
        this = Mailing.objects.overdue(now).filter(pk=late.pk)
        if this.move(Status.FINISHED, of=(Status.SCHEDULED,), next_run_at=None):
            logger.warning("Mailing %s ended before it could be sent.", late.pk)
    home.hold_copies()
    if not settings.SENDING_ENABLED or SendingStop.objects.in_force():
        return []
    return [attempt for mailing in Mailing.objects.due(now) if (attempt := _launch_due(mailing, now))]


def _launch_due(mailing: Mailing, now: datetime) -> MailingAttempt | None:
    with correlation.correlated(correlation.new_id()):
        try:
            with transaction.atomic():
                refuse_while_stopped()
                # Whoever locks the row first launches it; the others find it moved on.
                still = Mailing.objects.due(now).select_for_update(skip_locked=True)
                return launch(mailing, None, now=now) if still.filter(pk=mailing.pk).exists() else None
        except LifecycleError as error:
            logger.warning("Mailing %s was due and could not start: %s", mailing.pk, error)
        except Exception:
            logger.exception("Mailing %s was due and could not start", mailing.pk)
        return None
