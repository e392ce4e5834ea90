"""Letters are read back with the email package, as a mail program would."""

from datetime import UTC, datetime
from email import message_from_bytes
from email.header import decode_header, make_header
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import default
from email.utils import parseaddr
from typing import Any
from uuid import UUID

import pytest

from campaigns.models import MailingAttempt
from campaigns.sending.letters.composer import Addressee, Composer, Letter, message_id
from campaigns.sending.outcomes import NotComposed

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SENDER = "The Office <office@office.example>"
NAMES = [
    "Ann Smith",
    "Дмитрий Иванович Менделеев",
    "Łukasz Żółć",
    "王小明",
    "عمر الشريف",
    "👩‍🚀 Sally",
    'Joe "The Plumber" Doe',
    "Smith, Ann (Sales); <evil@example.com>",
    "Ünal, Çelik @ Öz <x>",
    "back\\slash",
    "a" * 200,
    "ё" * 200,
    "слово " * 30,
]


def attempt(**content: Any) -> MailingAttempt:
    sent = {"pk": 7, "mailing_id": 12, "from_email": SENDER, "subject": "News", "body": "Hello!"}
    return MailingAttempt(**{**sent, **content})


def composed(addressee: Addressee | None = None, **content: Any) -> Letter:
    return Composer(attempt(**content)).compose(addressee or Addressee(1, "ann@example.com"), NOW)


def raw(addressee: Addressee | None = None, **content: Any) -> bytes:
    return bytes(composed(addressee, **content))


def read(addressee: Addressee | None = None, **content: Any) -> EmailMessage:
    return message_from_bytes(raw(addressee, **content), policy=default)


def body(letter: EmailMessage, kind: str = "plain") -> str:
    part = letter.get_body((kind,))
    assert part
    return str(part.get_content())


@pytest.mark.parametrize("text", NAMES)
def test_any_name_arrives_as_it_was(text: str) -> None:
    # Not by the default policy: Python 3.13.0 reads a blank between the encoded words of a long name.
    name, address = parseaddr(message_from_bytes(raw(Addressee(1, "ann@example.com", full_name=text)))["To"])
    assert (str(make_header(decode_header(name))), address) == (" ".join(text.split()), "ann@example.com")


@pytest.mark.parametrize("text", NAMES)
def test_any_subject_arrives_as_it_was(text: str) -> None:
    subject = read(Addressee(1, "ann@example.com", full_name=text), subject="Hi {{ full_name }}")["Subject"]
    assert subject == f"Hi {' '.join(text.split())}"


@pytest.mark.parametrize(
    "text", [*NAMES, ".\r\n.\r\n", "x" * 3000, "From here", "a\n\n.b\n..c", " spaces at the end  "]
)
def test_any_text_arrives_as_it_was(text: str) -> None:
    assert body(read(body=text)).splitlines() == text.splitlines()


@pytest.mark.parametrize("line_end", ["\r", "\n", "\r\n", "\u2028", "\x85", "\x0b", "\x0c", "\x1c"])
def test_a_name_can_make_no_header_of_its_own(line_end: str) -> None:
    name = f"Ann{line_end}Bcc: evil@example.com{line_end}{line_end}body"
    letter = read(Addressee(1, "ann@example.com", full_name=name), subject="{{ full_name }}", body="{{ full_name }}")
    assert letter["Bcc"] is None
    assert letter["Subject"] == "Ann Bcc: evil@example.com body"


@pytest.mark.parametrize(
    "text", ["=?utf-8?q?a=0D=0ABcc:_evil@example.com?=", "Ann =?utf-8?b?eA0KQmNjOiBlQGV2aWwuZXhhbXBsZQ==?="]
)
def test_a_name_that_looks_encoded_is_not_decoded(text: str) -> None:
    letter = read(Addressee(1, "ann@example.com", full_name=text), subject="{{ full_name }}")
    assert letter["Subject"] == text.replace("=?", "= ?")
    assert letter["To"].addresses[0].display_name == text.replace("=?", "= ?")


def test_html_values_are_escaped_and_the_authors_html_is_not() -> None:
    addressee = Addressee(1, "ann@example.com", full_name="<script>alert('&')</script>")
    html = body(read(addressee, body_html="<b>{{ full_name }}</b>"), "html")
    assert html.strip() == "<b>&lt;script&gt;alert(&#x27;&amp;&#x27;)&lt;/script&gt;</b>"


