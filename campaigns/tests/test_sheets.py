"""What is read of an XLSX file, and how much of it is held at once."""

import errno
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import date, datetime
from io import BytesIO
from typing import Any
from xml.etree.ElementTree import Element, SubElement, fromstring, tostring

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl.xml.constants import SHARED_STRINGS, SHEET_MAIN_NS

from campaigns.imports import shared_strings, sheet_writer, sheets
from campaigns.imports.errors import UnusableFile
from campaigns.imports.shared_strings import SharedStrings

SHEET, TYPES = "xl/worksheets/sheet1.xml", "[Content_Types].xml"
FEW, MANY = 2_000, 6_000


def people(count: int) -> Iterator[tuple[str, ...]]:
    yield "email", "full_name", "city"
    for number in range(count):
        yield f"user{number}@example.com", f"User {number}", "Berlin"


def saved(*rows: tuple[Any, ...]) -> BytesIO:
    """A file as openpyxl writes it, each cell with its own text."""
    book, file = openpyxl.Workbook(write_only=True), BytesIO()
    sheet = book.create_sheet()
    for row in rows:
        sheet.append(row)
    book.save(file)
    return file


def shared(*rows: tuple[str, ...], row: str = "<row>") -> BytesIO:
    """A file as Excel writes it: the cells have the numbers of texts."""
    numbers: dict[str, int] = {}
    cells = [[f'<c t="s"><v>{numbers.setdefault(text, len(numbers))}</v></c>' for text in texts] for texts in rows]
    data = "".join(f"{row}{''.join(each)}</row>" for each in cells)
    parts = parts_of(saved())
    parts[SHEET] = f'<worksheet xmlns="{SHEET_MAIN_NS}"><sheetData>{data}</sheetData></worksheet>'.encode()
    parts["xl/sharedStrings.xml"] = strings(*numbers)
    one_more = f'<Override PartName="/xl/sharedStrings.xml" ContentType="{SHARED_STRINGS}"/></Types>'.encode()
    parts[TYPES] = parts[TYPES].replace(b"</Types>", one_more)
    return zipped(parts)


def strings(*texts: str) -> bytes:
    table = Element("sst", xmlns=SHEET_MAIN_NS)
    for text in texts:
        SubElement(SubElement(table, "si"), "t").text = text
    return tostring(table)


def forged(file: BytesIO, part: str, old: bytes, new: bytes) -> BytesIO:
    """The same with something else written in one of its parts."""
    parts = parts_of(file)
    assert old in parts[part]
    return zipped({**parts, part: parts[part].replace(old, new)})


def parts_of(file: BytesIO) -> dict[str, bytes]:
    with zipfile.ZipFile(file) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(parts: dict[str, bytes]) -> BytesIO:
    file = BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return file


def as_exported(count: int) -> BytesIO:
    return BytesIO(b"".join(sheet_writer.written(people(count))))


def as_excel_writes(count: int) -> BytesIO:
    return shared(*people(count))


def as_libreoffice_writes(count: int) -> BytesIO:
    return shared(*people(count), row='<row customFormat="false" ht="12.8" hidden="false" collapsed="false">')


# How much is held


@pytest.mark.parametrize("written", [as_exported, as_excel_writes, as_libreoffice_writes])
def test_many_rows_need_no_more_memory_than_few(written: Callable[[int], BytesIO]) -> None:
    assert peak(written(MANY)) < 1.5 * peak(written(FEW))


def peak(file: BytesIO) -> int:
    """The most bytes that were held while the rows were read."""
    tracemalloc.start()
    try:
        for _row in sheets.Rows(file):
            pass
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("written", [as_exported, as_excel_writes])
def test_the_first_row_comes_before_the_rest_was_read(written: Callable[[int], BytesIO]) -> None:
    opened = _Counting(written(20_000).getvalue())
    with closing(iter(sheets.Rows(opened))) as rows:
        assert next(rows) == (1, ["email", "full_name", "city"])
    assert opened.taken < len(opened.getvalue()) / 2


class _Counting(BytesIO):
    taken = 0

    def read(self, size: int | None = -1) -> bytes:
        content = super().read(size)
        self.taken += len(content)
        return content


