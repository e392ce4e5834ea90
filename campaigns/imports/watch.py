"""Telling how far an import is, and hearing that it was cancelled, while its transaction is at work."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Any, Self

from django.db import connection

from campaigns.imports.errors import Interrupted
from campaigns.models import ImportJob
from campaigns.models.import_job import UNDER_WAY

SECONDS = 0.5


class Unwatched:
    """For what is over before anybody could look."""

    # Whether it may wait for another import of the same owner.
    waits = False

    def __init__(self, job: ImportJob) -> None:
        self._job = job

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing was begun."""

    def at(self, percent: float, rows: int | None = None) -> None:
        """The import has come so far. Raises Interrupted when it is to stop."""


class Watch(Unwatched):
    """Writes the position by a connection of its own, for nobody sees what the transaction has not committed.

    When the import is cancelled, or another process has taken it, the statement that runs is cancelled too.
    """

    waits = True

    def __init__(self, job: ImportJob) -> None:
        super().__init__(job)
        self._percent, self._rows = 0, 0
        self._lost = False
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"import {job.pk}", daemon=True)

    def __enter__(self) -> Self:
        connection.ensure_connection()
        self._main: Any = connection.connection
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        if error is not None and self._lost:
            raise Interrupted from error

    def at(self, percent: float, rows: int | None = None) -> None:
        self._percent = int(percent)
        self._rows = self._rows if rows is None else rows
        if self._lost:
            raise Interrupted

    def _run(self) -> None:
        try:
            while not self._over.wait(SECONDS):
                self._lost = not self._tell()
                if self._lost:
                    self._main.cancel_safe()
        finally:
            connection.close()

    def _tell(self) -> int:
        mine = ImportJob.objects.held_by(self._job).filter(state__in=UNDER_WAY)
        return int(mine.update(position=self._percent, rows_done=self._rows))
