"""The files in LOG_DIR: one a day, which several processes write at once, each line whole."""

import logging
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from time import localtime, monotonic, sleep, strftime, time
from types import TracebackType
from typing import override

from concurrent_log_handler import ConcurrentRotatingFileHandler
from django.conf import settings
from portalocker import LOCK_EX, LOCK_NB, AlreadyLocked, lock

from backoffice import sql_log
from backoffice.correlation import NOBODY, CorrelationFilter

logger = logging.getLogger(__name__)

type Chosen = Callable[[logging.LogRecord], bool]

# Whoever holds the lock of a file needs it for some 50 µs.
PATIENCE_SECONDS = 2.0
DAY = "%Y%m%d"
DAY_SECONDS = 86_400


class DailyFile(ConcurrentRotatingFileHandler):
    """Appends records to the day's file, under a lock that all its processes share, and removes old ones.

    With `dated` the file carries the day in its name, otherwise it gets it when the day is over. Files are kept for
    `keep_days` days after theirs. A file that can not be written is told on stderr, once a day, and stops nothing.
    """

    def __init__(self, path: Path, keep_days: int, *, dated: bool = False) -> None:
        super().__init__(path, encoding="utf-8")
        self._path, self._keep_days, self._dated = path, keep_days, dated
        self._day = ""
        self._told = False
        self._patience = PATIENCE_SECONDS
        self.maxLockAttempts = 1

    @override
    def shouldRollover(self, record: logging.LogRecord) -> bool:
        return strftime(DAY) != self._day

    @override
    def doRollover(self) -> None:
        """Begin the day's file; the caller holds the lock."""
        self._close()
        self._day, self._told = strftime(DAY), False
        if self._dated:
            self.baseFilename = str(self._named(self._day))
        else:
            self._put_aside()
        self._remove_old()

    @override
    def handleError(self, record: logging.LogRecord) -> None:
        if not self._told:
            self._told = True
            with suppress(OSError):  # stderr may be on the same full disk
                sys.stderr.write(f"The log {self.baseFilename} can not be written: {sys.exception()}.\n")

    @override
    def _lock_stream_lock(self, stream_lock: TextIOWrapper) -> None:
        """Wait for the others, but not for ever: one that is frozen with the lock must not stop sending.

        Its file then goes without our records, until the lock can be had again.
        """
        deadline = monotonic() + self._patience
        while True:
            try:
                lock(stream_lock, LOCK_EX | LOCK_NB)
            except AlreadyLocked:
                if monotonic() >= deadline:
                    self._patience = 0
                    raise
                sleep(0.001)
            else:
                self._patience = PATIENCE_SECONDS
                return

    def _named(self, day: str) -> Path:
        return self._path.with_stem(f"{self._path.stem}_{day}")

    def _put_aside(self) -> None:
        """Give a file of an earlier day its name, unless another process has."""
        with suppress(FileNotFoundError):
            day = strftime(DAY, localtime(self._path.stat().st_mtime))
            if day < self._day and not self._named(day).exists():
                self._path.rename(self._named(day))

    def _remove_old(self) -> None:
        oldest = strftime(DAY, localtime(time() - self._keep_days * DAY_SECONDS))
        for file in self._path.parent.glob(self._named("[0-9]" * 8).name):
            if file.stem[-8:] < oldest:
                with suppress(OSError):  # somebody reads it, on Windows
                    file.unlink()


@dataclass(frozen=True)
class _File:
    name: str
    level: int = logging.INFO
    dated: bool = False
    logger: str = ""
    chosen: Chosen = lambda record: True


def _in_a_job(record: logging.LogRecord) -> bool:
    return bool(getattr(record, "job", NOBODY) != NOBODY)


_ERRORS = _File("app/app_errors.log", logging.ERROR)
_FILES: dict[str, tuple[_File, ...]] = {
    "app": (_File("app/app_info.log"), _ERRORS),
    "scheduler": (
        _File("scheduler/run.log", dated=True, chosen=lambda record: not _in_a_job(record)),
        _File("scheduler/jobs.log", dated=True, chosen=_in_a_job),
        _ERRORS,
    ),
    "worker": (_File("worker/worker.log", dated=True), _ERRORS),
}
_SQL = _File("app/app_sql.log", logging.DEBUG, logger=sql_log.logger.name)


def write(process: str) -> None:
    """Have what this process logs written into the files of its kind: app, scheduler or worker.

    Without LOG_DIR nothing changes. A folder that can not be made is told on stderr.
    """
    if not settings.LOG_DIR:
        return
    for file in _FILES[process]:
        _open(settings.LOG_DIR, file)
    if process == "app" and settings.LOG_SQL:
        _open(settings.LOG_DIR, _SQL)
        sql_log.begin()
    sys.excepthook = _tell_uncaught


def _tell_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if isinstance(error, Exception):
        logger.critical("The process ends by an error.", exc_info=(kind, error, trace))
    else:
        sys.__excepthook__(kind, error, trace)


def _open(folder: Path, file: _File) -> None:
    if file.name in logging.getHandlerNames():
        return
    path = folder / file.name
    with suppress(OSError):  # the first record tells
        path.parent.mkdir(parents=True, exist_ok=True)
    handler = DailyFile(path, settings.LOG_KEEP_DAYS, dated=file.dated)
    handler.name = file.name
    handler.setLevel(file.level)
    handler.addFilter(CorrelationFilter())
    handler.addFilter(file.chosen)
    handler.setFormatter(_console().formatter)
    logging.getLogger(file.logger).addHandler(handler)


def _console() -> logging.Handler:
    found = logging.getHandlerByName("console")
    if found is None:
        raise RuntimeError("LOGGING has not been set up: call django.setup() first.")
    return found
