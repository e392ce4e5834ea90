"""A restored or copied database sends nothing until a person says so.

Its letters are those of the database that it was made from, which may go on sending them. So the first worker remembers
in which database it began, and whoever finds another one stops all sending. A copy of the whole cluster, file by file,
looks like the original: SENDING_ENABLED is for that.
"""

from __future__ import annotations

import logging
from contextlib import suppress

from django.db import connection, transaction
from django.utils.translation import gettext as _

from campaigns.models import SendingHome, SendingStop
from campaigns.sending import switch

logger = logging.getLogger(__name__)


def hold_copies() -> None:
    """Stop all sending if this database is not the one that the remembered one was; the first is remembered."""
    # One that is stopped is held: another stop would be an error in PostgreSQL's log, every few seconds for days.
    if _is_home(_here()) or SendingStop.objects.in_force():
        return
    if stop := _hold():
        logger.warning("All sending is stopped: %s", stop.reason)


def settle() -> None:
    """Let this database be the one that sends; part of the caller's transaction."""
    here = _here()
    known = {name: getattr(here, name) for name in ("system_identifier", "database_oid", "database_name")}
    SendingHome.objects.update_or_create(pk=here.pk, defaults=known)


@transaction.atomic
def _hold() -> SendingStop | None:
    # Who lifts the stop settles here in the same transaction.
    switch.lock("exclusive")
    here = _here()
    if _is_home(here):
        return None
    was = SendingHome.objects.get(pk=here.pk).database_name
    reason = _("This database was restored or copied from “%s”. Resume only where it is meant to send.") % was
    with suppress(switch.StopError):  # somebody was faster
        return switch.press(None, reason)
    return None


def _is_home(here: SendingHome) -> bool:
    home = SendingHome.objects.first()
    if home is None:
        SendingHome.objects.bulk_create([here], ignore_conflicts=True)
        home = SendingHome.objects.get()
    return home.is_same(here)


def _here() -> SendingHome:
    with connection.cursor() as cursor:
        cursor.execute("SELECT oid::bigint, datname FROM pg_database WHERE datname = current_database()")
        oid, name = cursor.fetchone()
        cursor.execute("SELECT has_function_privilege('pg_control_system()', 'execute')")
        if not cursor.fetchone()[0]:
            return SendingHome(database_oid=oid, database_name=name)
        cursor.execute("SELECT system_identifier FROM pg_control_system()")
        return SendingHome(system_identifier=cursor.fetchone()[0], database_oid=oid, database_name=name)
