"""The rows of an import that were refused."""

from collections.abc import Iterator

from campaigns.imports import storage
from campaigns.imports.layouts import Layout
from campaigns.imports.rows import Records, Refusal, neutralised
from campaigns.imports.tables import Table
from campaigns.models import ImportJob


def table(job: ImportJob) -> Iterator[list[str]]:
    """A table of them: line, reason, and the cells as they stand in the file, below the names of the columns.

    Nothing of it is stored: the file is read again, and refuses the same rows.
    """
    with storage.opened(job) as file:
        rows = Table(file, Layout(**job.layout))
        yield ["line", "reason", *map(neutralised, rows.headers)]
        found: list[Refusal] = []
        for _record in Records(rows, job.mapping, found.append):
            yield from map(_row, found)
            found.clear()
        yield from map(_row, found)


def _row(refusal: Refusal) -> list[str]:
    return [str(refusal.line), refusal.reason, *map(neutralised, refusal.cells)]
