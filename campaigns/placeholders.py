"""The placeholders of a message: `{{ name }}` or `{{ name|default:"…" }}`, and nothing else.

No template engine ever sees what a user wrote. The names are an allow-list: email, full_name, comment and
attributes.KEY, where KEY is an extra column of the recipients' import. Letter case makes no difference:
placeholders and attributes have their names in lower case.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

FIELDS = ("email", "full_name", "comment")
ATTRIBUTE = "attributes."

# Never over another pair of braces: 100 kB of them would take minutes to read.
BRACES = re.compile(r"\{\{((?:(?!\{\{).)*?)\}\}", re.DOTALL)
_CONTENT = re.compile(
    r"""\s*(?P<name>[A-Za-z_][\w.-]*)\s*(?:\|\s*default:\s*(?P<quote>["'“”])(?P<default>[^"'“”]*)["'“”]\s*)?"""
)


class MissingValue(Exception):
    """The recipient has no such attribute, and the placeholder has no default."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f'The recipient has no “{name}”: add it, or write {{{{ {name}|default:"…" }}}}.')


@dataclass(frozen=True)
class Placeholder:
    name: str
    default: str | None

    def value(self, values: Mapping[str, str]) -> str:
        """What stands in its place for a recipient with these values by name.

        An empty value gives way to the default. Raises MissingValue when there is neither a value nor a default.
        """
        return self.filled(values.get(self.name))

    def filled(self, value: str | None) -> str:
        """The same for this value; None: there is none."""
        if value:
            return value
        if self.default is not None:
            return self.default
        if value is None:
            raise MissingValue(self.name)
        return value


type Part = str | Placeholder


def parse(text: str) -> list[Part]:
    """The text cut into literal strings and placeholders. Raises ValidationError for anything else in braces."""
    return list(_parts(text))


def _parts(text: str) -> Iterator[Part]:
    position = 0
    for match in BRACES.finditer(text):
        yield from _literal(text[position : match.start()])
        yield _placeholder(match[1])
        position = match.end()
    yield from _literal(text[position:])


def _literal(text: str) -> Iterator[str]:
    if "{{" in text:
        raise ValidationError(_("A “{{” is not closed: write }} after the name."))
    if text:
        yield text


def _placeholder(content: str) -> Placeholder:
    match = _CONTENT.fullmatch(content)
    name = match["name"].lower() if match else ""
    if not match or not _allowed(name):
        raise ValidationError(
            _(
                "“{{%(content)s}}” is not known. Use {{ email }}, {{ full_name }}, {{ comment }} "
                'or {{ attributes.column }}, each also with |default:"…".'
            ),
            params={"content": content},
        )
    return Placeholder(name, match["default"])


def _allowed(name: str) -> bool:
    return name in FIELDS or (name.startswith(ATTRIBUTE) and len(name) > len(ATTRIBUTE))


def render(parts: list[Part], values: Mapping[str, str], escape: Callable[[str], str] = str) -> str:
    """The parts with each placeholder's value, passed through `escape`, in its place. Raises MissingValue."""
    return "".join(part if isinstance(part, str) else escape(part.value(values)) for part in parts)


def validate(text: str) -> None:
    """A validator for model fields."""
    parse(text)
