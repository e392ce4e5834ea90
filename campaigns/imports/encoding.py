"""In which encoding a file is written."""

import codecs
import re
from typing import IO

import charset_normalizer
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.imports.errors import UnusableFile

READ_BYTES = 1 << 20
SAMPLE_BYTES = 1 << 16
BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# What a file that is not UTF-8 may be in. The first letters of a language decide, so the fewer the surer.
LEGACY = ["cp1251", "cp1252", "koi8_r", "cp866"]
# What a person may say that it is in, by Python's names.
NAMES = {
    "utf-8": "UTF-8",
    "utf-8-sig": gettext_lazy("UTF-8 with byte order mark"),
    "utf-16": gettext_lazy("UTF-16 with byte order mark"),
    "utf-16-le": "UTF-16 LE",
    "utf-16-be": "UTF-16 BE",
    "cp1251": gettext_lazy("Windows-1251 (Cyrillic)"),
    "cp1252": gettext_lazy("Windows-1252 (Western Europe)"),
    "koi8_r": "KOI8-R",
    "cp866": gettext_lazy("866 (Cyrillic, DOS)"),
    "latin-1": "Latin-1",
}
# No text has these, in any of them.
_CONTROL = re.compile(rb"[\x01-\x08\x0e-\x1a\x1c-\x1f]")


def detect(file: IO[bytes]) -> str:
    """The name of the encoding, as Python has it. Raises UnusableFile for what is no text.

    Reads all of the file: a hundred thousand lines of ASCII may come before the first name that is not.
    """
    file.seek(0)
    head = file.read(SAMPLE_BYTES)
    marked = next((name for mark, name in BYTE_ORDER_MARKS if head.startswith(mark)), None)
    if found := marked or _utf_16_without_mark(head):
        return found
    if _CONTROL.search(head):
        raise UnusableFile(_("This is not a text: choose a CSV or XLSX file."))
    return "utf-8" if _is_utf_8(file) else _legacy(_telling_lines(file))


def _utf_16_without_mark(head: bytes) -> str | None:
    even, odd = head[::2].count(0), head[1::2].count(0)
    half = len(head) // 2
    if half and odd > 0.4 * half and even < 0.1 * half:
        return "utf-16-le"
    if half and even > 0.4 * half and odd < 0.1 * half:
        return "utf-16-be"
    return None


def _is_utf_8(file: IO[bytes]) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    file.seek(0)
    try:
        while content := file.read(READ_BYTES):
            decoder.decode(content)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _telling_lines(file: IO[bytes]) -> bytes:
    """Lines that are not ASCII, for only they tell the encodings apart."""
    file.seek(0)
    found, size = [], 0
    while size < SAMPLE_BYTES and (content := file.readlines(READ_BYTES)):
        for line in content:
            if not line.isascii() and size < SAMPLE_BYTES:
                found.append(line[:1000])
                size += len(found[-1])
    return b"".join(found)


def _legacy(sample: bytes) -> str:
    best = charset_normalizer.from_bytes(sample, cp_isolation=LEGACY).best()
    return best.encoding if best else "latin-1"
