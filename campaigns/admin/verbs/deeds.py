"""What the buttons of a mailing do. Each deed returns the sentence that the person reads, or raises LifecycleError."""

from django.conf import settings
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import User
from campaigns import lifecycle
from campaigns.models import Mailing, MailingAttempt
from campaigns.sending.ledger.audience import count_letters


def send(mailing: Mailing, by: User, *, new_only: bool = False) -> str:
    attempt = lifecycle.launch(mailing, by, new_only=new_only, undo_seconds=settings.SENDING_UNDO_SECONDS)
    return " ".join(filter(None, (_on_its_way(attempt), _until_then(attempt))))


def _on_its_way(attempt: MailingAttempt) -> str:
    mailing = attempt.mailing
    if not attempt.expanded_at:  # a large audience is not in the ledger yet
        if attempt.new_only:
            return _("“%s” is on its way to its new recipients.") % mailing
        return _("“%s” is on its way to its recipients.") % mailing
    count = attempt.total - attempt.skipped
    sentence = ngettext(
        "“%(mailing)s” is on its way to %(count)s recipient.",
        "“%(mailing)s” is on its way to %(count)s recipients.",
        count,
    )
    return sentence % {"mailing": mailing, "count": count}


def _until_then(attempt: MailingAttempt) -> str:
    if not attempt.held_until:
        return ""
    seconds = settings.SENDING_UNDO_SECONDS
    sentence = ngettext(
        "The first letter leaves in %s second; until then you can undo it.",
        "The first letter leaves in %s seconds; until then you can undo it.",
        seconds,
    )
    return sentence % seconds


def dry_run(mailing: Mailing, by: User) -> str:
    attempt = lifecycle.launch(mailing, by, dry_run=True)
    return _("Dry run of “%(mailing)s”: %(count)s letters are being composed, none is sent.") % {
        "mailing": mailing,
        "count": _letters(attempt),
    }


def _letters(attempt: MailingAttempt) -> int:
    # A large audience is not in the ledger yet.
    return attempt.total - attempt.skipped if attempt.expanded_at else count_letters(attempt.mailing_id)


def schedule(mailing: Mailing, _by: User) -> str:
    run_at = timezone.localtime(lifecycle.schedule(mailing))
    when = date_format(run_at, "DATETIME_FORMAT")
    return _("“%(mailing)s” goes out by itself: %(when)s") % {"mailing": mailing, "when": when}


def unschedule(mailing: Mailing, _by: User) -> str:
    lifecycle.unschedule(mailing)
    return _("“%s” is a draft again.") % mailing


def pause(mailing: Mailing, _by: User) -> str:
    lifecycle.pause(mailing)
    return _("“%s” is paused.") % mailing


def resume(mailing: Mailing, _by: User) -> str:
    lifecycle.resume(mailing)
    return _("“%s” goes on.") % mailing


def cancel(mailing: Mailing, _by: User) -> str:
    lifecycle.cancel(mailing)
    return _("“%s” is cancelled.") % mailing


def retry_failed(mailing: Mailing, _by: User) -> str:
    count = lifecycle.retry_failed(mailing)
    return _("Failed letters of “%(mailing)s” that are sent again: %(count)s") % {"count": count, "mailing": mailing}


def resend_unconfirmed(mailing: Mailing, _by: User) -> str:
    count = lifecycle.resend_unconfirmed(mailing)
    return _("Letters in doubt of “%(mailing)s” that are sent again: %(count)s") % {"count": count, "mailing": mailing}


def confirm_unconfirmed(mailing: Mailing, by: User) -> str:
    count = lifecycle.confirm_unconfirmed(mailing, by)
    return _("Letters in doubt of “%(mailing)s” that count as sent: %(count)s") % {"count": count, "mailing": mailing}


def disable(mailing: Mailing, _by: User) -> str:
    lifecycle.disable(mailing)
    return _("“%s” is disabled.") % mailing


def enable(mailing: Mailing, _by: User) -> str:
    lifecycle.enable(mailing)
    return _("“%s” is a draft again.") % mailing
