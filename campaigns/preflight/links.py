"""Links and pictures of a message that lead nowhere, because a letter has no page that they could start from."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from urllib.parse import urlsplit

from django.utils.translation import ngettext

from campaigns.models import Message
from campaigns.placeholders import BRACES
from campaigns.preflight.finding import Finding

# How many are named.
MOST_NAMED = 5
_ADDRESS_OF = {"a": "href", "area": "href", "img": "src"}
# Stands for a placeholder while an address is read: whatever it will be, nothing is said of it.
_PLACEHOLDER = "\ue000"
_IN_TEXT = re.compile(r"\bhttps?://[^\s<>\"]*", re.IGNORECASE)
_CLOSING = ".,;:!?)]}'»”"


def findings(message: Message) -> Iterator[Finding]:
    if dead := list(dict.fromkeys([*_of_html(message.body_html), *_of_text(message.body)])):
        sentence = ngettext(
            "%(count)s link leads nowhere: %(links)s", "%(count)s links lead nowhere: %(links)s", len(dead)
        )
        named = ", ".join(f"“{link}”" for link in dead[:MOST_NAMED]) + (" …" if len(dead) > MOST_NAMED else "")
        yield Finding("links", False, sentence % {"count": len(dead), "links": named})


class _Links(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.anchors: set[str] = set()
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.anchors |= {f"#{value}" for name, value in attrs if name in ("id", "name") and value}
        if (name := _ADDRESS_OF.get(tag)) and name in attributes:
            self.found.append((attributes[name] or "").strip())


def _of_html(html: str) -> list[str]:
    links = _Links(BRACES.sub(_PLACEHOLDER, html))
    return [_readable(link) for link in links.found if link not in links.anchors and not _leads_somewhere(link)]


def _of_text(text: str) -> list[str]:
    found = (link.rstrip(_CLOSING) for link in _IN_TEXT.findall(BRACES.sub(_PLACEHOLDER, text)))
    return [_readable(link) for link in found if not _leads_somewhere(link)]


def _leads_somewhere(link: str) -> bool:
    if link.startswith(_PLACEHOLDER):
        return True
    try:
        parts = urlsplit(link)
        host = parts.hostname
    except ValueError:  # [ without ], or a port that is no number
        return False
    if parts.scheme in ("http", "https"):
        return bool(host)
    # example.com:8080 looks like a scheme.
    return bool(parts.scheme and (parts.path or host)) and "." not in parts.scheme and parts.scheme != "javascript"


def _readable(link: str) -> str:
    return link.replace(_PLACEHOLDER, "{{…}}")
