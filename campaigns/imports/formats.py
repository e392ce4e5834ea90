"""The kinds of file that recipients come from and go to."""

from io import BytesIO
from typing import Any

import openpyxl
import tablib
from import_export.formats.base_formats import CSV, XLSX
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

__all__ = ["CSV", "Workbook"]


class Workbook(XLSX):
    """XLSX in which every cell is text: a name that begins with “=” is no formula, here or in who opens it."""

    def create_dataset(self, in_stream: bytes, **kwargs: Any) -> tablib.Dataset:
        try:
            dataset: tablib.Dataset = super().create_dataset(in_stream, **kwargs)
        except StopIteration:  # not even a first row
            return tablib.Dataset()
        return dataset

    def export_data(self, dataset: tablib.Dataset, **kwargs: Any) -> bytes:
        book, file = openpyxl.Workbook(write_only=True), BytesIO()
        sheet = book.create_sheet("Recipients")
        for row in (dataset.headers, *dataset):
            sheet.append([_text_cell(sheet, value) for value in row])
        book.save(file)
        return file.getvalue()


def _text_cell(sheet: Any, value: Any) -> WriteOnlyCell:
    cell = WriteOnlyCell(sheet, ILLEGAL_CHARACTERS_RE.sub("\N{REPLACEMENT CHARACTER}", str(value or "")))
    cell.data_type = "s"
    return cell
