"""A session with PostgreSQL of a worker's own, beside those of its ledger: what it holds ends with it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from django.db import connection

type Session = psycopg.AsyncConnection[tuple[Any, ...]]

# Both ends find a cut link within some ten seconds, so that the locks of a machine that is gone are free again.
KEEPALIVE = {"keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 2, "tcp_user_timeout": 9000}
SERVER_SIDE = {
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "2",
    "tcp_user_timeout": "9000",
    # What is lost by it when the server crashes is younger than the restart is long.
    "synchronous_commit": "off",
}

# What Django's own cursors need; it switches prepared statements off, too.
DJANGOS = ("cursor_factory", "context", "prepare_threshold")


@asynccontextmanager
async def session(name: str) -> AsyncIterator[Session]:
    """A new session in autocommit, named so in pg_stat_activity. Raises psycopg.Error."""
    given = connection.get_connection_params()
    params = {key: value for key, value in given.items() if key not in DJANGOS}
    params |= {**KEEPALIVE, "application_name": name}
    async with await psycopg.AsyncConnection.connect(autocommit=True, **params) as opened:
        for option, value in SERVER_SIDE.items():
            await opened.execute("SELECT set_config(%s, %s, false)", [option, value])
        yield opened
