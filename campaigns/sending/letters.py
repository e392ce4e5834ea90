"""From a message and a recipient to a letter."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from html import escape

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.encoding import punycode

from campaigns import placeholders
from campaigns.models import MailingAttempt
from campaigns.sending.outcomes import NotComposed


@dataclass(frozen=True)
class Addressee:
    """Somebody of the audience, as the ledger row and the recipient have it."""

    row: int
    email: str
    full_name: str = ""
    comment: str = ""
    attributes: Mapping[str, object] = field(default_factory=dict)

    def values(self) -> dict[str, str]:
        """Placeholder values by name."""
        fields = {name: getattr(self, name) for name in placeholders.FIELDS}
        return fields | {
            f"{placeholders.ATTRIBUTE}{key}": "" if value is None else str(value)
            for key, value in self.attributes.items()
        }


@dataclass(frozen=True)
class Letter:
    """A message for one addressee: the envelope, and what is in it."""

    sender: str
    to: str
    message: EmailMessage

    def __bytes__(self) -> bytes:
        return self.message.as_bytes(policy=SMTP)


class Composer:
    """Writes the letters of one attempt from its frozen content."""

    def __init__(self, attempt: MailingAttempt) -> None:
        self.attempt = attempt
        self.subject = placeholders.parse(attempt.subject)
        self.text = placeholders.parse(attempt.body)
        self.html = placeholders.parse(attempt.body_html)
        self.sender_name, sender = parseaddr(attempt.from_email)
        self.sender = _envelope_address(sender)

    def compose(self, to: Addressee, date: datetime) -> Letter:
        """The letter to this addressee. Raises NotComposed when it can not be written."""
        address = _envelope_address(to.email)
        message = EmailMessage(policy=SMTP)
        message["From"] = _header_address(self.sender_name, self.sender)
        message["To"] = _header_address(to.full_name, address)
        message["Date"] = format_datetime(date)
        message["Message-ID"] = message_id(self.attempt, to.row, self.sender)
        message["X-Mailing-Attempt"] = str(self.attempt.pk)
        self._fill(message, to)
        return Letter(sender=self.sender, to=address, message=message)

    def _fill(self, message: EmailMessage, to: Addressee) -> None:
        values = to.values()
        try:
            message["Subject"] = one_line(placeholders.render(self.subject, values))
            text = placeholders.render(self.text, values)
            html = placeholders.render(self.html, values, escape)
        except placeholders.MissingValue as error:
            raise NotComposed(str(error)) from error
        if text or not html:
            message.set_content(text, cte="quoted-printable")
        if html and text:
            message.add_alternative(html, subtype="html", cte="quoted-printable")
        elif html:
            message.set_content(html, subtype="html", cte="quoted-printable")


def message_id(attempt: MailingAttempt, row: int, sender: str) -> str:
    """Derived from the ledger row, so that it is the same however often the letter is composed."""
    return f"<{row}.{attempt.key.hex}@{sender.rpartition('@')[2]}>"


def one_line(text: str) -> str:
    """Header text: nothing that could begin another header, or be decoded to something else (RFC 2047)."""
    return " ".join(text.split()).replace("=?", "= ?")


def _header_address(name: str, address: str) -> Address:
    return Address(display_name=one_line(name), addr_spec=address)


def _envelope_address(address: str) -> str:
    try:
        validate_email(address)
        local, _at, domain = address.rpartition("@")
        ascii_address = f"{local}@{punycode(domain)}"
        ascii_address.encode("ascii")
    except UnicodeError as error:
        raise NotComposed(f"“{address}” has letters before the @ that the mail server does not take.") from error
    except ValidationError as error:
        raise NotComposed(f"“{address}” is not a valid e-mail address.") from error
    return ascii_address
