"""How the rows lie in a file: text between delimiters in some encoding, or a sheet."""

from __future__ import annotations

import codecs
import csv
import re
from dataclasses import asdict, dataclass
from itertools import islice
from typing import IO, Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.imports import encoding
from campaigns.imports.errors import UnusableFile

ZIP = b"PK\x03\x04"
# What people upload in place of a CSV or XLSX file, by its first bytes.
OTHERS = {
    b"\xd0\xcf\x11\xe0": "XLS",
    b"%PDF": "PDF",
    b"\x1f\x8b": "GZIP",
    b"Rar!": "RAR",
    b"7z\xbc\xaf": "7Z",
    b"\x89PNG": "PNG",
}
DELIMITERS = {
    ",": gettext_lazy("Comma"),
    ";": gettext_lazy("Semicolon"),
    "\t": gettext_lazy("Tab"),
    "|": gettext_lazy("Vertical bar"),
}
HEAD_BYTES = 1 << 16
HEAD_ROWS = 20
# Excel's own first line, which names the delimiter.
_NAMED = re.compile(r'"?sep=([^"\s\0]|\t)"?[ \t]*[\r\n]', re.IGNORECASE)


@dataclass(frozen=True)
class Layout:
    kind: str  # csv or xlsx
    encoding: str = ""
    delimiter: str = ""
    # Lines before the one that names the columns.
    skip: int = 0
    # Whether the first row names the columns. A list of bare addresses has no such row.
    header: bool = True

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def detect(file: IO[bytes]) -> Layout:
    """How the file is to be read. Raises UnusableFile for what is neither text nor a sheet."""
    file.seek(0)
    first = file.read(8)
    if not first:
        raise UnusableFile(_("The file is empty."))
    for mark, name in OTHERS.items():
        if first.startswith(mark):
            raise UnusableFile(_("This is a file of the kind %s: save it as CSV or XLSX, and upload that.") % name)
    if first.startswith(ZIP):
        return Layout("xlsx")
    written_in = encoding.detect(file)
    head = _head(file, written_in)
    if named := _NAMED.match(head):
        return Layout("csv", written_in, named[1], skip=1)
    return Layout("csv", written_in, _delimiter(head))


def _head(file: IO[bytes], written_in: str) -> str:
    file.seek(0)
    decoder = codecs.getincrementaldecoder(written_in)(errors="replace")
    return decoder.decode(file.read(HEAD_BYTES))


def _delimiter(head: str) -> str:
    return max(DELIMITERS, key=lambda delimiter: _fit(head, delimiter))


def _fit(head: str, delimiter: str) -> tuple[bool, float, int]:
    """How well the first rows come apart at it: into columns at all, into as many in each row, into how many."""
    try:
        rows = [row for row in islice(csv.reader(head.splitlines(), delimiter=delimiter), HEAD_ROWS) if row]
    except csv.Error:
        return False, 0, 0
    if not rows:
        return False, 0, 0
    width = len(rows[0])
    alike = sum(len(row) == width for row in rows) / len(rows)
    return width > 1, alike if width > 1 else 0, width
