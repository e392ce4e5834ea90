"""The rows of an XLSX file, in as little memory as those of a text."""

from __future__ import annotations

import tempfile
import zipfile
from array import array
from collections.abc import Iterator
from datetime import datetime, time
from typing import IO, Any
from xml.etree.ElementTree import ParseError, iterparse

from django.conf import settings
from django.utils.translation import gettext as _
from openpyxl.cell.rich_text import CellRichText
from openpyxl.cell.text import Text
from openpyxl.reader.excel import ExcelReader
from openpyxl.utils.escape import unescape
from openpyxl.utils.exceptions import InvalidFileException
from openpyxl.xml.constants import SHARED_STRINGS, SHEET_MAIN_NS

from campaigns.imports.errors import UnusableFile

# Excel has no more; a row that calls itself the billionth would have a billion empty ones before it.
MAX_ROWS = 1_048_576
# Sheets are some ten times smaller when compressed. A bomb is a thousand times.
UNPACKED_TIMES = 20

_DAMAGED = (
    zipfile.BadZipFile,
    InvalidFileException,
    ParseError,
    KeyError,
    ValueError,
    TypeError,
    IndexError,
    AttributeError,
    EOFError,
    OSError,
    StopIteration,
    NotImplementedError,
    RuntimeError,
)


def rows(file: IO[bytes]) -> Iterator[tuple[int, list[str]]]:
    """The rows of the first sheet as text, with their numbers. Raises UnusableFile."""
    sheet = _first_sheet(file)
    found = _guarded(sheet.iter_rows(max_row=MAX_ROWS, values_only=True))
    for line, values in enumerate(found, start=1):
        yield line, [_text(value) for value in _without_end(values)]


def _guarded(found: Iterator[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    try:
        yield from found
    except _DAMAGED as error:
        raise UnusableFile(_("The file is damaged: save it again as XLSX, or as CSV.")) from error


def _first_sheet(file: IO[bytes]) -> Any:
    file.seek(0)
    try:
        _refuse_bomb(file)
        reader: Any = _Reader(file, read_only=True, data_only=True, keep_links=False)
        reader.read()
        sheet = reader.wb.worksheets[0]
        sheet.reset_dimensions()  # what the file says of them need not be true
    except _DAMAGED as error:
        raise UnusableFile(_("This is no XLSX file, or it is damaged: save it again as XLSX or CSV.")) from error
    return sheet


def _refuse_bomb(file: IO[bytes]) -> None:
    """By the sizes that the file names: zipfile reads no more of an entry than that."""
    unpacked = sum(entry.file_size for entry in zipfile.ZipFile(file).infolist())
    if unpacked > settings.IMPORT_MAX_MB * UNPACKED_TIMES * 1_000_000:
        raise UnusableFile(_("The file would be too large when it is unpacked."))
    file.seek(0)


class _Reader(ExcelReader):
    """openpyxl's, but for the texts that the cells share: it keeps them all in memory, a million in 150 MB."""

    def read_strings(self) -> None:
        types = self.package.find(SHARED_STRINGS)
        if types is not None:
            self.shared_strings = _SharedStrings(self.archive.open(types.PartName[1:]))


class _SharedStrings:
    """Texts by number, on disk, read as far as somebody asks: the first rows want the first texts."""

    def __init__(self, source: Any) -> None:
        self._source = _texts(source)
        self._file: Any = tempfile.SpooledTemporaryFile(1 << 20)  # noqa: SIM115 - it lives as long as the sheet is read
        self._ends = array("Q", [0])

    def __getitem__(self, number: int) -> str:
        while len(self._ends) <= number + 1:
            self._append(next(self._source))
        self._file.seek(self._ends[number])
        content: bytes = self._file.read(self._ends[number + 1] - self._ends[number])
        return content.decode(errors="replace")

    def _append(self, text: str) -> None:
        self._file.seek(0, 2)
        self._file.write(text.encode(errors="replace"))
        self._ends.append(self._file.tell())


def _texts(source: Any) -> Iterator[str]:
    tag = f"{{{SHEET_MAIN_NS}}}si"
    above: list[Any] = []
    for event, node in iterparse(source, ("start", "end")):  # noqa: S314 - expat refuses entities that multiply
        if event == "start":
            above.append(node)
            continue
        above.pop()
        if node.tag == tag:
            yield str(Text.from_tree(node).content)
            above[-1].clear()  # or the tree would grow with the file
    raise IndexError("There is no such text.")


def _without_end(values: tuple[Any, ...]) -> list[Any]:
    cells = list(values)
    while cells and cells[-1] is None:
        cells.pop()
    return cells


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str | CellRichText):
        return _unescaped(str(value))
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat(" ")
    return str(value)


def _unescaped(text: str) -> str:
    """With the characters that stand there by their numbers, as _x000B_ does; half of a pair is none."""
    return unescape(text).encode(errors="replace").decode() if "_x" in text else text
