"""What keeps any letter from being sent now."""

from django.conf import settings
from django.utils.translation import gettext as _

from campaigns.lifecycle.errors import NotNow, SendingStopped
from campaigns.models import Mailing, MailingAttempt
from campaigns.sending import stop


def refuse_after_end(mailing: Mailing) -> None:
    if Mailing.objects.filter(pk=mailing.pk).over().exists():
        raise NotNow(_("The time of “%s” is over: enter a later end.") % mailing)


def refuse_without_log(mailing: Mailing) -> None:
    """Who is new is told by the logs of all earlier attempts."""
    if MailingAttempt.objects.real().filter(mailing=mailing, pruned_at__isnull=False).exists():
        raise NotNow(_("A log of “%s” has been removed: it is not known any more who got it.") % mailing)


def refuse_while_stopped() -> None:
    if not settings.SENDING_ENABLED:
        raise SendingStopped(_("Nothing is sent here: SENDING_ENABLED is off."))
    if pressed := stop.in_force():
        raise SendingStopped(_("Nothing can be sent now. %s") % pressed)
