"""The texts that the cells of an XLSX file share, by their numbers, kept on disk.

Excel and LibreOffice write every address there. openpyxl's list of a million takes 150 MB.
"""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Iterator
from functools import lru_cache
from itertools import accumulate, islice
from typing import IO, Any
from xml.etree.ElementTree import Element, iterparse

from openpyxl.xml.constants import SHEET_MAIN_NS

PIECE_TEXTS = 1000
# Those of columns such as a city, which come again and again.
KNOWN_TEXTS = 1000

_ITEM, _RUN, _TEXT = (f"{{{SHEET_MAIN_NS}}}{name}" for name in ("si", "r", "t"))
_BOUNDS = struct.Struct("<QQ")


class SharedStrings:
    """Reads the source as far as somebody asks: the first rows want the first texts."""

    def __init__(self, source: IO[bytes] | None) -> None:
        self._source = _items(source) if source else iter(())
        self._latest: list[str] = []
        self._count = self._size = 0
        # Where each text ends in the other file, and before them all where the first begins.
        self._ends, self._content = (tempfile.TemporaryFile() for _ in range(2))  # noqa: SIM115 - close() ends them
        self._ends.write(struct.pack("<Q", 0))
        self._known = lru_cache(KNOWN_TEXTS)(self._read)

    def __getitem__(self, number: int) -> str:
        """Raises IndexError when there is no such text, and what a damaged file makes iterparse and zipfile raise."""
        while number >= self._count:
            self._append(list(islice(self._source, PIECE_TEXTS)))
        at = number - self._count + len(self._latest)
        return self._latest[at] if at >= 0 else self._known(number)

    def close(self) -> None:
        self._ends.close()
        self._content.close()

    def _append(self, texts: list[str]) -> None:
        if not texts:
            raise IndexError("There is no such text.")
        encoded = [text.encode() for text in texts]
        _start, *ends = accumulate(map(len, encoded), initial=self._size)
        for file, content in (self._content, b"".join(encoded)), (self._ends, struct.pack(f"<{len(ends)}Q", *ends)):
            file.seek(0, 2)
            file.write(content)
        self._latest, self._size = texts, ends[-1]
        self._count += len(texts)

    def _read(self, number: int) -> str:
        self._ends.seek(number * 8)
        start, end = _BOUNDS.unpack(self._ends.read(_BOUNDS.size))
        self._content.seek(start)
        return self._content.read(end - start).decode()


def text_of(node: Element) -> str:
    """What an item or a cell's own text says, without its formatting and without how it is pronounced."""
    plain = "".join(part.text or "" for part in node.iterfind(_TEXT))
    return plain + "".join(part.findtext(_TEXT) or "" for part in node.iterfind(_RUN))


def _items(source: IO[bytes]) -> Iterator[str]:
    above: list[Any] = []
    for event, node in iterparse(source, ("start", "end")):  # noqa: S314 - expat refuses entities that multiply
        if event == "start":
            above.append(node)
            continue
        above.pop()
        if node.tag == _ITEM:
            yield text_of(node)
            above[-1].clear()  # or the tree would grow with the file
