"""What a page says that its Content-Security-Policy refuses: scripts and styles inside it, handlers in attributes."""

from html.parser import HTMLParser

type Attributes = list[tuple[str, str | None]]

DATA = ("application/json", "application/ld+json", "text/template")


class _Finder(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: Attributes) -> None:
        given = dict(attrs)
        if tag == "script" and "src" not in given and given.get("type") not in DATA:
            self.found.append("<script>")
        if tag == "style" and "nonce" not in given:
            self.found.append("<style>")
        self.found += [name for name in given if name.startswith("on")]
        self.found += [name for name, value in attrs if value and value.strip().lower().startswith("javascript:")]


def inline(html: str) -> list[str]:
    """What is refused in this page or template, in the order of the page."""
    finder = _Finder()
    finder.feed(html)
    return finder.found
