"""Files as tables: the first row names the columns, the others come one by one with their lines."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from typing import IO, Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from campaigns.imports import addresses, sheets
from campaigns.imports.errors import UnusableFile, in_line
from campaigns.imports.layouts import Layout

MAX_COLUMNS = 200
SAMPLE_ROWS = 5
SAMPLE_LETTERS = 80

type Row = tuple[int, list[str]]


class Table:
    """Iterate once, for the lines of the file and their cells; the headers are known before."""

    def __init__(self, file: IO[bytes], layout: Layout) -> None:
        self._file, self._size = file, file.seek(0, 2)
        self._sheet = sheets.Rows(file) if layout.kind == "xlsx" else None
        self._rows = iter(self._sheet or _delimited(file, layout))
        first = next((row for row in self._rows if any(map(str.strip, row[1]))), None)
        if first is None:
            raise UnusableFile(_("The file is empty."))
        self.headers = _without_empty_end([_storable(cell.strip()) for cell in first[1]])
        if len(self.headers) > MAX_COLUMNS:
            raise UnusableFile(
                _("The file has %(found)s columns; at most %(limit)s can be imported.")
                % {"found": len(self.headers), "limit": MAX_COLUMNS}
            )
        if not layout.header:
            self.headers = [_("Column %s") % number for number in range(1, len(self.headers) + 1)]
            self._rows = chain([first], self._rows)

    def __iter__(self) -> Iterator[Row]:
        return self._rows

    def read(self) -> float:
        """How much of it has been read, from 0 to 1."""
        return self._sheet.read() if self._sheet else min(self._file.tell() / self._size, 1)


def with_header(file: IO[bytes], layout: Layout) -> Layout:
    """The layout, corrected where the first row holds an address and so names no columns."""
    first = Table(file, replace(layout, header=True)).headers
    return replace(layout, header=not any(map(addresses.is_there, first)))


def samples(table: Table) -> list[list[str]]:
    """The first rows, shortened. Raises UnusableFile for a table that has none."""
    filled = (cells for _line, cells in table if any(map(str.strip, cells)))
    found = [row for row, _number in zip(filled, range(SAMPLE_ROWS), strict=False)]
    if not found:
        raise UnusableFile(_("The file has no rows below the line that names the columns."))
    width = len(table.headers)
    return [[_storable(cell.strip())[:SAMPLE_LETTERS] for cell in row[:width]] for row in found]


def _delimited(file: IO[bytes], layout: Layout) -> Iterator[Row]:
    file.seek(0)
    text: Any = io.TextIOWrapper(file, layout.encoding, newline="")
    reader = csv.reader(text, delimiter=layout.delimiter, strict=True)
    line = 1
    try:
        for number, row in enumerate(reader):
            if number >= layout.skip:
                yield line, row
            line = reader.line_num + 1
    except csv.Error as error:
        raise UnusableFile(in_line(line, _broken(error))) from error
    except UnicodeError as error:
        sentence = _("this is not text in %s.") % layout.encoding
        raise UnusableFile(in_line(line, sentence)) from error
    finally:
        if not file.closed:
            text.detach()  # which would close the file with itself


def _broken(error: csv.Error) -> str:
    told = str(error)
    if "field limit" in told:
        limit = csv.field_size_limit()
        return (
            ngettext(
                "a cell has more than %s character, or its quotation mark is never closed.",
                "a cell has more than %s characters, or its quotation mark is never closed.",
                limit,
            )
            % f"{limit:,}"
        )
    if "unexpected end" in told:
        return _("the quotation mark that opens here is never closed.")
    return _("a quotation mark stands in the middle of a cell: write it twice.")


def _storable(cell: str) -> str:
    return cell.replace("\0", "\N{REPLACEMENT CHARACTER}")


def _without_empty_end(cells: list[str]) -> list[str]:
    while cells and not cells[-1]:
        cells.pop()
    return cells
