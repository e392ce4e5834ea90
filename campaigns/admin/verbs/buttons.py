"""What can be done with a mailing, as buttons: the permission, the states, and the words."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext_lazy
from unfold.enums import ActionVariant

from accounts.models import User
from campaigns import access
from campaigns.admin.verbs import deeds
from campaigns.admin.verbs.outgoing import Launch, Outgoing, Repeat
from campaigns.models import Mailing
from campaigns.models.log import Status as LogStatus
from campaigns.sending.ledger.audience import count_letters

Status = Mailing.Status


@dataclass(frozen=True)
class Verb:
    """One button; what its deed does and says, deeds.py tells."""

    name: str
    permission: access.Verb
    states: tuple[str, ...]
    title: Any
    question: Any
    icon: str
    deed: Callable[[Mailing, User], str]
    variant: ActionVariant = ActionVariant.DEFAULT
    # How many letters it is about, if it is about any.
    letters: Callable[[Mailing], int] | None = None
    # The letters that leave at its press.
    outgoing: Callable[[Mailing], Outgoing] | None = None
    # The counter of the last attempt that must not be zero for the button to make sense.
    resolves: str = ""
    # Whether it makes sense only when the mailing has been launched before.
    again: bool = False

    def offered(self, request: HttpRequest, mailing: Mailing) -> bool:
        """Whether this person may press it for this mailing now."""
        if mailing.status not in self.states or not access.can(request.user, self.permission, mailing):
            return False
        if self.again and not mailing.attempts.real().begun().exists():
            return False
        return not self.resolves or self._has_something_to_resolve(mailing)

    def count(self, mailing: Mailing) -> int | None:
        """How many letters it is about; None: it is about none."""
        if self.outgoing:
            return self.outgoing(mailing).letters
        return self.letters(mailing) if self.letters else None

    def _has_something_to_resolve(self, mailing: Mailing) -> bool:
        return bool(_of_last(mailing, self.resolves))


def _audience(mailing: Mailing) -> int:
    return count_letters(mailing.pk)


def _of_last(mailing: Mailing, figure: str) -> int:
    last = mailing.attempts.real().begun().first()
    return int(getattr(last, figure)) if last else 0


VERBS = (
    Verb(
        name="send",
        permission="send",
        states=Mailing.IDLE,
        title=gettext_lazy("Send now"),
        question=gettext_lazy("The mail goes out to the audience. What has been sent can not be called back."),
        icon="send",
        deed=deeds.send,
        variant=ActionVariant.PRIMARY,
        outgoing=Launch,
    ),
    Verb(
        name="send_new",
        permission="send",
        states=Mailing.IDLE,
        title=gettext_lazy("Send to new recipients only"),
        question=gettext_lazy(
            "The mail goes out to those of the audience who are in no earlier attempt, and to nobody else."
        ),
        icon="group_add",
        deed=partial(deeds.send, new_only=True),
        outgoing=partial(Launch, new_only=True),
        again=True,
    ),
    Verb(
        name="resume",
        permission="send",
        states=(Status.PAUSED,),
        title=gettext_lazy("Resume"),
        question=gettext_lazy("Sending goes on where it stopped. Nobody gets the mail twice."),
        icon="play_arrow",
        deed=deeds.resume,
        letters=partial(_of_last, figure="open"),
        variant=ActionVariant.PRIMARY,
    ),
    Verb(
        name="pause",
        permission="send",
        states=(Status.RUNNING,),
        title=gettext_lazy("Pause"),
        question=gettext_lazy("Letters on their way arrive; no others start until you resume."),
        icon="pause",
        deed=deeds.pause,
    ),
    Verb(
        name="dry_run",
        permission="send",
        states=(*Mailing.IDLE, *Mailing.ACTIVE),
        title=gettext_lazy("Dry run"),
        question=gettext_lazy("Every letter is composed and checked; none is sent."),
        icon="labs",
        deed=deeds.dry_run,
        letters=_audience,
    ),
    Verb(
        name="schedule",
        permission="send",
        states=(Status.DRAFT, Status.FINISHED),
        title=gettext_lazy("Schedule"),
        question=gettext_lazy("The mailing is sent by itself when its start has come."),
        icon="event",
        deed=deeds.schedule,
        letters=_audience,
    ),
    Verb(
        name="unschedule",
        permission="send",
        states=(Status.SCHEDULED,),
        title=gettext_lazy("Unschedule"),
        question=gettext_lazy("The mailing becomes a draft again and is not sent by itself."),
        icon="event_busy",
        deed=deeds.unschedule,
    ),
    Verb(
        name="retry_failed",
        permission="send",
        states=Mailing.IDLE,
        title=gettext_lazy("Retry failed"),
        question=gettext_lazy("Letters of the last attempt that ended in an error are sent again, and no others."),
        icon="replay",
        deed=deeds.retry_failed,
        outgoing=partial(Repeat, status=LogStatus.ERROR, counter="errors"),
        resolves="errors",
    ),
    Verb(
        name="resend_unconfirmed",
        permission="send",
        states=Mailing.IDLE,
        title=gettext_lazy("Resend unconfirmed"),
        question=gettext_lazy(
            "The mail server may have taken these letters before the connection broke: "
            "whoever got one will get it a second time."
        ),
        icon="forward_to_inbox",
        deed=deeds.resend_unconfirmed,
        outgoing=partial(Repeat, status=LogStatus.UNCONFIRMED, counter="unconfirmed"),
        resolves="unconfirmed",
    ),
    Verb(
        name="confirm_unconfirmed",
        permission="send",
        states=Mailing.IDLE,
        title=gettext_lazy("Confirm as sent"),
        question=gettext_lazy("You know that the mail server has taken these letters. They will count as sent."),
        icon="mark_email_read",
        deed=deeds.confirm_unconfirmed,
        resolves="unconfirmed",
    ),
    Verb(
        name="cancel",
        permission="send",
        states=Mailing.ACTIVE,
        title=gettext_lazy("Cancel sending"),
        question=gettext_lazy("Letters on their way arrive; all others are not sent. This can not be undone."),
        icon="cancel",
        deed=deeds.cancel,
        variant=ActionVariant.DANGER,
    ),
    Verb(
        name="disable",
        permission="disable",
        states=tuple(status for status in Status if status != Status.DISABLED),
        title=gettext_lazy("Disable"),
        question=gettext_lazy("Whatever is being sent is cancelled, and nothing is sent until it is enabled again."),
        icon="block",
        deed=deeds.disable,
        variant=ActionVariant.DANGER,
    ),
    Verb(
        name="enable",
        permission="disable",
        states=(Status.DISABLED,),
        title=gettext_lazy("Enable"),
        question=gettext_lazy("The mailing becomes a draft again."),
        icon="check_circle",
        deed=deeds.enable,
    ),
)
