"""PostgreSQL, and what the other processes leave in it."""

from collections.abc import Iterator

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection
from django.utils import timezone

from accounts import roles
from backoffice import health
from backoffice.health import DEGRADED, FAILED, OK, Finding
from campaigns.models import SendingStop

FULL_PERCENT = 80
CLOCKS_APART_SECONDS = 5
# Of the permissions that a role lacks: before it was ever made, that is dozens.
NAMES_SHOWN = 3


def findings() -> Iterator[Finding]:
    try:
        yield _version()
        yield _connections()
        yield _clock()
        migrations = health.migrations()
        yield migrations
        if migrations.status == OK:
            yield health.scheduler()
            yield from health.work()
            yield _sending()
            yield _roles()
    except DatabaseError as error:
        yield Finding("database", FAILED, f"{_first_line(error)}. Look at the DB_ variables.")


def _first_line(error: DatabaseError) -> str:
    return str(error).partition("\n")[0].rstrip(".")


def _version() -> Finding:
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        version = str(cursor.fetchone()[0]).split()[0]
    return Finding("database", OK, f"PostgreSQL {version} answers.")


def _connections() -> Finding:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*), current_setting('max_connections')::int FROM pg_stat_activity")
        used, most = cursor.fetchone()
    sentence = f"{used} of {most} are in use."
    if 100 * used > FULL_PERCENT * most:
        return Finding("connections", FAILED, f"{sentence} Raise max_connections, or run fewer processes.")
    return Finding("connections", OK, sentence)


def _clock() -> Finding:
    with connection.cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM clock_timestamp() - %s)::float8", [timezone.now()])
        apart = float(cursor.fetchone()[0])
    if abs(apart) > CLOCKS_APART_SECONDS:
        sentence = f"This machine's is {apart:+.0f} s from the database's: let both be set by NTP."
        return Finding("clock", FAILED, sentence)
    return Finding("clock", OK, "This machine's agrees with the database's.")


def _sending() -> Finding:
    if not settings.SENDING_ENABLED:
        return Finding("sending", DEGRADED, "SENDING_ENABLED is off: this copy sends nothing.")
    if stop := SendingStop.objects.in_force():
        return Finding("sending", DEGRADED, f"{stop} A manager may resume it on the dashboard.")
    return Finding("sending", OK, "Nothing holds it.")


def _roles() -> Finding:
    if lacking := roles.lacking():
        names = "; ".join(f"{name}: {_some(sorted(permissions))}" for name, permissions in lacking.items())
        return Finding("roles", FAILED, f"They lack permissions: run manage.py seed_managers --roles. {names}.")
    return Finding("roles", OK, "They have the permissions of this version.")


def _some(names: list[str]) -> str:
    shown, more = names[:NAMES_SHOWN], len(names) - NAMES_SHOWN
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")
