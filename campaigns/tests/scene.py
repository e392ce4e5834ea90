"""One owner's objects of every kind, all of which carry a word by which they are found on a page."""

from dataclasses import dataclass
from typing import Any

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.messages import get_messages
from django.test import Client

from accounts.models import User
from campaigns import lifecycle
from campaigns.models import Mailing, MailingAttempt, MailingLog, Message, Recipient, RecipientList, Suppression
from campaigns.tests import factories

SECRET = "xyzzy"


@dataclass(frozen=True)
class Scene:
    owner: User
    recipient: Recipient
    message: Message
    mailing: Mailing
    attempt: MailingAttempt
    log: MailingLog
    list: RecipientList
    suppression: Suppression


def scene(owner: User | None = None, word: str = SECRET) -> Scene:
    """A mailing under way, whose only letter has failed already; a list, and an address that gets no mail."""
    owner = owner or factories.user("operator", full_name=f"{word} owner", email=f"{word}.owner@office.example")
    person = factories.recipient(
        owner, f"{word}@example.com", full_name=f"{word} name", comment=f"{word} comment", attributes={word: word}
    )
    message = factories.message(owner, subject=f"{word} subject", body=f"{word} text", body_html=f"<b>{word}</b>")
    mailing = factories.mailing(owner, [person], name=f"{word} mailing", message=message)
    attempt = lifecycle.launch(mailing, owner)
    MailingAttempt.objects.filter(pk=attempt.pk).update(server_response=f"{word} reason", errors=1)
    error = MailingLog.Status.ERROR
    attempt.logs.update(detail=f"{word} reply", status=error, attention=error)
    some = factories.recipient_list(owner, [person], name=f"{word} list")
    gone = factories.suppression(owner, f"{word}.gone@example.com", source=f"{word} source")
    LogEntry.objects.log_actions(owner.pk, [mailing, message, person], CHANGE, change_message=f"{word} change")
    attempt.refresh_from_db()
    mailing.refresh_from_db()
    return Scene(owner, person, message, mailing, attempt, attempt.logs.get(), some, gone)


def logged_in(user: User) -> Client:
    client = Client()
    client.force_login(user, "django.contrib.auth.backends.ModelBackend")
    return client


def sentences(response: Any) -> list[str]:
    """What the person is told on the page that follows."""
    return [str(message) for message in get_messages(response.wsgi_request)]