@pytest.mark.parametrize("written", [as_exported, as_excel_writes])
def test_how_much_has_been_read_only_grows_to_all(written: Callable[[int], BytesIO]) -> None:
    rows = sheets.Rows(written(20_000))
    shares = [rows.read() for _row in rows]
    assert shares == sorted(shares)
    assert shares[0] < 0.1
    assert rows.read() == 1


# Shared texts


@given(st.lists(st.text(st.characters(exclude_categories=["Cc", "Cs", "Cn"])), min_size=1), st.data())
def test_shared_texts_are_found_in_any_order(texts: list[str], data: st.DataObject) -> None:
    order = data.draw(st.lists(st.integers(0, len(texts) - 1)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shared_strings, "PIECE_TEXTS", 2)
        patch.setattr(shared_strings, "KNOWN_TEXTS", 2)
        with closing(SharedStrings(BytesIO(strings(*texts)))) as found:
            assert [found[number] for number in order] == [texts[number] for number in order]


@pytest.mark.parametrize("number", [b"2", b"-1", b"one"])
def test_a_cell_whose_text_is_not_there_makes_a_damaged_file(number: bytes) -> None:
    file = forged(shared(("email",), ("anna@example.com",)), SHEET, b"<v>1</v>", b"<v>%s</v>" % number)
    with pytest.raises(UnusableFile, match="The file is damaged"):
        list(sheets.Rows(file))


def test_a_text_is_its_runs_without_how_it_is_pronounced() -> None:
    runs = "<r><rPr><b/></rPr><t>An</t></r><r><t>na</t></r><rPh sb='0' eb='1'><t>annah</t></rPh>"
    assert shared_strings.text_of(fromstring(f'<si xmlns="{SHEET_MAIN_NS}">{runs}</si>')) == "Anna"  # noqa: S314


# Cells


def test_numbers_dates_and_truths_are_texts() -> None:
    evening = datetime(2026, 11, 23, 18, 5)  # noqa: DTZ001 - a sheet has no time zones
    file = saved((1, 2.0, 2.5, True, date(2026, 11, 23), evening, None, "end"))
    assert list(sheets.Rows(file)) == [(1, ["1", "2", "2.5", "True", "2026-11-23", "2026-11-23 18:05:00", "", "end"])]


def test_a_row_keeps_its_number_when_others_are_left_out() -> None:
    file = forged(saved(("email",), ("anna@example.com",)), SHEET, b'<row r="2"', b'<row r="7"')
    assert [number for number, _cells in sheets.Rows(file)] == [1, 7]


def test_only_the_first_sheet_is_read() -> None:
    book, file = openpyxl.Workbook(), BytesIO()
    book.active.append(("email",))
    book.create_sheet("More").append(("bob@example.com",))
    book.save(file)
    assert list(sheets.Rows(file)) == [(1, ["email"])]


# Too much


def test_a_part_that_is_read_as_a_whole_may_not_be_large() -> None:
    file = forged(saved(("email",)), "xl/styles.xml", b"</styleSheet>", b" " * 11_000_000 + b"</styleSheet>")
    with pytest.raises(UnusableFile, match="too large when it is unpacked"):
        list(sheets.Rows(file))


def test_a_full_disk_is_not_the_files_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_args: Any, **_options: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("tempfile.TemporaryFile", full)
    with pytest.raises(OSError, match="No space left"):
        list(sheets.Rows(saved(("email",), ("anna@example.com",))))


@pytest.mark.parametrize(
    ("part", "content"),
    [
        ("xl/workbook.xml", b"<workbook"),
        ("xl/styles.xml", b"<styleSheet"),
        (TYPES, b"<Types"),
        (SHEET, b'<?xml version="1.0" encoding="foo"?><worksheet/>'),
    ],
)
def test_a_part_that_can_not_be_read_makes_a_damaged_file(part: str, content: bytes) -> None:
    file = zipped(parts_of(saved(("email",), ("anna@example.com",))) | {part: content})
    with pytest.raises(UnusableFile, match="damaged"):
        list(sheets.Rows(file))