def test_text_and_html_travel_as_alternatives() -> None:
    letter = read(body="plain", body_html="<p>rich</p>")
    assert letter.get_content_type() == "multipart/alternative"
    assert (body(letter).strip(), body(letter, "html").strip()) == ("plain", "<p>rich</p>")


def test_html_alone_travels_alone() -> None:
    assert read(body="", body_html="<p>rich</p>").get_content_type() == "text/html"


@pytest.mark.parametrize("text", ["x" * 5000, "ж" * 5000, "." * 500, "word " * 1000])
def test_no_line_is_longer_than_mail_servers_take(text: str) -> None:
    lines = raw(body=text, body_html=text, subject=text[:250]).split(b"\r\n")
    assert max(map(len, lines)) <= 78


def test_a_long_value_has_a_line_of_its_own() -> None:
    to = Addressee(1, "ann@example.com", full_name="x" * 75)
    assert b"\r\n" + b"x" * 75 + b"=\r\n" in raw(to, body=" {{ full_name }} ")


def test_every_line_ends_with_cr_lf() -> None:
    content = raw(body="a\nb\rc", body_html="<p>\n</p>")
    assert content.replace(b"\r\n", b"").translate(None, b"\r\n") == content.replace(b"\r\n", b"")


def test_the_message_id_is_the_rows_and_never_changes() -> None:
    launched = attempt()
    ids = {
        str(Composer(launched).compose(Addressee(row, "ann@example.com"), NOW).message["Message-ID"])
        for row in (1, 2, 2)
    }
    assert ids == {f"<{row}.{launched.key.hex}@office.example>" for row in (1, 2)}


def test_the_message_id_of_a_sender_with_an_international_domain_is_ascii() -> None:
    launched = attempt(from_email="büro@müller.example", key=UUID(int=1))
    written = Composer(launched).compose(Addressee(3, "ann@example.com"), NOW).message["Message-ID"]
    assert written == message_id(launched, 3, "büro@müller.example") == f"<3.{1:032x}@xn--mller-kva.example>"


def test_a_letter_says_that_it_was_generated_and_when() -> None:
    letter = read()
    assert (letter["Auto-Submitted"], letter["Date"].datetime) == ("auto-generated", NOW)


def test_the_letters_of_a_mailing_have_a_list_of_their_own() -> None:
    ids = [read(mailing_id=mailing, pk=pk)["List-Id"] for mailing, pk in ((12, 1), (12, 2), (13, 3))]
    assert ids == [f'"The Office" <mailing-{mailing}.office.example>' for mailing in (12, 12, 13)]


@pytest.mark.parametrize("name", NAMES)
def test_the_list_is_named_after_the_sender_whatever_the_name(name: str) -> None:
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    letter = message_from_bytes(raw(from_email=f'"{quoted}" <office@office.example>'))
    written, identifier = parseaddr(letter["List-Id"])
    assert (str(make_header(decode_header(written))), identifier) == (
        " ".join(name.split()),
        "mailing-12.office.example",
    )


@pytest.mark.parametrize(
    "text", [".", "..", ".\n.", "\n.a\n..b", "x" * 75 + ".com" * 40, "{{ full_name }}.", "a\n{{ full_name }}"]
)
def test_no_line_begins_with_a_dot_so_that_data_takes_the_content_as_it_is(text: str) -> None:
    to = Addressee(1, "ann@example.com", full_name=".dot\n.")
    lines = raw(to, subject=text.replace("\n", " "), body=text, body_html=text).split(b"\r\n")
    assert [line for line in lines if line.startswith(b".")] == []
    assert lines[-1] == b""
    assert body(read(to, body=text)).splitlines() == text.replace("{{ full_name }}", ".dot\n.").splitlines()


@pytest.mark.parametrize("content", [{"subject": "a\ud800"}, {"body": "a\ud800"}, {"body_html": "a\ud800"}])
def test_half_a_character_is_not_composed(content: dict[str, Any]) -> None:
    with pytest.raises(NotComposed, match="half a character"):
        read(**content)


