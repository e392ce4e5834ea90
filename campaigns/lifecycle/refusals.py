"""What keeps any letter from being sent now."""

from django.utils.translation import gettext as _

from campaigns.lifecycle.errors import NotNow, SendingStopped
from campaigns.models import Mailing
from campaigns.sending import stop


def refuse_after_end(mailing: Mailing) -> None:
    if Mailing.objects.filter(pk=mailing.pk).over().exists():
        raise NotNow(_("The time of “%s” is over: enter a later end.") % mailing)


def refuse_while_stopped() -> None:
    if pressed := stop.in_force():
        raise SendingStopped(_("Nothing can be sent now. %s") % pressed)
