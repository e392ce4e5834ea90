"""Whatever people write and import, the email package reads out of a letter what was meant."""

import quopri
import re
from binascii import a2b_base64
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import EmailMessage, Message
from email.policy import default
from email.utils import format_datetime, parseaddr
from html import escape
from typing import Any
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.models import MailingAttempt
from campaigns.sending.letters import mime
from campaigns.sending.letters.composer import Addressee, Composer, message_id

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
checked = settings(deadline=None, derandomize=True, max_examples=250)
HEADERS = [
    *("To", "Subject", "Message-ID", "Date", "From", "List-Id", "Auto-Submitted", "X-Mailing-Attempt"),
    *("MIME-Version", "Content-Type"),
]

awkward = st.sampled_from(
    [*".\r\n%=<>&\"'\\ \t_?,;:@()[]|}\0\x7f\x85\u00a0\u2028éжß王😀", "\r\n.", "=?utf-8?q?x?=", "%s", "=\n"]
)
texts = st.one_of(
    st.text(),
    st.lists(awkward).map("".join),
    # About as long as a header that need not be encoded may be.
    st.text('ab "\\.=', min_size=55, max_size=85),
    # Long lines and long words, with dots wherever a line may be cut.
    st.builds(lambda word, count, end: word * count + end, awkward | st.just("x."), st.integers(60, 400), st.text()),
)
# Short ASCII may stand as it is; this is what nearly may.
nearly_bare = st.one_of(
    st.text("ab.", max_size=3), st.text("ab.=&'\"<% ", max_size=5), st.text("ab", min_size=74, max_size=79)
)
values = st.one_of(nearly_bare, texts)


@dataclass
class Piece:
    """A part of what an author writes: its source, and what stands there for the recipient."""

    source: str
    value: str
    personal: bool = False


# A brace could close or open a placeholder that another piece has.
static = texts.map(lambda text: text.replace("{", "(")).map(lambda text: Piece(text, text))
FULL_NAME, COMMENT, CITY = "{{ full_name }}", "{{comment}}", '{{ attributes.city|default:"none" }}'


@st.composite
def letters(draw: st.DrawFn) -> tuple[Addressee, dict[str, list[Piece]]]:
    """An addressee, and the pieces of subject, text and HTML."""
    name, comment, city = draw(values), draw(values), draw(values)
    default = draw(texts).translate(dict.fromkeys(map(ord, "\"'“”{}")))
    personal = [
        Piece(FULL_NAME, name, personal=True),
        Piece(COMMENT, comment, personal=True),
        Piece(CITY, city or "none", personal=True),
        Piece(f"{{{{ attributes.missing | default: '{default}' }}}}", default, personal=True),
    ]
    pieces = st.lists(static | st.sampled_from(personal), max_size=6)
    to = Addressee(draw(st.integers(1, 2**63 - 1)), "ann@example.com", name, comment, {"city": city})
    return to, {"subject": draw(pieces), "body": draw(pieces), "body_html": draw(pieces)}


def attempt(content: dict[str, list[Piece]], **fields: Any) -> MailingAttempt:
    sources = {name: "".join(piece.source for piece in pieces) for name, pieces in content.items()}
    return MailingAttempt(
        **{"pk": 7, "mailing_id": 12, "key": UUID(int=5), "from_email": "Öffice <o@o.example>", **sources, **fields}
    )


def compose(to: Addressee, content: dict[str, list[Piece]]) -> bytes:
    return Composer(attempt(content)).compose(to, NOW).content


def decoded(header: Any) -> str:
    """RFC 2047, without the default policy: Python 3.13.0 reads a blank between the words of a long name."""
    return str(make_header(decode_header(header)))


def words(header: bytes) -> list[str]:
    """The encoded words, each read by itself: a mail program may show one without the others."""
    return [a2b_base64(word).decode() for word in re.findall(rb"=\?utf-8\?b\?(.*?)\?=", header)]


