"""Rows of a file to what is stored of them: one light pass, which most of a large import's time in Python goes to."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from json.encoder import encode_basestring as as_json_text
from typing import NamedTuple, NoReturn

from django.utils.translation import gettext as _

from campaigns.imports import addresses
from campaigns.imports.columns import Target, attribute_name
from campaigns.imports.errors import UnusableRow
from campaigns.imports.tables import Table
from campaigns.models.attribute import with_lower_names

LONGEST_NAME = 200


# Line, e-mail, full name, comment, and the attributes as a JSON object; a plain tuple, for there may be millions.
type Record = tuple[int, str, str, str, str]


class Refusal(NamedTuple):
    line: int
    cells: list[str]
    reason: str


class Records:
    """Iterate once over what can be stored; what can not is handed to `refused`, and blank rows to nobody."""

    def __init__(self, table: Table, mapping: Sequence[str], refused: Callable[[Refusal], None]) -> None:
        self._table, self._refused = table, refused
        self._width = len(table.headers)
        at = {target: mapping.index(target) for target in set(mapping) - {Target.ATTRIBUTE, Target.SKIP}}
        self._email = at[Target.EMAIL]
        self._names = [at[t] for t in (Target.FULL_NAME, Target.FIRST_NAME, Target.LAST_NAME) if t in at]
        self._has_full_name = Target.FULL_NAME in at
        self._comment, self._given = at.get(Target.COMMENT), at.get(Target.ATTRIBUTES)
        # Each attribute as it stands in JSON up to its value, with the place of the value.
        self._extra = [
            (f"{as_json_text(attribute_name(header))}:", number)
            for number, (header, target) in enumerate(zip(table.headers, mapping, strict=True))
            if target == Target.ATTRIBUTE
        ]

    def __iter__(self) -> Iterator[Record]:
        width, record = self._width, self._record
        for line, cells in self._table:
            try:
                if len(cells) != width and not self._fit(cells):
                    continue
                yield record(line, cells)
            except UnusableRow as error:
                if any(map(str.strip, cells)):
                    self._refused(Refusal(line, cells, str(error)))

    def _fit(self, cells: list[str]) -> bool:
        """Give the row as many cells as there are columns; False: it has nothing in it."""
        if not any(map(str.strip, cells)):
            return False
        if any(map(str.strip, cells[self._width :])):
            sentence = _("the row has %(found)s cells, but the first line names %(named)s columns.")
            raise UnusableRow(sentence % {"found": len(cells), "named": self._width})
        del cells[self._width :]
        cells.extend([""] * (self._width - len(cells)))
        return True

    def _record(self, line: int, cells: list[str]) -> Record:
        email = text(cells[self._email])
        full_name = self._name(cells) if self._names else ""
        if not addresses.is_plain(email):
            email, beside = addresses.read(email)
            full_name = full_name or _in_one_line(beside)
        if len(full_name) > LONGEST_NAME:
            raise UnusableRow(_("the full name is longer than %s characters.") % LONGEST_NAME)
        comment = text(cells[self._comment]) if self._comment is not None else ""
        attributes = [name + as_json_text(value) for name, at in self._extra if (value := text(cells[at]))]
        if self._given is not None and (given := text(cells[self._given])):
            # PostgreSQL takes the last of several values of one name.
            attributes.insert(0, _json_object(given)[1:-1])
        return line, email, full_name, comment, f"{{{','.join(filter(None, attributes))}}}"

    def _name(self, cells: list[str]) -> str:
        name = text(cells[self._names[0]])
        if not name or not self._has_full_name:
            name = " ".join(filter(None, [name, *[text(cells[at]) for at in self._names[1:]]]))
        return _in_one_line(name)


def _in_one_line(name: str) -> str:
    return name if name.isprintable() else _BREAKS.sub(" ", name)


def text(cell: str) -> str:
    """What a cell says: without spaces around it, and without the apostrophe that an export puts before a formula."""
    value = cell.strip()
    if value[:1] != "'" and value.isprintable():
        return value  # as nearly all are
    if _NEUTRALISED.match(cell):
        value = cell[1:].strip()
    if "\0" in value:
        raise UnusableRow(_("the row has NUL characters in it."))
    return value.replace("\r\n", "\n").replace("\r", "\n")


def neutralised(value: str) -> str:
    """The text as no spreadsheet takes it for a formula; text() undoes it."""
    return f"'{value}" if _FORMULA.match(value) else value


# Such as begin with apostrophes before the sign get one more, or reading them again would lose one.
_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_NEUTRALISED = re.compile(r"'+[=+\-@\t\r]")
# Other characters that do not print, such as a no-break space, are kept: importing an export changes nothing.
_BREAKS = re.compile(r" *[\t\r\n\v\f\x1c-\x1f\x85\u2028\u2029][\s]*")
_as_json = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


def _json_object(given: str) -> str:
    try:
        value = json.loads(given, parse_constant=_no_constant)
        if isinstance(value, dict):
            value = with_lower_names(value)
        written = _as_json(value)
        written.encode()  # half of a surrogate pair can be written as \ud800, and not be stored
    except (ValueError, RecursionError) as error:
        raise UnusableRow(_("the attributes are no JSON.")) from error
    if not isinstance(value, dict):
        raise UnusableRow(_('the attributes are no JSON object, such as {"city": "Berlin"}.'))
    if "\\u0000" in written:
        raise UnusableRow(_("the row has NUL characters in it."))
    return written


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)
