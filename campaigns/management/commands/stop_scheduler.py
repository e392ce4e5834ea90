from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from backoffice.pid_file import PidFile
from campaigns.management import pid_files


class Command(BaseCommand):
    help = (
        "Ask the scheduler of this machine, or of the PID file, to stop, and wait until it has. It ends what it is at. "
        "Exit status: 0 none runs any more, 1 it still runs or could not be asked, 2 nobody says where the PID file is."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        pid_files.add_argument(parser)
        parser.add_argument("--wait", type=float, default=30, metavar="SECONDS", help="how long to wait for it (30)")

    def handle(self, *args: Any, **options: Any) -> None:
        pid_file = pid_files.of_scheduler(options["pid_file"])
        if pid_file is None:
            raise CommandError(_("LOG_DIR is empty: name the file with --pid-file."), returncode=2)
        try:
            self._stop(pid_file, options["wait"])
        except OSError as error:
            told = {"file": error.filename, "reason": error.strerror}
            raise CommandError(_("%(file)s: %(reason)s. Call this as the scheduler's own user.") % told) from error

    def _stop(self, pid_file: PidFile, patience: float) -> None:
        if pid_file.is_free():
            self.stdout.write(_("No scheduler runs, says %s.") % pid_file.path)
            return
        number = pid_file.number
        if not pid_file.ask_to_stop(patience):
            raise CommandError(_("The scheduler, process %s, has not stopped yet.") % number)
        self.stdout.write(_("The scheduler, process %s, has stopped.") % number)
