"""What becomes of an import: taken in, checked, confirmed, done."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import IO, Any

from django.conf import settings
from django.db import DataError, IntegrityError, transaction
from django.utils.translation import gettext as _

from accounts.models import User
from campaigns.imports import columns, layouts, lists, merge, storage, tables
from campaigns.imports.columns import Target
from campaigns.imports.errors import ImportRefused, Interrupted, OwnerBusy, UnusableFile, in_line
from campaigns.imports.layouts import Layout
from campaigns.imports.lists import NOWHERE, Into
from campaigns.imports.merge import Fields, Verdict
from campaigns.imports.rows import Record, Records, Refusal
from campaigns.imports.tables import Table
from campaigns.imports.watch import Unwatched, Watch
from campaigns.models import ImportJob
from campaigns.models.import_job import Mode, State

logger = logging.getLogger(__name__)

PREVIEW_ROWS = 100
PROBLEMS = 20
# A process that takes an import so often has each time been killed by something in it.
TRIES = 5
# How much of the time goes to what: reading, sorting, writing.
READ, SORTED = 40, 50


def receive(owner: User, name: str, file: IO[bytes], request_id: str = "-") -> ImportJob:
    """Keep the file, find out how it is written, and guess what its columns are. Raises UnusableFile."""
    size = file.seek(0, 2)
    if size > settings.IMPORT_MAX_MB * 1_000_000:
        raise too_large()
    layout = tables.with_header(file, layouts.detect(file))
    table = Table(file, layout)
    samples = tables.samples(table)
    job = ImportJob(owner=owner, name=name[-255:].replace("\0", ""), size=size, request_id=request_id)
    job.layout, job.headers, job.samples = layout.as_json(), table.headers, samples
    job.mapping = columns.guess(table.headers, samples)
    with transaction.atomic():
        job.save()
        storage.store(job, file)
    return job


def read_as(job: ImportJob, encoding: str, delimiter: str) -> None:
    """Read the file otherwise than it was understood; its columns are guessed anew.

    Raises UnusableFile when it can not be read so, ImportRefused when the import is further already.
    """
    layout = replace(Layout(**job.layout), encoding=encoding, delimiter=delimiter)
    with storage.opened(job) as file:
        layout = tables.with_header(file, layout)
        table = Table(file, layout)
        samples = tables.samples(table)
    found = {"headers": table.headers, "samples": samples, "mapping": columns.guess(table.headers, samples)}
    _moved(ImportJob.objects.filter(pk=job.pk).read_anew(layout=layout.as_json(), **found))


def too_large() -> UnusableFile:
    return UnusableFile(_("The file is larger than %s MB: split it.") % f"{settings.IMPORT_MAX_MB:,}")


def choose(job: ImportJob, mapping: Sequence[str], mode: str, into: Into = NOWHERE) -> None:
    """Say what the columns are and what is wanted; the rows are counted next.

    Raises UnusableFile for columns that can not be read so and lists that the owner may not change, ImportRefused when
    the import is further already.
    """
    columns.check(mapping, job.headers)
    with transaction.atomic():
        _moved(ImportJob.objects.filter(pk=job.pk).check())
        ImportJob.objects.filter(pk=job.pk).update(mapping=list(mapping), mode=mode)
        lists.choose(job, into)


def confirm(job: ImportJob, by: User) -> None:
    """Have what the preview of `job` has shown written.

    Raises ImportRefused when that is not what the import waits for: it may have been checked anew, with other columns.
    """
    shown = ImportJob.objects.filter(pk=job.pk, state=State.PREVIEWED, work_began_at=job.work_began_at)
    _moved(shown.begin(confirmed_by=by))


def confirm_unseen(job: ImportJob, mode: str, into: Into = NOWHERE) -> None:
    """Have the file written as it was understood. Raises UnusableFile when it was not, and as choose() does."""
    columns.check(job.mapping, job.headers)
    with transaction.atomic():
        _moved(ImportJob.objects.filter(pk=job.pk, state=State.UPLOADED).begin(mode=mode))
        lists.choose(job, into)


def cancel(job: ImportJob) -> None:
    """Stop it, wherever it is: nothing of it is written. Raises ImportRefused when it has ended."""
    _moved(ImportJob.objects.filter(pk=job.pk).cancel())


def gone_on() -> ImportRefused:
    return ImportRefused(_("The import has gone on meanwhile: look at what it is now."))


def _moved(count: int) -> None:
    if not count:
        raise gone_on()


def carry_out(pk: int, *, watched: bool = True) -> bool:
    """Do what the import waits for: count, or write. What is wrong with the file becomes its reason.

    Returns False when it could not be done now, because another import of the same owner is being written; a `watched`
    one waits for that. Safe to be called again after a process that was killed, and beside one that lives: the last one
    counts. Raises OperationalError when the database goes away; the import then waits for the next call.
    """
    if not ImportJob.objects.filter(pk=pk).take():
        return True
    job = ImportJob.objects.select_related("owner").get(pk=pk)
    if job.lease > TRIES:
        ImportJob.objects.filter(pk=pk).fail(_("It was interrupted %s times.") % TRIES)
        return True
    try:
        with Watch(job) if watched else Unwatched(job) as watch:
            (_check if job.state == State.CHECKING else _run)(job, watch)
    except UnusableFile as error:
        ImportJob.objects.held_by(job).fail(str(error))
    except Interrupted:
        logger.info("Import %s was cancelled, or taken by another process.", pk)
    except (DataError, IntegrityError):
        logger.exception("Import %s was refused by the database", pk)
        ImportJob.objects.held_by(job).fail(_("The rows could not be stored."))
    except OwnerBusy:
        return False
    return True


@transaction.atomic
def _check(job: ImportJob, watch: Unwatched) -> None:
    """What would become of the rows; nothing is written but that."""
    reading = _Reading(job, watch, keep=PREVIEW_ROWS)
    verdict = reading.classified(share=95)
    moves = lists.moves(lists.found(job), job.mode, takes_out=job.takes_out)
    counts = _counts(job.mode, verdict, reading) | moves._asdict() | {"suppressed": lists.suppressed()}
    _held(ImportJob.objects.held_by(job).show(preview=reading.preview(), problems=reading.problems(), **counts))


@transaction.atomic
def _run(job: ImportJob, watch: Unwatched) -> None:
    """All of the file or nothing, in one transaction: whoever is killed leaves nothing, and who comes next repeats it.

    Chunks with a cursor would show half a file to those who send meanwhile, and could not be cancelled.
    """
    reading = _Reading(job, watch, keep=PROBLEMS)
    verdict = reading.classified(share=READ, lock=True)
    watch.at(SORTED)
    counts = _counts(job.mode, verdict, reading)

    def told(done: int, pages: int) -> None:
        watch.at(SORTED + (100 - SORTED) * done / pages, reading.copied)

    into = lists.made(job)
    taken_out = lists.take_out(into) if job.takes_out else 0
    added, changed, joined = merge.write(job.owner_id, job.mode, _fields(job), into, told)
    # Somebody has added or deleted a recipient by hand in these seconds.
    elsewhere = counts["added"] - added + counts["changed"] - changed
    counts |= {"added": added, "changed": changed, "passed_over": counts["passed_over"] + elsewhere}
    counts |= {"joined": joined, "taken_out": taken_out, "suppressed": lists.suppressed()}
    _held(ImportJob.objects.held_by(job).finish(problems=reading.problems(), **counts))


def _held(count: int) -> None:
    if not count:
        raise Interrupted


class _Reading:
    """One pass over the file into the database."""

    def __init__(self, job: ImportJob, watch: Unwatched, keep: int = 0) -> None:
        self._job, self._watch, self._keep = job, watch, keep
        self._first: list[Record] = []
        self._refusals: list[Refusal] = []
        self.copied = self.refused = 0

    def classified(self, share: int, *, lock: bool = False) -> Verdict:
        """The file in the temporary tables; `share` is how much of all the work reading is, in percent."""
        job = self._job
        merge.prepare()
        with storage.opened(job) as file:
            table = Table(file, Layout(**job.layout))

            def told(count: int) -> None:
                self._watch.at(share * table.read(), count + self.refused)

            records = Records(table, job.mapping, self._refuse)
            self.copied = merge.copy(self._seen(iter(records)), told)
        self._watch.at(share, self.copied + self.refused)
        if lock:
            merge.lock(job.owner_id, wait=self._watch.waits)
        return merge.classify(job.owner_id, _fields(job), self.copied)

    def preview(self) -> list[dict[str, Any]]:
        """The first rows of the file, as they would be stored, and what would become of each."""
        found = merge.verdicts(self._first[-1][0]) if self._first else {}
        passed_over = {Mode.ADD: "changed", Mode.UPDATE: "added"}.get(Mode(self._job.mode))
        found = {line: "passed_over" if verdict == passed_over else verdict for line, verdict in found.items()}
        good = [{**_named(record), "verdict": found.get(record[0], "duplicates")} for record in self._first]
        bad = [{"line": r.line, "verdict": "refused", "reason": r.reason} for r in self._refusals]
        return sorted(good + bad, key=lambda row: row["line"])[: self._keep]

    def problems(self) -> list[str]:
        return [in_line(refusal.line, refusal.reason) for refusal in self._refusals[:PROBLEMS]]

    def _seen(self, records: Iterator[Record]) -> Iterator[Record]:
        self._first = list(islice(records, self._keep))
        yield from self._first
        yield from records

    def _refuse(self, refusal: Refusal) -> None:
        self.refused += 1
        if len(self._refusals) < self._keep:
            self._refusals.append(refusal)


def _named(record: Record) -> dict[str, Any]:
    return dict(zip(("line", "email", "full_name", "comment", "attributes"), record, strict=True))


def _counts(mode: str, verdict: Verdict, reading: _Reading) -> dict[str, int]:
    added = verdict.new if mode != Mode.UPDATE else 0
    changed = verdict.differing if mode != Mode.ADD else 0
    return {
        "total": reading.copied + reading.refused,
        "added": added,
        "changed": changed,
        "unchanged": verdict.same,
        "passed_over": verdict.new - added + verdict.differing - changed,
        "duplicates": verdict.duplicates,
        "refused": reading.refused,
    }


def _fields(job: ImportJob) -> Fields:
    named = {Target.FULL_NAME, Target.FIRST_NAME, Target.LAST_NAME} & set(job.mapping)
    return Fields(bool(named), Target.COMMENT in job.mapping)