def normal(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n")


def meant(pieces: list[Piece], *, html: bool = False) -> str:
    return "".join(normal(escape(piece.value) if piece.personal and html else piece.value) for piece in pieces)


def bodies(letter: Message) -> dict[str, str]:
    parts = [part for part in letter.walk() if not part.is_multipart()]
    return {part.get_content_subtype(): part.get_payload(decode=True).decode() for part in parts}  # type: ignore[union-attr]


@checked
@given(letters())
def test_subject_and_addressee_are_what_was_meant(letter: tuple[Addressee, dict[str, list[Piece]]]) -> None:
    to, content = letter
    read = message_from_bytes(compose(to, content))
    subject = "".join(piece.value for piece in content["subject"])
    name, address = parseaddr(read["To"])
    assert decoded(read["Subject"]) == mime.one_line(subject)
    assert (decoded(name), address) == (mime.one_line(to.full_name), to.email)


@checked
@given(letters())
def test_text_and_html_are_what_was_meant(letter: tuple[Addressee, dict[str, list[Piece]]]) -> None:
    to, content = letter
    read = bodies(message_from_bytes(compose(to, content)))
    text, html = meant(content["body"]), meant(content["body_html"], html=True)
    sources = attempt(content)
    if sources.body and sources.body_html:
        assert read == {"plain": text, "html": html}
    else:
        (kind, alone), *_none = read.items()
        assert kind == ("html" if sources.body_html else "plain")
        # SMTP has no text that does not end with a line end.
        assert alone in (text + html, f"{text}{html}\r\n")


@checked
@given(letters())
def test_nobody_can_add_a_header(letter: tuple[Addressee, dict[str, list[Piece]]]) -> None:
    read = message_from_bytes(compose(*letter))
    assert read.keys() in (HEADERS, [*HEADERS, "Content-Transfer-Encoding"])
    assert not read.defects


@checked
@given(letters())
def test_every_line_travels_unchanged(letter: tuple[Addressee, dict[str, list[Piece]]]) -> None:
    content = compose(*letter)
    lines = content.split(b"\r\n")
    assert lines[-1] == b""
    assert not [line for line in lines if b"\r" in line or b"\n" in line or line.startswith(b".")]
    # A Message-ID can not be folded.
    assert not [line for line in lines if len(line) > 78 and not line.startswith(b"Message-ID: ")]
    assert content.isascii()


@checked
@given(letters(), st.datetimes(timezones=st.just(UTC)))
def test_a_letter_that_is_composed_again_differs_in_its_date_at_most(
    letter: tuple[Addressee, dict[str, list[Piece]]], later: datetime
) -> None:
    to, content = letter
    composer = Composer(launched := attempt(content))
    first, second = (composer.compose(to, date).content for date in (NOW, later))
    read = message_from_bytes(second)
    assert read["Message-ID"] == message_id(launched, to.row, "o@o.example")
    assert read["Date"] == format_datetime(later)
    assert {line for line in first.split(b"\r\n") if not line.startswith(b"Date: ")} <= set(second.split(b"\r\n"))


@checked
@given(texts, st.sampled_from(["<o@o.example>", "<mailing-12.o.example>"]))
def test_any_name_before_an_address_or_a_list_is_read_back(name: str, what: str) -> None:
    written = mime.named(name, what)
    assert max(map(len, written.split(b"\r\n"))) <= 78
    read, identifier = parseaddr(message_from_bytes(b"From: %b\r\n\r\n" % written)["From"])
    assert (decoded(read), f"<{identifier}>") == (mime.one_line(name), what)
    assert "".join(words(written)) in ("", mime.one_line(name))


locals_beyond_ascii = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=20)


@checked
@given(locals_beyond_ascii)
def test_any_letters_before_the_at_arrive(local: str) -> None:
    launched = attempt({}, subject="News", body="x")
    letter = Composer(launched).compose(Addressee(1, f"{local}@example.com", "Ann"), NOW)
    read: EmailMessage = letter.message
    assert (letter.to, letter.utf8) == (f"{local}@example.com", not local.isascii())
    assert [one.addr_spec for one in read["To"].addresses] == [letter.to]
    assert message_from_bytes(letter.message.as_bytes(), policy=default).keys() == read.keys()


@checked
@given(values)
def test_quoted_printable_is_read_back(text: str) -> None:
    whole, begun = mime.quoted_printable(text), mime.quoted_printable_before_break(text) + mime.SOFT_BREAK
    assert quopri.decodestring(whole).decode() == quopri.decodestring(begun).decode() == normal(text)
    lines = [*whole.split(b"\r\n"), *begun.split(b"\r\n")]
    assert not [line for line in lines if line.startswith(b".") or b"\n" in line]
    # Python's codec does not count that a blank at a line's end becomes three characters.
    assert not [line for line in lines if len(line.removesuffix(b"=20").removesuffix(b"=09")) > 76]
