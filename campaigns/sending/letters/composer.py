"""From a message and a recipient to a letter.

What all letters of an attempt have in common is serialised once; for each recipient, only what is personal is
encoded and put into its gaps. Building a letter with the email package takes some 2,300 µs, this 3 to 6. Before and
after each gap in a body stands a soft line break of quoted-printable (RFC 2045, 6.7), so that the encoding of what is
around it never changes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from email import message_from_string
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime, parseaddr
from html import escape
from operator import attrgetter, itemgetter
from types import MappingProxyType
from typing import NamedTuple

from campaigns import placeholders
from campaigns.models import MailingAttempt
from campaigns.placeholders import Part, Placeholder
from campaigns.sending.letters import addresses, mime
from campaigns.sending.outcomes import NotComposed

CRLF = b"\r\n"
# "=_" can not occur in quoted-printable text (RFC 2045, 6.7), so no body contains the boundary.
BOUNDARY = b"=_autosend"
# What fills the gaps: these, and then for each placeholder its value in the text and in the HTML.
TO, SUBJECT, ROW, DATE, VALUES = range(5)
# Values that look the same in quoted-printable and in HTML, and fit between two soft breaks.
_BARE = re.compile(r"[ !#-%(-\-/-;?-~][ !#-%(-;?-~]{0,74}")


class Addressee(NamedTuple):
    """Somebody of the audience, as the ledger row and the recipient have it."""

    row: int
    email: str
    full_name: str = ""
    comment: str = ""
    attributes: Mapping[str, object] = MappingProxyType({})

    def value(self, name: str) -> str | None:
        """What a placeholder of that name stands for; None: there is no such attribute."""
        if name in placeholders.FIELDS:
            return str(getattr(self, name))
        key = name.removeprefix(placeholders.ATTRIBUTE)
        if key not in self.attributes:
            return None
        value = self.attributes[key]
        return "" if value is None else str(value)


class Letter(NamedTuple):
    """A message for one addressee: the envelope and the content.

    Every line of the content ends with CRLF, and none begins with a dot: it follows DATA as it is (RFC 5321, 4.5.2),
    and needs only the final dot. `utf8`: an address is not ASCII, and the server must offer SMTPUTF8 (RFC 6531).
    """

    sender: str
    to: str
    content: bytes
    utf8: bool = False

    def __bytes__(self) -> bytes:
        return self.content

    @property
    def message(self) -> EmailMessage:
        """The content read back, for mail backends that want an object."""
        return message_from_string(self.content.decode(), policy=SMTPUTF8 if self.utf8 else SMTP)


class Composer:
    """Writes the letters of one attempt from its frozen content.

    Raises NotComposed for a sender that is no address, and ValidationError for a placeholder that is not known.
    """

    def __init__(self, attempt: MailingAttempt) -> None:
        self._name, sender = parseaddr(attempt.from_email)
        self.sender = addresses.envelope(sender or attempt.from_email)
        subject, text, html = map(placeholders.parse, (attempt.subject, attempt.body, attempt.body_html))
        parts = subject + text + html
        self._placeholders = list(dict.fromkeys(part for part in parts if isinstance(part, Placeholder)))
        self._reads = [(placeholder, _read(placeholder.name)) for placeholder in self._placeholders]
        self._subject = [part if isinstance(part, str) else self._placeholders.index(part) for part in subject]
        try:
            pieces = list(self._skeleton(attempt, text, html))
        except UnicodeEncodeError as error:
            raise _unwritable(error) from error
        skeleton = b"".join(b"%b" if isinstance(piece, int) else piece.replace(b"%", b"%%") for piece in pieces)
        self._template = skeleton if skeleton.endswith(CRLF) else skeleton + CRLF
        self._gaps = itemgetter(*(piece for piece in pieces if isinstance(piece, int)))
        self._date: tuple[datetime, bytes] | None = None

    def compose(self, to: Addressee, date: datetime) -> Letter:
        """The letter to this addressee. Raises NotComposed when it can not be written."""
        address = addresses.envelope(to.email)
        try:
            filling = self._filling(to, address, date)
        except placeholders.MissingValue as error:
            raise NotComposed(str(error)) from error
        except UnicodeEncodeError as error:
            raise _unwritable(error) from error
        utf8 = not (address.isascii() and self.sender.isascii())
        return Letter(self.sender, address, self._template % self._gaps(filling), utf8)

    def _filling(self, to: Addressee, address: str, date: datetime) -> list[bytes]:
        values = []
        for placeholder, read in self._reads:
            value = read(to)
            values.append(value if value and isinstance(value, str) else placeholder.filled(to.value(placeholder.name)))
        subject = "".join([part if isinstance(part, str) else values[part] for part in self._subject])
        filling = [
            mime.named(to.full_name, f"<{address}>"),
            mime.unstructured(subject),
            b"%d" % to.row,
            self._written(date),
        ]
        for value in values:
            filling += _encoded(value)
        return filling

    def _written(self, date: datetime) -> bytes:
        second = date.replace(microsecond=0)
        if self._date is None or self._date[0] != second:
            self._date = second, format_datetime(second).encode()
        return self._date[1]

    def _skeleton(self, attempt: MailingAttempt, text: list[Part], html: list[Part]) -> Iterator[bytes | int]:
        yield from self._headers(attempt)
        if text and html:
            yield b'Content-Type: multipart/alternative; boundary="%b"\r\n\r\n--%b\r\n' % (BOUNDARY, BOUNDARY)
            yield from self._part(b"plain", text)
            yield b"\r\n--%b\r\n" % BOUNDARY
            yield from self._part(b"html", html)
            yield b"\r\n--%b--\r\n" % BOUNDARY
        else:
            yield from self._part(b"html", html) if html else self._part(b"plain", text)

    def _headers(self, attempt: MailingAttempt) -> Iterator[bytes | int]:
        # Personal fields come first. Another one, such as List-Unsubscribe (RFC 8058), is one more gap here, and
        # what fills it one more line in _filling().
        yield b"To: "
        yield TO
        yield b"\r\nSubject: "
        yield SUBJECT
        yield b"\r\nMessage-ID: <"
        yield ROW
        yield _message_id_end(attempt, self.sender).encode() + b"\r\nDate: "
        yield DATE
        yield b"\r\nFrom: " + mime.named(self._name, f"<{self.sender}>")
        yield b"\r\nList-Id: " + mime.named(self._name, f"<{list_id(attempt, self.sender)}>")
        yield b"\r\nAuto-Submitted: auto-generated\r\nX-Mailing-Attempt: %d\r\nMIME-Version: 1.0\r\n" % attempt.pk

    def _part(self, kind: bytes, parts: list[Part]) -> Iterator[bytes | int]:
        yield b"Content-Type: text/%b; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" % kind
        for position, part in enumerate(parts, start=1):
            if isinstance(part, Placeholder):
                yield VALUES + 2 * self._placeholders.index(part) + (kind == b"html")
                yield mime.SOFT_BREAK
            elif position == len(parts):
                yield mime.quoted_printable(part)
            else:
                yield mime.quoted_printable_before_break(part) + mime.SOFT_BREAK


def message_id(attempt: MailingAttempt, row: int, sender: str) -> str:
    """Derived from the ledger row, so that it is the same however often the letter is composed."""
    return f"<{row}{_message_id_end(attempt, sender)}"


def _message_id_end(attempt: MailingAttempt, sender: str) -> str:
    return f".{attempt.key.hex}@{_domain(sender)}>"


def list_id(attempt: MailingAttempt, sender: str) -> str:
    """RFC 2919: the same for all letters of a mailing, and of no other."""
    return f"mailing-{attempt.mailing_id}.{_domain(sender)}"


def _domain(address: str) -> str:
    return addresses.ascii_domain(address.rpartition("@")[2])


def _read(name: str) -> Callable[[Addressee], object]:
    """The quick way to a value: as it is stored, which may be empty, no text, or missing."""
    if name in placeholders.FIELDS:
        return attrgetter(name)
    key = name.removeprefix(placeholders.ATTRIBUTE)
    return lambda to: to.attributes.get(key)


def _encoded(value: str) -> tuple[bytes, bytes]:
    """The value as it stands in the text and in the HTML."""
    if _BARE.fullmatch(value):
        bare = value.encode()
        return bare, bare
    text, html = mime.quoted_printable_before_break(value), escape(value)
    return text, text if html == value else mime.quoted_printable_before_break(html)


def _unwritable(error: UnicodeEncodeError) -> NotComposed:
    before = error.object[: error.start][-20:]
    return NotComposed(f"After “{before}” stands half a character (a lone surrogate), which no letter can have.")
