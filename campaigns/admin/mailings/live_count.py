"""An audience and its letters on the page of a mailing: counted for some seconds, and no longer."""

from collections.abc import Callable
from typing import NamedTuple

from django.db import OperationalError, connection, transaction
from psycopg.errors import QueryCanceled

from campaigns.audience import Audience
from campaigns.sending.ledger import audience

# Each statement. A form asks again with each change, and whoever types does not wait for them.
MOST_MILLISECONDS = 3_000


class Letters(NamedTuple):
    """So many would be sent, and so many of the audience would be `without` one."""

    letters: int
    without: int


def letters(said: Audience) -> Letters | None:
    """How many letters there would be now; None: the database takes longer than a form waits."""
    return _in_time(lambda: _letters(said))


def recipients(said: Audience) -> int | None:
    """How many are in the audience; None: the database takes longer than a page waits."""
    return _in_time(said.count)


def _letters(said: Audience) -> Letters:
    counted = audience.count_letters_to(said)
    return Letters(counted, said.count() - counted)


def _in_time[Count](count: Callable[[], Count]) -> Count | None:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(MOST_MILLISECONDS)])
            return count()
    except OperationalError as error:
        if not isinstance(error.__cause__, QueryCanceled):
            raise
        return None
