"""Copies that become the person's own."""

from datetime import datetime
from typing import Any, NamedTuple

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from campaigns import access
from campaigns.lifecycle.errors import LifecycleError
from campaigns.models import Mailing, Message, Recipient


class NotUsable(LifecycleError):
    """The message is neither the person's own nor shared with them."""


class Clone(NamedTuple):
    """A copy of a mailing, how many of its audience came along, and how many did not."""

    mailing: Mailing
    taken: int
    left_out: int


@transaction.atomic
def clone(mailing: Mailing, by: User) -> Clone:
    """Make a draft of the person's own with the same message, and those of the audience whom they may use.

    A time that has passed stays behind, and with the start the repetition. Raises LifecycleError.
    """
    _refuse_unusable(mailing.message, by)
    name = _("%s (copy)") % mailing.name
    copy: Mailing = Mailing.objects.create(
        owner=by, name=_shortened(mailing.name, name), message=mailing.message, **plan(mailing, timezone.now())
    )
    taken = copy.add_to_audience(access.usable(by, Recipient.objects.filter(mailings=mailing)))
    return Clone(copy, taken, mailing.recipients.count() - taken)


def clone_message(message: Message, by: User) -> Message:
    """Make a message of the person's own that says the same. Raises LifecycleError."""
    _refuse_unusable(message, by)
    # The subject is what recipients read: it can not tell that it is a copy.
    return Message.objects.create(owner=by, subject=message.subject, body=message.body, body_html=message.body_html)


def plan(mailing: Mailing, now: datetime) -> dict[str, Any]:
    """The start with the repetition, and the end, as far as they are still to come."""
    still = {name: time for name in ("start_at", "end_at") if (time := getattr(mailing, name)) and time > now}
    return {**still, "repetition": mailing.repetition} if "start_at" in still else still


def _refuse_unusable(message: Message, by: User) -> None:
    if not access.usable(by, Message.objects.filter(pk=message.pk)).exists():
        raise NotUsable(
            _("The message “%(message)s” is neither yours nor shared with you: ask %(owner)s to share it.")
            % {"message": message, "owner": message.owner}
        )


def _shortened(name: str, copy: str) -> str:
    longest = Mailing._meta.get_field("name").max_length or 0
    over = max(0, len(copy) - longest)
    return _("%s (copy)") % name[: len(name) - over]
