"""What can be done about letters of an attempt that has ended."""

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import User
from campaigns.lifecycle.enqueueing import enqueue
from campaigns.lifecycle.errors import NotNow
from campaigns.lifecycle.launching import one_at_a_time
from campaigns.lifecycle.refusals import refuse_after_end, refuse_while_stopped
from campaigns.models import Mailing, MailingAttempt
from campaigns.models.log import Status as LogStatus
from campaigns.sending.ledger import resolution


def retry_failed(mailing: Mailing) -> int:
    """Send what the last attempt could not send once more; returns how many letters. Raises LifecycleError."""
    return _send_again(mailing, LogStatus.ERROR)


def resend_unconfirmed(mailing: Mailing) -> int:
    """Send the last attempt's letters in doubt once more: who got one gets it twice. Raises LifecycleError."""
    return _send_again(mailing, LogStatus.UNCONFIRMED)


@transaction.atomic
def confirm_unconfirmed(mailing: Mailing, by: User) -> int:
    """Take the last attempt's letters in doubt for sent; returns how many. Raises LifecycleError."""
    # Locked as all others lock it, before its attempt and their chunks.
    Mailing.objects.select_for_update(no_key=True, of=("self",)).get(pk=mailing.pk)
    count = resolution.confirm(_ended(mailing).pk, _("Marked as sent by %s.") % by)
    if not count:
        raise NotNow(_("“%s” has no unconfirmed letters.") % mailing)
    return count


def _send_again(mailing: Mailing, status: LogStatus) -> int:
    # An undone launch that is not closed yet is unfinished, though its mailing is idle.
    with one_at_a_time(mailing):
        return _reopen(mailing, status)


def _reopen(mailing: Mailing, status: LogStatus) -> int:
    refuse_after_end(mailing)
    refuse_while_stopped()
    attempt = _ended(mailing)
    count: int = attempt.logs.filter(attention=status).count()
    if not Mailing.objects.filter(pk=mailing.pk).move(Mailing.Status.RUNNING, of=Mailing.IDLE):
        raise NotNow(_("“%s” can not be sent now.") % mailing)
    chunks = resolution.reopen(attempt.pk, status)
    if not chunks:
        raise NotNow(_("“%s” has no such letters.") % mailing)
    enqueue(chunks, attempt, urgent=True)
    return count


def _ended(mailing: Mailing) -> MailingAttempt:
    attempt: MailingAttempt | None = mailing.attempts.real().begun().select_related("triggered_by").first()
    if attempt is None or attempt.finished_at is None:
        raise NotNow(_("“%s” has no attempt that has ended.") % mailing)
    if attempt.pruned_at:
        raise NotNow(_("The log of the last attempt of “%s” has been removed: it is not known any more who.") % mailing)
    return attempt
