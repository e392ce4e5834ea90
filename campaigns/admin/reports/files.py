"""A report as a file: CSV while it is read, or a workbook with a sheet for each of its tables."""

from collections.abc import Iterator
from datetime import date, datetime
from io import BytesIO
from typing import Any

import openpyxl
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.utils import timezone
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

from campaigns.admin import downloads
from campaigns.admin.reports.tables import Table
from campaigns.imports.rows import neutralised

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def as_csv(request: HttpRequest, table: Table, name: str) -> StreamingHttpResponse:
    """One table."""
    return downloads.as_csv(request, _lines(table), f"{name}-{table.name}")


def as_workbook(tables: list[Table], name: str) -> HttpResponse:
    """All tables, a sheet each; every text is a text, whatever it begins with."""
    book, file = openpyxl.Workbook(write_only=True), BytesIO()
    for table in tables:
        sheet = book.create_sheet(table.title[:31])
        for line in table.lines():
            sheet.append([_cell(sheet, value) for value in line])
    book.save(file)
    headers = {"Content-Disposition": f'attachment; filename="{name}.xlsx"'}
    return HttpResponse(file.getvalue(), content_type=XLSX, headers=headers)


def _lines(table: Table) -> Iterator[list[Any]]:
    return ([_written(value) for value in line] for line in table.lines())


def _written(value: Any) -> Any:
    if isinstance(value, datetime):
        return timezone.localtime(value).isoformat(" ", "seconds")
    if isinstance(value, float):
        return round(value, 2)
    return neutralised(value) if isinstance(value, str) else value


def _cell(sheet: Any, value: Any) -> Any:
    if isinstance(value, datetime):
        return timezone.localtime(value).replace(tzinfo=None)  # a workbook knows no time zones
    if value is None or isinstance(value, int | float | date):
        return value
    cell = WriteOnlyCell(sheet, ILLEGAL_CHARACTERS_RE.sub("\N{REPLACEMENT CHARACTER}", str(value)))
    cell.data_type = "s"
    return cell
