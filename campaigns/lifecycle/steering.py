"""What can be done with a mailing that is under way, and with any by a manager."""

from django.db import transaction
from django.utils.translation import gettext as _

from campaigns.lifecycle.enqueueing import enqueue_open
from campaigns.lifecycle.errors import NotNow
from campaigns.lifecycle.refusals import refuse_after_end, refuse_while_stopped
from campaigns.models import Mailing, MailingAttempt
from campaigns.models.attempt import Status as AttemptStatus
from campaigns.sending.ledger import moves, resolution

Status = Mailing.Status
# The most open rows that the one who cancels waits for (0.2 s); those of larger attempts are closed by a worker.
CLOSE_AT_ONCE_ROWS = 50_000


def pause(mailing: Mailing) -> None:
    """Start no new letter until resumed; those on their way settle. Raises LifecycleError."""
    for attempt in mailing.attempts.unfinished().real():
        if moves.pause(attempt.pk, _("Paused by hand.")):
            return
    raise NotNow(_("“%s” is not being sent.") % mailing)


@transaction.atomic
def resume(mailing: Mailing) -> None:
    """Go on where it was paused. Raises LifecycleError."""
    refuse_after_end(mailing)
    refuse_while_stopped()
    paused = list(mailing.attempts.filter(status=AttemptStatus.PAUSED).select_related("triggered_by"))
    if not paused or not mailing.attempts.filter(pk__in=[a.pk for a in paused]).resume():
        raise NotNow(_("“%s” is not paused.") % mailing)
    Mailing.objects.filter(pk=mailing.pk).move(Status.RUNNING, of=(Status.PAUSED,))
    for attempt in paused:
        enqueue_open(attempt)


def cancel(mailing: Mailing) -> None:
    """End the attempts that are under way: what is in flight settles, the rest is not sent. Raises LifecycleError."""
    cancelled = _cancel_attempts(mailing, _("Cancelled."))
    if not cancelled:
        raise NotNow(_("“%s” is not being sent.") % mailing)
    _close(cancelled)


def disable(mailing: Mailing) -> None:
    """A manager's forced end: whatever is under way is cancelled, and nothing starts again. Raises LifecycleError."""
    of = tuple(status for status in Status if status != Status.DISABLED)
    with transaction.atomic():
        cancelled = _cancel_attempts(mailing, _("Disabled by a manager."))
        if not Mailing.objects.filter(pk=mailing.pk).move(Status.DISABLED, of=of, next_run_at=None):
            raise NotNow(_("“%s” has been disabled already.") % mailing)
    # What began while this waited for the mailing's row was not there to be cancelled; now nothing begins.
    cancelled += _cancel_attempts(mailing, _("Disabled by a manager."))
    _close(cancelled)


def enable(mailing: Mailing) -> None:
    """Take a disabled mailing back to a draft. Raises LifecycleError."""
    if not Mailing.objects.filter(pk=mailing.pk).move(Status.DRAFT, of=(Status.DISABLED,)):
        raise NotNow(_("“%s” is not disabled.") % mailing)


def _cancel_attempts(mailing: Mailing, reason: str) -> list[MailingAttempt]:
    unfinished = list(mailing.attempts.unfinished())
    return [attempt for attempt in unfinished if MailingAttempt.objects.filter(pk=attempt.pk).cancel(reason)]


def _close(cancelled: list[MailingAttempt]) -> None:
    """Close what is open, apart from the cancelling itself, which must wait for no lock of a worker."""
    for attempt in cancelled:
        if attempt.open <= CLOSE_AT_ONCE_ROWS:
            resolution.close_cancelled(attempt.pk)
