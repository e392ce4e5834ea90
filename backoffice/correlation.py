"""Which request or job a line of work belongs to, and for whom: in context variables and in every log record."""

import logging
import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar

from django.http import HttpRequest, HttpResponse

NOBODY = "-"

request_id: ContextVar[str] = ContextVar("request_id", default=NOBODY)
user_email: ContextVar[str] = ContextVar("user_email", default=NOBODY)
# What a worker or the scheduler is at.
job: ContextVar[str] = ContextVar("job", default=NOBODY)
attempt: ContextVar[str] = ContextVar("attempt", default=NOBODY)
mailing: ContextVar[str] = ContextVar("mailing", default=NOBODY)

_WORK = (job, attempt, mailing)
_VALID_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")


def new_id() -> str:
    return uuid.uuid4().hex


@contextmanager
def correlated(request: str, email: str = NOBODY) -> Iterator[None]:
    """Name the request and the person for all that is logged inside."""
    with _named({request_id: request or NOBODY, user_email: email or NOBODY}):
        yield


@contextmanager
def working(**work: object) -> Iterator[None]:
    """Name the job, attempt or mailing for all that is logged inside; None: it is not known."""
    with _named({known: str(work[known.name]) for known in _WORK if work.get(known.name) is not None}):
        yield


@contextmanager
def _named(values: dict[ContextVar[str], str]) -> Iterator[None]:
    with ExitStack() as undone:
        for variable, value in values.items():
            undone.callback(variable.reset, variable.set(value))
        yield


class CorrelationFilter(logging.Filter):
    """Adds request_id, user_email, job, attempt and mailing to each record, and in `work` what is known of the work."""

    def filter(self, record: logging.LogRecord) -> bool:
        for variable in (request_id, user_email, *_WORK):
            setattr(record, variable.name, variable.get())
        known = [f"{variable.name}={variable.get()} " for variable in _WORK if variable.get() != NOBODY]
        record.work = "".join(known)
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
        user_email.set(NOBODY)
        response = self.get_response(request)
        response["X-Request-ID"] = identifier
        return response
