import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from django.db import connection


@contextmanager
def prepared() -> Iterator[psycopg.Cursor[Any]]:
    """A cursor that binds on the server, and keeps a statement prepared where execute() is told to.

    Parsing and planning the one that commits anew each time cost PostgreSQL 1.5 ms, of 2 for 40 letters.
    """
    connection.ensure_connection()
    # Django switches prepared statements off altogether. On from now, but only for those that ask for it.
    connection.connection.prepare_threshold = sys.maxsize
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        yield cursor
