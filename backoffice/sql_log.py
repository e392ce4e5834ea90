"""The statements sent to the database and how long each took, without their parameters: those are people's data."""

import logging
from collections.abc import Callable
from time import monotonic
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

logger = logging.getLogger(__name__)
logger.propagate = False
logger.setLevel(logging.DEBUG)

MOST_CHARACTERS = 2000


def begin() -> None:
    """Log the statements of every connection of this process, also of those that are opened later."""
    connection_created.connect(_listen)
    for connection in connections.all(initialized_only=True):
        _listen(connection=connection)


def _listen(*, connection: BaseDatabaseWrapper, **_: Any) -> None:
    if _logged not in connection.execute_wrappers:
        connection.execute_wrappers.append(_logged)


def _logged(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: dict[str, Any]) -> Any:
    began = monotonic()
    try:
        return execute(sql, params, many, context)
    finally:
        logger.debug("%.3f s: %s", monotonic() - began, " ".join(str(sql).split())[:MOST_CHARACTERS])
