"""Which request or job a line of work belongs to, and for whom: in context variables and in every log record."""

import logging
import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.http import HttpRequest, HttpResponse

request_id: ContextVar[str] = ContextVar("request_id", default="-")
user_email: ContextVar[str] = ContextVar("user_email", default="-")

_VALID_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")


def new_id() -> str:
    return uuid.uuid4().hex


@contextmanager
def correlated(request: str, email: str = "-") -> Iterator[None]:
    """Name the request and the person for all that is logged inside."""
    request_token, email_token = request_id.set(request or "-"), user_email.set(email or "-")
    try:
        yield
    finally:
        request_id.reset(request_token)
        user_email.reset(email_token)


class CorrelationFilter(logging.Filter):
    """Adds request_id and user_email to each record."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = request_id.get()
        record.user_email = user_email.get()
        return True


class CorrelationMiddleware:
    """Takes a valid X-Request-ID or makes one, and returns it with the response."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-ID", "")
        identifier = given if _VALID_ID.fullmatch(given) else new_id()
        # Not reset afterwards: Django logs a 404 or 500 when the middleware has been left.
        request_id.set(identifier)
        user_email.set("-")
        response = self.get_response(request)
        response["X-Request-ID"] = identifier
        return response
