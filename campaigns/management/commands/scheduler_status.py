from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import Error
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from backoffice import clock
from backoffice.clock import Clock


class Command(BaseCommand):
    help = (
        "Tell which scheduler leads, and when it last looked for due mailings. Exit status: 0 one leads and looks, "
        "1 none leads, it has not looked for three intervals, or the database does not answer."
    )
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            seen = clock.look()
        except Error as error:
            raise CommandError(_("The database does not answer: %s") % error) from error
        self.stdout.write(_leader(seen))
        self.stdout.write(_last_tick(seen))
        if not seen.is_well:
            raise SystemExit(1)


def _leader(seen: Clock) -> str:
    if not seen.leader:
        return _("No scheduler leads.")
    since = localtime(seen.leader.since).isoformat(" ", "seconds")
    return _("Process %s on %s leads since %s.") % (seen.leader.pid, seen.leader.host, since)


def _last_tick(seen: Clock) -> str:
    if not seen.last_tick:
        return _("It has not looked for due mailings yet.")
    told = _("It last looked for due mailings at %s.") % localtime(seen.last_tick).isoformat(" ", "seconds")
    return told + " " + _("That is too long ago.") if seen.is_late else told
