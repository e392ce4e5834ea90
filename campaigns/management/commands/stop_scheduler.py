from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from campaigns.management import pid_files


class Command(BaseCommand):
    help = (
        "Ask the scheduler of this machine, or of the PID file, to stop, and wait until it has. It ends what it is at. "
        "Exit status: 0 none runs any more, 1 it still runs, 2 it is not known where the PID file is."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        pid_files.add_argument(parser)
        parser.add_argument("--wait", type=float, default=30, metavar="SECONDS", help="how long to wait for it (30)")

    def handle(self, *args: Any, **options: Any) -> None:
        pid_file = pid_files.of_scheduler(options["pid_file"])
        if pid_file is None:
            raise CommandError(_("LOG_DIR is empty: name the file with --pid-file."), returncode=2)
        if pid_file.is_free():
            self.stdout.write(_("No scheduler runs, says %s.") % pid_file.path)
            return
        number = pid_file.number
        if not pid_file.ask_to_stop(options["wait"]):
            raise CommandError(_("The scheduler, process %s, has not stopped yet.") % number)
        self.stdout.write(_("The scheduler, process %s, has stopped.") % number)