def test_half_a_character_in_a_value_is_not_composed() -> None:
    with pytest.raises(NotComposed, match="half a character"):
        read(Addressee(1, "ann@example.com", comment="\udfff"), body="{{ comment }}")


def test_control_characters_are_blanks_in_a_header_and_stay_in_the_body() -> None:
    to = Addressee(1, "ann@example.com", full_name="Ann\0\x07Smith")
    letter = read(to, subject="Hi {{ full_name }}", body="{{ full_name }}")
    assert (letter["Subject"], letter["To"].addresses[0].display_name) == ("Hi Ann Smith", "Ann Smith")
    assert body(letter).strip() == "Ann\0\x07Smith"


@pytest.mark.parametrize(
    "address", ["", "ann", "ann@", "@example.com", "a b@example.com", "ann@example.com\nBcc: x@y.zz"]
)
def test_an_invalid_address_is_not_composed_and_the_reason_names_it(address: str) -> None:
    with pytest.raises(NotComposed) as error:
        read(Addressee(1, address))
    assert " ".join(address.split()) in str(error.value)


@pytest.mark.parametrize(
    ("address", "written"),
    [
        ("ann@müller.example", "ann@xn--mller-kva.example"),
        # Python's own codec says fass.de, which belongs to somebody else.
        ("ann@faß.de", "ann@xn--fa-hia.de"),
    ],
)
def test_an_international_domain_is_written_in_ascii(address: str, written: str) -> None:
    letter = composed(Addressee(1, address))
    assert (letter.to, letter.utf8) == (written, False)
    assert letter.message["To"].addresses == (Address(addr_spec=written),)


@pytest.mark.parametrize("address", ["jörg@example.com", "用户@example.com", "jörg@xn--mller-kva.example"])
def test_letters_before_the_at_that_are_not_ascii_need_smtputf8(address: str) -> None:
    letter = composed(Addressee(1, address, full_name="Jörg"))
    assert (letter.to, letter.utf8) == (address, True)
    assert f" <{address}>\r\n".encode() in letter.content
    (read_back,) = letter.message["To"].addresses
    assert (read_back.display_name, read_back.addr_spec) == ("Jörg", address)


def test_such_an_address_with_an_international_domain_has_the_domain_in_ascii() -> None:
    assert composed(Addressee(1, "jörg@müller.example")).to == "jörg@xn--mller-kva.example"


def test_the_senders_address_may_need_smtputf8_too() -> None:
    letter = composed(from_email="Büro <büro@office.example>")
    assert (letter.sender, letter.utf8) == ("büro@office.example", True)


@pytest.mark.parametrize(
    "address",
    ["jö rg@example.com", "jörg\u2028@example.com", "j\ud800rg@example.com", "ann@i❤.example", "ж" * 130 + "@a.bc"],
)
def test_not_every_text_with_such_letters_is_an_address(address: str) -> None:
    with pytest.raises(NotComposed, match="not a valid e-mail address"):
        read(Addressee(1, address))


@pytest.mark.parametrize("address", ['"ann.smith"@example.com', "ann@[127.0.0.1]", "o'neil+tag@example.com"])
def test_an_unusual_but_valid_address_is_written_as_it_is(address: str) -> None:
    assert Composer(attempt()).compose(Addressee(1, address), NOW).to == address


def test_a_value_that_the_recipient_lacks_is_not_composed() -> None:
    with pytest.raises(NotComposed, match=r"attributes\.plan"):
        read(body="{{ attributes.plan }}")


def test_attributes_that_are_no_text_are_written_as_text() -> None:
    addressee = Addressee(1, "ann@example.com", attributes={"age": 42, "vip": True, "none": None})
    text = body(read(addressee, body="{{ attributes.age }} {{ attributes.vip }} [{{ attributes.none }}]"))
    assert text.strip() == "42 True []"


def test_the_sender_keeps_name_and_address() -> None:
    (sender,) = read()["From"].addresses
    assert (sender.display_name, sender.addr_spec) == ("The Office", "office@office.example")


def test_a_sender_that_is_no_address_is_refused_at_once() -> None:
    with pytest.raises(NotComposed, match="office"):
        Composer(MailingAttempt(from_email="office", subject="News", body="Hello!"))
