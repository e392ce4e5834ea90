"""A table: what a page shows of it, and what a file holds."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple, Self

from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.safestring import SafeString

type Kind = Literal["text", "number", "percent", "time", "day"]


@dataclass(frozen=True)
class Column:
    name: str
    title: str
    kind: Kind = "number"

    @property
    def is_number(self) -> bool:
        return self.kind in ("number", "percent")


@dataclass(frozen=True)
class Row:
    """Its cells, the address that the first one leads to, and how it divides, drawn."""

    cells: list[Any]
    url: str = ""
    bar: SafeString | str = ""


class Head(NamedTuple):
    """A column's title, and the address that puts the rows in its order; `sorted` says how they are."""

    title: str
    is_number: bool
    url: str
    sorted: str


class Shown(NamedTuple):
    """A row as it is read: of each cell whether it is a number, and what stands there."""

    cells: list[tuple[bool, str]]
    url: str
    bar: SafeString | str


@dataclass(frozen=True)
class Table:
    name: str
    title: str
    columns: list[Column]
    rows: list[Row]
    hint: str = ""
    nothing: str = ""
    total: Row | None = None
    # By column, where the person is led who wants the rows in its order; and by which they are in order now.
    orders: dict[str, str] = field(default_factory=dict)
    order: str = ""

    @property
    def heads(self) -> list[Head]:
        sorted_by, way = self.order.lstrip("-"), "descending" if self.order.startswith("-") else "ascending"
        return [
            Head(one.title, one.is_number, self.orders.get(one.name, ""), way if one.name == sorted_by else "")
            for one in self.columns
        ]

    @property
    def body(self) -> list[Shown]:
        return [self._shown(row) for row in self.rows]

    @property
    def foot(self) -> Shown | None:
        return self._shown(self.total) if self.total else None

    def _shown(self, row: Row) -> Shown:
        cells = zip(self.columns, row.cells, strict=True)
        return Shown([(column.is_number, _written(column.kind, cell)) for column, cell in cells], row.url, row.bar)

    def without(self, name: str) -> Self:
        """The same without that column."""
        place = [column.name for column in self.columns].index(name)
        rows = [_without(row, place) for row in self.rows]
        total = _without(self.total, place) if self.total else None
        columns = [column for column in self.columns if column.name != name]
        return replace(self, columns=columns, rows=rows, total=total)

    def lines(self) -> Iterator[list[Any]]:
        """The titles, then each row, as a file has them."""
        yield [column.title for column in self.columns]
        for row in self.rows:
            yield row.cells


def _without(row: Row, place: int) -> Row:
    return replace(row, cells=[*row.cells[:place], *row.cells[place + 1 :]])


def _written(kind: Kind, value: Any) -> str:
    if value is None or value == "":
        return "—" if value is None else ""
    if kind == "percent":
        return f"{number_format(round(value, 1), 1, force_grouping=True)} %"
    if kind == "time":
        return str(date_format(timezone.localtime(value), "SHORT_DATETIME_FORMAT"))
    if kind == "day":
        return str(date_format(value, "DATE_FORMAT"))
    return str(number_format(value, force_grouping=True)) if kind == "number" else str(value)
