"""Where the scheduler's PID file is."""

from argparse import ArgumentParser
from pathlib import Path

from django.conf import settings

from backoffice.pid_file import PidFile


def add_argument(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--pid-file",
        type=Path,
        metavar="FILE",
        help="the PID file (scheduler/scheduler.pid in LOG_DIR, if that is set)",
    )


def of_scheduler(given: Path | None) -> PidFile | None:
    """The file given, or the usual one; None where there is no folder for it."""
    if given is None and settings.LOG_DIR:
        given = settings.LOG_DIR / "scheduler" / "scheduler.pid"
    return PidFile(given.absolute()) if given else None
