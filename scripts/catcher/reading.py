"""A mail as a person reads it; a broken mail is shown as well as it can be, never refused."""

from dataclasses import dataclass
from email import message_from_bytes
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message


@dataclass(frozen=True)
class Letter:
    headers: list[tuple[str, str]]
    text: str
    html: str
    attachments: list[str]

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key.casefold() == name.casefold()), "")


def read(source: bytes) -> Letter:
    message = message_from_bytes(source)
    parts = [part for part in message.walk() if not part.is_multipart()]
    bodies = [part for part in parts if part.get_content_disposition() != "attachment"]
    return Letter(
        headers=[(name, _plain(value)) for name, value in message.items()],
        text=_first(bodies, "text/plain"),
        html=_first(bodies, "text/html"),
        attachments=[_plain(part.get_filename("unnamed")) for part in parts if part not in bodies],
    )


def subject_of(source: bytes) -> str:
    """The subject alone; a list of mails needs no more."""
    return read(source.partition(b"\r\n\r\n")[0] + b"\r\n\r\n").header("Subject")


def _first(parts: list[Message], kind: str) -> str:
    return next((_text(part) for part in parts if part.get_content_type() == kind), "")


def _text(part: Message) -> str:
    payload = part.get_payload(decode=True)
    content = payload if isinstance(payload, bytes) else b""
    try:
        return content.decode(part.get_content_charset("utf-8"), "replace")
    except LookupError:
        return content.decode("utf-8", "replace")


def _plain(header: object) -> str:
    try:
        text = str(make_header(decode_header(str(header))))
    except (HeaderParseError, LookupError, ValueError):
        text = str(header)
    return text.encode("utf-8", "replace").decode()
