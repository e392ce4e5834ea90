"""Recipients as files, written while they are read: no size of the result costs more memory, or a longer wait."""

from __future__ import annotations

from collections.abc import Buffer, Iterable, Iterator, Sequence
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection, transaction
from django.db.models import Count, F, Func, Max, QuerySet, TextField, Value
from django.db.models.functions import Cast, Greatest, Length, NullIf
from django.utils.translation import gettext as _

from campaigns.imports import sheet_writer
from campaigns.imports.recipients import COLUMNS
from campaigns.models import Recipient

PIECE_BYTES, PIECE_ROWS = 1 << 16, 1000
# Whoever reads no faster has gone, or holds back the database's cleaning for too long.
MOST_SECONDS = 3600


class ExportRefused(ValueError):
    """The file can not be made; carries a sentence for the person who asked for it."""


class Neutralised(Func):
    """rows.neutralised() in the database. The regular expression is asked only of texts that begin with a sign."""

    arity = 1
    output_field = TextField()
    template = (
        r"CASE WHEN ascii(%(expressions)s) BETWEEN 9 AND 64 AND %(expressions)s ~ E'^''*[-=+@\t\r]'"
        " THEN '''' || %(expressions)s ELSE nullif(%(expressions)s, '') END"
    )


_CELLS = (
    *(Neutralised(F(name)) for name in COLUMNS[:-1]),
    NullIf(Cast(COLUMNS[-1], TextField()), Value("{}", TextField())),
)
_LONGEST = Greatest(Max(Length("comment")), Max(Length(Cast("attributes", TextField()))))


def as_csv(parts: Sequence[QuerySet[Recipient]]) -> Iterator[bytes]:
    """The recipients, part by part in the order in which they were made, as the database writes them.

    It begins with a byte order mark: without it Excel does not read UTF-8.
    """
    return _copied([query for part in parts if (query := _compiled(part))])


def as_workbook(parts: Sequence[QuerySet[Recipient]]) -> Iterator[bytes]:
    """The same as an XLSX file. Raises ExportRefused for more than such a file can hold."""
    found = [part.order_by().aggregate(rows=Count("pk"), longest=_LONGEST) for part in parts]
    if sum(part["rows"] for part in found) >= sheet_writer.MAX_ROWS:
        raise ExportRefused(_("XLSX holds %s rows at most: choose CSV.") % f"{sheet_writer.MAX_ROWS - 1:,}")
    if max((part["longest"] or 0 for part in found), default=0) >= sheet_writer.MAX_LETTERS:
        raise ExportRefused(_("A comment or attributes are longer than a cell of XLSX can be: choose CSV."))
    return sheet_writer.written(_sheet_rows(parts))


def _cells(recipients: QuerySet[Recipient]) -> Any:
    return recipients.order_by("pk").values_list(*_CELLS)


def _compiled(recipients: QuerySet[Recipient]) -> tuple[str, Any] | None:
    """None: Django knows without asking the database that there are none."""
    try:
        sql, params = _cells(recipients).query.sql_with_params()
    except EmptyResultSet:
        return None
    return f"COPY ({sql}) TO STDOUT (FORMAT csv)", params


def _copied(queries: Sequence[tuple[str, Any]]) -> Iterator[bytes]:
    yield f"\N{BYTE ORDER MARK}{','.join(COLUMNS)}\n".encode()  # before the database has sorted them
    with transaction.atomic(), connection.cursor() as cursor:
        _limit_time(cursor)
        for sql, params in queries:
            # Django's cursor of DEBUG takes no parameters for copy().
            with cursor.copy(cursor.mogrify(sql, params)) as found:
                yield from _pieces(found)


def _pieces(rows: Iterable[Buffer]) -> Iterator[bytes]:
    piece = bytearray()
    for row in rows:
        piece += row
        if len(piece) >= PIECE_BYTES:
            yield bytes(piece)
            piece.clear()
    if piece:
        yield bytes(piece)


def _sheet_rows(parts: Sequence[QuerySet[Recipient]]) -> Iterator[tuple[str | None, ...]]:
    # Within a transaction the database's cursor need not hold all rows before the first.
    with transaction.atomic(), connection.cursor() as cursor:
        _limit_time(cursor)
        yield COLUMNS
        for part in parts:
            yield from _cells(part).iterator(chunk_size=PIECE_ROWS)


def _limit_time(cursor: Any) -> None:
    for limit in ("statement_timeout", "idle_in_transaction_session_timeout"):
        cursor.execute("SELECT set_config(%s, %s, true)", [limit, f"{MOST_SECONDS}s"])
