"""A restored or copied database sends nothing until a person says so.

Its letters are those of the database that it was made from, which may go on sending them. So the first worker remembers
in which database it began, and whoever finds another one stops all sending. A copy of the whole cluster, file by file,
looks like the original: SENDING_ENABLED is for that.
"""

from __future__ import annotations

import logging

from django.db import connection, transaction
from django.utils.text import Truncator
from django.utils.translation import gettext as _

from campaigns.models import SendingHome, SendingStop
from campaigns.sending import switch

logger = logging.getLogger(__name__)

LONGEST_REASON = SendingStop._meta.get_field("reason").max_length or 0


def hold_copies() -> None:
    """Stop all sending if this database is not the one that the remembered one was; the first is remembered."""
    if not _is_home(_here()) and (stop := _hold()):
        logger.warning("All sending is stopped: %s", stop.reason)


def settle() -> None:
    """Let this database be the one that sends; part of the caller's transaction."""
    here = _here()
    known = {name: getattr(here, name) for name in ("system_identifier", "database_oid", "database_name")}
    SendingHome.objects.update_or_create(pk=here.pk, defaults=known)


def _hold() -> SendingStop | None:
    """The stop that says what this database is; None if there was one, or it is at home meanwhile."""
    # Another stop would be an error in PostgreSQL's log, every few seconds for days.
    if _says_so(SendingStop.objects.in_force()):
        return None
    with transaction.atomic():
        # Who lifts a stop settles here in the same transaction.
        switch.lock("exclusive")
        stop = SendingStop.objects.in_force()
        if _is_home(_here()) or _says_so(stop):
            return None
        if stop is None:
            return switch.press(None, _sentence())
        # It came along in the dump, and whoever resumed it would not know where.
        stop.reason = Truncator(f"{_sentence()} {stop.reason}").chars(LONGEST_REASON)
        stop.save(update_fields=["reason"])
        return stop


def _says_so(stop: SendingStop | None) -> bool:
    return stop is not None and stop.reason.startswith(_sentence())


def _sentence() -> str:
    was = SendingHome.objects.get().database_name
    return _("This database was restored or copied from “%s”. Resume only where it is meant to send.") % was


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
