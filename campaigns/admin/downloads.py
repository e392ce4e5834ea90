"""Files that are sent while they are made."""

import csv
import io
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from itertools import batched
from typing import Any

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse

PIECE_ROWS = 500


def as_csv(request: HttpRequest, rows: Iterable[Sequence[Any]], name: str) -> StreamingHttpResponse:
    """The rows as a CSV file of that name. Whoever gives texts of others passes them through neutralised() first."""
    return streamed(request, _csv(rows), f"{name}.csv", "text/csv; charset=utf-8")


def streamed(request: HttpRequest, pieces: Iterator[bytes], name: str, content_type: str) -> StreamingHttpResponse:
    """The file of that name. When the client goes away, `pieces` is closed if it is a generator."""
    # Of an iterator that is not asynchronous, an ASGI server would get all pieces at once.
    content: Any = _in_turn(pieces) if isinstance(request, ASGIRequest) else pieces
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingHttpResponse(content, content_type=content_type, headers=headers)


def _csv(rows: Iterable[Sequence[Any]]) -> Iterator[bytes]:
    yield "\N{BYTE ORDER MARK}".encode()  # without it Excel does not read UTF-8
    for some in batched(rows, PIECE_ROWS):
        piece = io.StringIO()
        csv.writer(piece).writerows(some)
        yield piece.getvalue().encode()


async def _in_turn(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    try:
        while piece := await sync_to_async(_next)(pieces):
            yield piece
    finally:
        if close := getattr(pieces, "close", None):
            await sync_to_async(close)()


def _next(pieces: Iterator[bytes]) -> bytes:
    return next(pieces, b"")
