"""Who gets the mail, and what it says: some 2 KB of text and HTML, personal in subject and body."""

import hashlib
from dataclasses import dataclass
from html import escape

SENDER = "news@example.com"
NAMES = ["Anna Smith", "Bob Müller", "Chloé O'Neil", "Фёдор Коваленко", "João Brown & Sons", "Ελένη Ιωάννου", "Ewa Lee"]

_LOREM = "We are pleased to share the latest changes to your account, with features your team asked for."
SUBJECT = "Your monthly digest, {{ full_name }}"
TEXT = (
    "Dear {{ full_name }},\n\n"
    + f"{_LOREM}\n" * 4
    + "\nKind regards,\nThe campaign team – café\nTo stop: https://example.com/u/{{ attributes.token }}\n"
)
HTML = (
    '<!doctype html><html><body style="font-family: sans-serif"><h1>Dear {{ full_name }},</h1>\n'
    + f"<p>{_LOREM}</p>\n" * 6
    + "<p>Kind regards,<br>The campaign team – café</p>\n"
    + '<p><a href="https://example.com/u/{{ attributes.token }}">Unsubscribe</a></p></body></html>\n'
)


@dataclass(frozen=True)
class Person:
    email: str
    name: str
    token: str


@dataclass(frozen=True)
class Letter:
    """What a program without a composer of its own is given to send."""

    to: str
    subject: str
    text: str
    html: str


def person(number: int) -> Person:
    """The same one at every run."""
    token = hashlib.sha256(str(number).encode()).hexdigest()[:16]
    return Person(f"user{number}@example.com", NAMES[number % len(NAMES)], token)


def letter(number: int) -> Letter:
    """The letter to that person."""
    to = person(number)
    return Letter(to.email, _fill(SUBJECT, to.name, ""), _fill(TEXT, to.name, to.token), _html(to))


def _html(to: Person) -> str:
    return _fill(HTML, escape(to.name), to.token)


def _fill(template: str, name: str, token: str) -> str:
    return template.replace("{{ full_name }}", name).replace("{{ attributes.token }}", token)
