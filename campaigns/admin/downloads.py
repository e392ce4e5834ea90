"""Files that are sent while they are made."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse


def streamed(request: HttpRequest, pieces: Iterator[bytes], name: str, content_type: str) -> StreamingHttpResponse:
    """The file of that name. When the client goes away, `pieces` is closed if it is a generator."""
    # Of an iterator that is not asynchronous, an ASGI server would get all pieces at once.
    content: Any = _in_turn(pieces) if isinstance(request, ASGIRequest) else pieces
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingHttpResponse(content, content_type=content_type, headers=headers)


async def _in_turn(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    try:
        while piece := await sync_to_async(_next)(pieces):
            yield piece
    finally:
        if close := getattr(pieces, "close", None):
            await sync_to_async(close)()


def _next(pieces: Iterator[bytes]) -> bytes:
    return next(pieces, b"")
