import signal
import threading
from argparse import ArgumentParser, ArgumentTypeError
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand
from django.utils.translation import gettext as _

from campaigns import scheduler


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
        "Launch due mailings every few minutes, until SIGTERM or Ctrl-C; workers deliver them. Several may run: "
        "one leads, the others stand by and take over within seconds. Exit status: 0 stopped as asked, 1 leadership "
        "or the database was lost, 2 the scheduler's thread died; start it again after either."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--interval", type=minutes, default="1", help="minutes between two looks (1)")

    def handle(self, *args: Any, **options: Any) -> None:
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        self.stdout.write(_("The scheduler is starting. Stop it with Ctrl-C."))
        scheduler.run(options["interval"], stop)
        self.stdout.write(_("The scheduler has stopped."))
