"""The rows of an XLSX file, in as little memory as those of a text.

openpyxl says what the file consists of, and what numbers and dates mean. Its own reader keeps something of every row,
60 MB for 100,000 of LibreOffice's, and goes twice through a sheet that does not tell its size.
"""

from __future__ import annotations

import errno
import zipfile
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from datetime import datetime, time
from typing import IO, Any
from xml.etree.ElementTree import Element, iterparse

from django.conf import settings
from django.utils.translation import gettext as _
from openpyxl.reader.excel import ExcelReader
from openpyxl.styles.stylesheet import apply_stylesheet
from openpyxl.utils.cell import column_index_from_string
from openpyxl.utils.escape import unescape
from openpyxl.worksheet._reader import INLINE_STRING, ROW_TAG, VALUE_TAG, WorkSheetParser
from openpyxl.xml.constants import SHARED_STRINGS

from campaigns.imports.errors import UnusableFile
from campaigns.imports.shared_strings import SharedStrings, text_of

# Excel has no more.
MAX_ROWS = 1_048_576
# Sheets are some ten times smaller when compressed. A bomb is a thousand times.
UNPACKED_TIMES = 20
# Styles and the like are read as a whole. Those of as many formats as Excel allows take 8 MB.
MAX_PART_BYTES = 10_000_000

type Row = tuple[int, list[str]]


class Rows:
    """The rows of the first sheet as text, with their numbers: iterate once. Raises UnusableFile then."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._sheet: IO[bytes] | None = None
        self._size = 1

    def __iter__(self) -> Generator[Row, None, None]:
        with _damaged(_("This is no XLSX file, or it is damaged: save it again as XLSX or CSV.")):
            book = _Book(self._file)
            strings = SharedStrings(book.strings())
            self._sheet, self._size = book.sheet()
        with closing(strings), self._sheet, _damaged(_("The file is damaged: save it again as XLSX, or as CSV.")):
            yield from book.rows(self._sheet, strings)

    def read(self) -> float:
        """How much of the sheet has been read, from 0 to 1; shared texts are another part of the file."""
        if self._sheet is None:
            return 0
        return 1 if self._sheet.closed else self._sheet.tell() / self._size


@contextmanager
def _damaged(sentence: str) -> Iterator[None]:
    try:
        yield
    except UnusableFile:
        raise
    except Exception as error:  # openpyxl, lxml, zipfile and zlib raise what they like
        if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOSPC):
            raise  # that is no fault of the file
        raise UnusableFile(sentence) from error


class _Book(ExcelReader):
    """Reads what the first sheet needs: no other sheet, and nothing as a whole that grows with the rows."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(file, read_only=True, data_only=True, keep_links=False)
        self.archive = _Archive(file)
        self.read_manifest()
        self.read_workbook()
        apply_stylesheet(self.archive, self.wb)
        sheets = (part.target for _sheet, part in self.parser.find_sheets() if "chartsheet" not in part.Type)
        self._sheet = next(name for name in sheets if name in self.valid_files)

    def strings(self) -> IO[bytes] | None:
        part = self.package.find(SHARED_STRINGS)
        return self.archive.open(part.PartName[1:]) if part else None

    def sheet(self) -> tuple[IO[bytes], int]:
        """The part that has the rows, and its size."""
        return self.archive.open(self._sheet), self.archive.getinfo(self._sheet).file_size

    def rows(self, sheet: IO[bytes], strings: SharedStrings) -> Iterator[Row]:
        dates = {"date_formats": self.wb._date_formats, "timedelta_formats": self.wb._timedelta_formats}
        return _Sheet(sheet, strings, data_only=True, epoch=self.wb.epoch, **dates).parse()


class _Archive(zipfile.ZipFile):
    """Refuses bombs by the sizes that the file names: zipfile reads no more of an entry than that."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(file)
        unpacked = sum(entry.file_size for entry in self.infolist())
        _refuse_above(settings.IMPORT_MAX_MB * UNPACKED_TIMES * 1_000_000, unpacked)

    def read(self, name: Any, pwd: bytes | None = None) -> bytes:
        _refuse_above(MAX_PART_BYTES, self.getinfo(name).file_size)
        return super().read(name, pwd)


def _refuse_above(limit: int, size: int) -> None:
    if size > limit:
        raise UnusableFile(_("The file would be too large when it is unpacked."))


class _Sheet(WorkSheetParser):
    """Forgets each row once it was read; numbers, dates and formulas' results are openpyxl's."""

    row_counter: int

    def parse(self) -> Iterator[Row]:
        above: list[Element] = []
        for event, node in iterparse(self.source, ("start", "end")):  # noqa: S314 - expat refuses entities that multiply
            if event == "start":
                above.append(node)
                continue
            above.pop()
            if node.tag == ROW_TAG:
                row = self.parse_row(node)
                if row[0] > MAX_ROWS:
                    return
                yield row
            if len(above) == 2:  # the rows, and what a sheet has beside them, such as links
                above[-1].clear()

    def parse_row(self, row: Element) -> Row:
        self.row_counter = int(row.get("r") or self.row_counter + 1)
        self.col_counter = 0
        cells: list[str] = []
        for node in row:
            if text := self._text(node):
                at = self.col_counter - 1
                cells.extend([""] * (at - len(cells)))
                cells[at : at + 1] = [text]
        return self.row_counter, cells

    def _text(self, cell: Element) -> str:
        kind = cell.get("t")
        if kind not in ("s", "inlineStr"):
            return _text(self.parse_cell(cell)["value"])
        place = cell.get("r")
        self.col_counter = column_index_from_string(place.rstrip("0123456789")) if place else self.col_counter + 1
        if kind == "s":
            number = cell.findtext(VALUE_TAG)
            return _unescaped(self.shared_strings[int(number)]) if number else ""
        content = cell.find(INLINE_STRING)
        return _unescaped(text_of(content)) if content is not None else ""


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return _unescaped(value)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(" ")
    return str(value)


def _unescaped(text: str) -> str:
    """With the characters that stand there by their numbers, as _x000B_ does; half of a pair is none."""
    return unescape(text).encode(errors="replace").decode() if "_x" in text else text
