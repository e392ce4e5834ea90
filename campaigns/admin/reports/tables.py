"""A table: what a page shows of it, and what a file holds."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple, Self

from django.contrib.humanize.templatetags.humanize import intcomma
from django.core.paginator import Page, Paginator
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.safestring import SafeString

from campaigns.admin.meter import stacked

type Kind = Literal["text", "number", "percent", "time", "day"]


@dataclass(frozen=True)
class Column:
    name: str
    title: str
    kind: Kind = "number"

    @property
    def is_number(self) -> bool:
        return self.kind in ("number", "percent")


class Bar(NamedTuple):
    """So many of each colour, of `total` together."""

    total: int
    success: int = 0
    danger: int = 0
    warning: int = 0
    default: int = 0

    def drawn(self) -> SafeString:
        total, *counts = self
        return stacked(list(zip(counts, self._fields[1:], strict=True)), total)


@dataclass(frozen=True)
class Row:
    """Its cells, the key of what the first one leads to, and how it divides."""

    cells: list[Any]
    key: int | None = None
    bar: Bar | None = None


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


class Turn(NamedTuple):
    """Which page of how many the rows are, and where the ones beside it are; nowhere: there is none."""

    number: int
    pages: int
    before: str
    after: str


@dataclass(frozen=True)
class Table:
    """Rows under titles; only those that are shown are written out and drawn, so there may be very many.

    `leads_to` names the address of what a row's key stands for, `hint` says what the rows are, and `nothing` that
    there are none. By `orders` each column knows where the person is led who wants the rows in its order; `order` is
    the one that they are in, with a minus when it is descending.
    """

    name: str
    title: str
    columns: list[Column]
    rows: list[Row]
    hint: str = ""
    nothing: str = ""
    total: Row | None = None
    leads_to: str = ""
    turn: Turn | None = None
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
        url = reverse(self.leads_to, args=[row.key]) if row.key is not None else ""
        bar = row.bar.drawn() if row.bar else ""
        return Shown([(column.is_number, _written(column.kind, cell)) for column, cell in cells], url, bar)

    def in_order(self, asked: str, link: Callable[[str], str]) -> Self:
        """The rows in the order asked for, or with the last run first, and links to the other orders."""
        names = [column.name for column in self.columns]
        order = asked if asked.lstrip("-") in names else "-last_run" if "last_run" in names else ""
        if not order:
            return self
        place, backwards = names.index(order.lstrip("-")), order.startswith("-")
        rows = sorted(self.rows, key=lambda row: _comparable(row.cells[place]), reverse=backwards)
        orders = {column.name: link(_next(column, order)) for column in self.columns}
        return replace(self, rows=rows, orders=orders, order=order)

    def page(self, asked: str | None, size: int, link: Callable[[int], str]) -> Self:
        """So many rows, of the page asked for."""
        page = Paginator(self.rows, size).get_page(asked)
        return replace(self, rows=list(page), turn=turn(page, link))

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


def turn(page: Page[Any], link: Callable[[int], str]) -> Turn | None:
    """Where the pages beside this one are, or None where there is but one."""
    if not page.has_other_pages():
        return None
    before = link(page.previous_page_number()) if page.has_previous() else ""
    after = link(page.next_page_number()) if page.has_next() else ""
    return Turn(page.number, page.paginator.num_pages, before, after)


def _comparable(value: Any) -> tuple[bool, Any]:
    return (value is not None, value.casefold() if isinstance(value, str) else value or 0)


def _next(column: Column, order: str) -> str:
    """Figures begin with the greatest, texts with A; a second press turns the order."""
    if order.lstrip("-") == column.name:
        return column.name if order.startswith("-") else f"-{column.name}"
    return column.name if column.kind == "text" else f"-{column.name}"


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
    return str(intcomma(value)) if kind == "number" else str(value)
