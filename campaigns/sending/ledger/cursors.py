from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from django.db import connection


@contextmanager
def prepared() -> Iterator[psycopg.Cursor[Any]]:
    """A cursor that binds on the server: Django's would have long statements and arrays parsed anew each time."""
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        yield cursor
