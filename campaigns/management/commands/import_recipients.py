import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from threading import Event, Thread
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.utils.translation import gettext as _
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from accounts.models import User
from backoffice import log_files
from backoffice.correlation import correlated, new_id
from campaigns.imports import work
from campaigns.imports.errors import ImportRefused
from campaigns.imports.lists import Into
from campaigns.models import ImportJob, RecipientList
from campaigns.models.import_job import BESIDE, COUNTERS, Mode

LONGEST_LIST_NAME = RecipientList._meta.get_field("name").max_length or 0


class Command(BaseCommand):
    help = (
        "Import recipients from a CSV or XLSX file, with a progress bar on a terminal. Rows that can not be imported "
        "are left out and told with their lines. Exit status: 0 every row was imported or is there already, 1 some "
        "rows were refused, 2 nothing was imported."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="the file; its first line names the columns")
        parser.add_argument("--owner", required=True, metavar="EMAIL", help="the login of whose recipients they become")
        parser.add_argument(
            "--list",
            default="",
            type=str.strip,
            metavar="NAME",
            help="put them into this list of the owner's, or a new one",
        )
        parser.add_argument("--take-out", action="store_true", help="take out of the list whoever is not in the file")
        parser.add_argument("--mode", choices=Mode.values, default=Mode.ADD_AND_UPDATE, help="what may be written")
        parser.add_argument("--dry-run", action="store_true", help="tell what would come of it, and write nothing")
        parser.add_argument("--json", action="store_true", help="print the figures as one line of JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["take_out"] and not options["list"]:
            raise CommandError(_("--take-out needs --list."), returncode=2)
        if len(options["list"]) > LONGEST_LIST_NAME:
            raise CommandError(_("The name of a list has at most %s characters.") % LONGEST_LIST_NAME, returncode=2)
        log_files.write("app")
        request_id = new_id()
        with correlated(request_id):
            try:
                job = self._receive(options["file"], _owner(options["owner"]), request_id)
                into = Into(new=options["list"], takes_out=options["take_out"])
                self._import(job, options["mode"], into, dry_run=options["dry_run"])
            except ImportRefused as error:
                raise CommandError(str(error), returncode=2) from error
        self._tell(job, as_json=options["json"], dry_run=options["dry_run"])
        if job.refused:
            raise SystemExit(1)

    def _receive(self, path: Path, owner: User, request_id: str) -> ImportJob:
        try:
            with path.open("rb") as file:
                return work.receive(owner, path.name, file, request_id)
        except OSError as error:
            raise CommandError(f"{path}: {error.strerror}", returncode=2) from error

    def _import(self, job: ImportJob, mode: str, into: Into, *, dry_run: bool) -> None:
        if dry_run:
            try:
                work.choose(job, job.mapping, mode, into)
                _carried_out(job, _("Checking"))
            finally:
                ImportJob.objects.filter(pk=job.pk).delete()
        else:
            work.confirm_unseen(job, mode, into)
            try:
                _carried_out(job, _("Importing"))
            except BaseException:
                # Nobody else would go on with it; what has ended stays as it is.
                ImportJob.objects.filter(pk=job.pk).cancel(_("The command was interrupted."))
                raise

    def _tell(self, job: ImportJob, *, as_json: bool, dry_run: bool) -> None:
        for problem in job.problems:
            self.stderr.write(problem)
        if job.refused > len(job.problems):
            self.stderr.write(_("… and %s more.") % (job.refused - len(job.problems)))
        figures = {name: getattr(job, name) for name in ("total", *COUNTERS, *BESIDE)}
        if as_json:
            self.stdout.write(json.dumps(figures))
            return
        told = ", ".join(f"{count} {_name(name)}" for name, count in figures.items() if count or name == "total")
        self.stdout.write((_("Would be: %s") if dry_run else _("Imported: %s")) % told)


def _name(figure: str) -> str:
    field: Any = ImportJob._meta.get_field(figure)
    return str(field.verbose_name)


def _owner(email: str) -> User:
    owner = User.objects.filter(email__iexact=email).first()
    if owner is None:
        raise CommandError(_("There is no user %s.") % email, returncode=2)
    return owner


def _carried_out(job: ImportJob, what: str) -> None:
    """Do what the import waits for, behind a bar. Raises ImportRefused with its reason when it fails."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    quiet = not sys.stderr.isatty()
    with Progress(*columns, console=Console(stderr=True), disable=quiet) as progress:
        over = Event()
        bar = Thread(target=_follow, args=(job.pk, progress, progress.add_task(what, total=100), over), daemon=True)
        if not quiet:
            bar.start()
        try:
            work.carry_out(job.pk)
        finally:
            over.set()
            if not quiet:
                bar.join()
    job.refresh_from_db()
    if job.state in (ImportJob.State.FAILED, ImportJob.State.CANCELLED):
        raise ImportRefused(job.reason or _("The import was cancelled."))


def _follow(pk: int, progress: Progress, task: Any, over: Event) -> None:
    try:
        while not over.wait(0.25):
            progress.update(task, completed=ImportJob.objects.values_list("position", flat=True).get(pk=pk))
        progress.update(task, completed=100)
    finally:
        connection.close()
