import logging
import signal
import threading
from argparse import ArgumentParser, ArgumentTypeError
from contextlib import nullcontext
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from backoffice import log_files
from backoffice.pid_file import AnotherRuns
from campaigns import scheduler
from campaigns.management import pid_files

logger = logging.getLogger(__name__)


def minutes(text: str) -> timedelta:
    try:
        interval = timedelta(minutes=float(text))
    except (ValueError, OverflowError) as error:
        raise ArgumentTypeError(f"{text!r} is not a number of minutes") from error
    if not timedelta(seconds=1) <= interval <= timedelta(days=1):
        raise ArgumentTypeError("the interval must be between one second (0.017) and one day (1440)")
    return interval


class Command(BaseCommand):
    help = (
        "Launch due mailings every few minutes, until SIGTERM, Ctrl-C or stop_scheduler; workers deliver them. Several "
        "may run, each with a PID file of its own: one leads, the others stand by and take over within seconds. Exit "
        "status: 0 stopped as asked, 1 leadership or the database was lost, 2 the scheduler's thread died; start it "
        "again after either. 3 another one has the PID file."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--interval", type=minutes, default="1", help="minutes between two looks (1)")
        pid_files.add_argument(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        log_files.write("scheduler")
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        pid_file = pid_files.of_scheduler(options["pid_file"])
        try:
            with pid_file.held(stop.set) if pid_file else nullcontext():
                self._run(options["interval"], stop)
        except AnotherRuns as error:
            raise CommandError(str(error), returncode=3) from error

    def _run(self, interval: timedelta, stop: threading.Event) -> None:
        self.stdout.write(_("The scheduler is starting. Stop it with Ctrl-C."))
        logger.info("The scheduler starts.")
        scheduler.run(interval, stop)
        logger.info("The scheduler has stopped.")
        self.stdout.write(_("The scheduler has stopped."))
