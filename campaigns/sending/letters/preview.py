"""Letters for a person to look at: composed and frozen by what sends them, and read back from their bytes."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _

from campaigns import placeholders
from campaigns.models import Mailing, MailingAttempt, MailingLog, Message, Recipient
from campaigns.placeholders import ATTRIBUTE, Placeholder
from campaigns.sending.letters import content
from campaigns.sending.letters.composer import Addressee, Composer, Letter
from campaigns.sending.outcomes import NotComposed


class NoLetter(Exception):
    """There is no letter to show; the text says why."""


@dataclass(frozen=True)
class Preview:
    """A letter as a mail program reads it. A part that it does not have is None."""

    sender: str
    to: str
    subject: str
    text: str | None
    html: str | None
    headers: list[tuple[str, str]]
    source: str

    @property
    def size(self) -> int:
        """Bytes, as the mail server counts them."""
        return len(self.source.encode())


def of_message(message: Message, recipient: Recipient | None, mailing: Mailing | None = None) -> Preview:
    """The letter that the recipient would get now; without one, a letter with sample values. Raises NoLetter.

    The numbers that a launch gives (the attempt's, the row's, the key in the Message-ID) are 0 in it.
    """
    return writer(message, mailing)(recipient)


def writer(message: Message, mailing: Mailing | None = None) -> Callable[[Recipient | None], Preview]:
    """of_message() for several recipients: the content is frozen once. It and what it returns raise NoLetter."""
    launched = as_if_launched(message, mailing)

    def write(recipient: Recipient | None) -> Preview:
        if recipient is None:
            return _composed(launched, _sample(launched), timezone.now())
        return _composed(launched, _addressee(0, recipient.email, recipient), timezone.now())

    return write


def as_sent(attempt: MailingAttempt, row: MailingLog | None) -> Preview:
    """The letter of a row of the attempt's ledger; without one, a letter with sample values. Raises NoLetter.

    Content and address are frozen. Name, comment and attributes are the recipient's of today, and empty when the
    recipient has been deleted. The date is that of the outcome, or of the launch as long as there is none.
    """
    if row is None:
        return _composed(attempt, _sample(attempt), attempt.created_at)
    recipient = Recipient.objects.in_bulk([row.recipient_id]).get(row.recipient_id)
    return _composed(attempt, _addressee(row.pk, row.email, recipient), row.settled_at or attempt.created_at)


def as_if_launched(message: Message, mailing: Mailing | None) -> MailingAttempt:
    """The attempt that a launch would write now, with its content frozen, and not saved. Raises NoLetter."""
    try:
        frozen = content.freeze(message)
    except content.NotFrozen as error:
        raise NoLetter(str(error)) from error
    return MailingAttempt(
        pk=0,
        key=UUID(int=0),
        mailing_id=mailing.pk if mailing else 0,
        from_email=settings.DEFAULT_FROM_EMAIL,
        **frozen._asdict(),
    )


def _addressee(row: int, email: str, recipient: Recipient | None) -> Addressee:
    if recipient is None:
        return Addressee(row, email)
    attributes = recipient.attributes if isinstance(recipient.attributes, dict) else {}
    return Addressee(row, email, recipient.full_name, recipient.comment, attributes)


def _sample(attempt: MailingAttempt) -> Addressee:
    """Somebody who has a value for every placeholder; an attribute's is its name."""
    texts = (attempt.subject, attempt.body, attempt.body_html)
    try:
        parts = [part for text in texts for part in placeholders.parse(text)]
    except ValidationError as error:
        raise _unknown_placeholder(error) from error
    names = [part.name for part in parts if isinstance(part, Placeholder) and part.name.startswith(ATTRIBUTE)]
    attributes = {name.removeprefix(ATTRIBUTE): name.removeprefix(ATTRIBUTE) for name in names}
    return Addressee(0, "jane.doe@example.com", _("Jane Doe"), _("a comment"), attributes)


def _composed(attempt: MailingAttempt, to: Addressee, date: datetime) -> Preview:
    try:
        return _read(Composer(attempt).compose(to, date))
    except NotComposed as error:
        raise NoLetter(str(error)) from error
    except ValidationError as error:
        raise _unknown_placeholder(error) from error


def _unknown_placeholder(error: ValidationError) -> NoLetter:
    return NoLetter(" ".join(error.messages))


def _read(letter: Letter) -> Preview:
    message = letter.message
    headers = [(name, str(value)) for name, value in message.items()]
    return Preview(
        sender=str(message["From"]),
        to=str(message["To"]),
        subject=str(message["Subject"]),
        text=_part(message, "plain"),
        html=_part(message, "html"),
        headers=headers,
        source=letter.content.decode(),
    )


def _part(message: EmailMessage, kind: str) -> str | None:
    part = message.get_body((kind,))
    return None if part is None else str(part.get_content()).replace("\r\n", "\n")
