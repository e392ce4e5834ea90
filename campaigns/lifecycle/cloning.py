"""Copies that become the person's own."""

from datetime import datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from campaigns import access
from campaigns.audience import Audience
from campaigns.lifecycle.errors import LifecycleError
from campaigns.models import Mailing, Message, Recipient
from campaigns.models.conditions import as_json


class NotUsable(LifecycleError):
    """The message is neither the person's own nor shared with them."""


class Clone(NamedTuple):
    """A copy of a mailing, how many of its audience came along, and how many did not."""

    mailing: Mailing
    taken: int
    left_out: int


@transaction.atomic
def clone(mailing: Mailing, by: User) -> Clone:
    """Make a draft of the person's own with the same message, and what they may use of the audience.

    Who was excluded stays excluded. The conditions are about the owner's recipients: another's copy has none. A time
    that has passed stays behind, and with the start the repetition. Raises LifecycleError.
    """
    _refuse_unusable(mailing.message, by)
    name = _("%s (copy)") % mailing.name
    audience = audience_of_clone(mailing, by)
    copy: Mailing = Mailing.objects.create(
        owner=by,
        name=_shortened(mailing.name, name),
        message=mailing.message,
        conditions=as_json(audience.conditions),
        **plan(mailing, timezone.now()),
    )
    copy.lists.set(audience.lists)
    copy.excluded_lists.set(audience.excluded_lists)
    for chosen in audience.also:
        copy.add_to_audience(chosen)
    return Clone(copy, *taken_and_left_out(mailing, audience))


def audience_of_clone(mailing: Mailing, by: User) -> Audience:
    """Whom a clone of the person's would be for: what they may use of the mailing's audience."""
    said = Audience.of(mailing)
    lists = access.usable(by, mailing.lists.order_by("pk"))
    return Audience(
        by.pk,
        ZoneInfo(by.time_zone),
        lists=tuple(lists.values_list("pk", flat=True)),
        excluded_lists=said.excluded_lists,
        conditions=said.conditions if by.pk == mailing.owner_id else (),
        also=(access.usable(by, Recipient.objects.filter(mailings=mailing)),),
    )


def taken_and_left_out(mailing: Mailing, clone: Audience) -> tuple[int, int]:
    """How many of the mailing's audience are in that of its clone, and how many are not."""
    taken = clone.count()
    return taken, Audience.of(mailing).count() - taken


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
