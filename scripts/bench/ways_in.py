"""One way to bring recipients in, timed: ways_in.py NAME ROWS FOLDER. The last line that it writes is JSON."""

import csv
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import django  # noqa: E402

django.setup()

import openpyxl  # noqa: E402
import tablib  # noqa: E402
from django.core.validators import validate_email  # noqa: E402
from django.db import connection  # noqa: E402
from django.utils import timezone  # noqa: E402
from import_export import resources  # noqa: E402
from process import peak_mb  # noqa: E402

from accounts.models import User  # noqa: E402
from campaigns.imports import export, work  # noqa: E402
from campaigns.models import ImportJob, Recipient  # noqa: E402
from campaigns.models.import_job import Mode  # noqa: E402

NAMES = ["Anna Smith", "Bob Müller", "Chloé O'Neil", "Фёдор Коваленко", "Ewa Łoś"]


def people(rows: int) -> "Iterator[list[str]]":
    """In no order, as files are; one in a hundred stands there twice, one has no valid address."""
    for number in range(rows):
        known = number * 7_919 % rows if number % 100 else (number // 100) * 7_919 % rows
        email = f"user{known}@example.com" if number % 100 != 50 else f"user {known}"
        yield [email, NAMES[number % len(NAMES)], "", "Berlin"]


def pure_copy(owner: User, file: Path) -> Callable[[], None]:
    """The rows as they are stored, without a look at them: the limit."""
    now = timezone.now().isoformat()
    good = {row["email"]: row for row in _rows(file) if "@" in row["email"]}

    def copy() -> None:
        columns = "owner_id, email, full_name, comment, attributes, version, created_at, updated_at"
        with connection.cursor() as cursor, cursor.copy(f"COPY campaigns_recipient ({columns}) FROM STDIN") as rows:
            lines: list[str] = []
            for row in good.values():
                lines.append(
                    f'{owner.pk}\t{row["email"]}\t{row["full_name"]}\t\t{{"city":"Berlin"}}\t1\t{now}\t{now}\n'
                )
                if len(lines) == 2000:
                    rows.write("".join(lines))
                    lines.clear()
            rows.write("".join(lines))

    return copy


def autosend(owner: User, file: Path) -> Callable[[], None]:
    """The product: from the file on disk to the recipients, with the bytes kept and the progress told."""

    def run() -> None:
        with file.open("rb") as opened:
            job = work.receive(owner, file.name, opened)
        work.confirm_unseen(job, Mode.ADD_AND_UPDATE)
        work.carry_out(job.pk)
        job.refresh_from_db()
        if job.state != ImportJob.State.DONE:
            raise SystemExit(job.reason)

    return run


def sheet(owner: User, file: Path) -> Callable[[], None]:
    """The product, given the same rows as an XLSX file."""
    book = openpyxl.Workbook(write_only=True)
    written = book.create_sheet()
    with file.open(encoding="utf-8", newline="") as opened:
        for row in csv.reader(opened):
            written.append(row)
    book.save(file.with_suffix(".xlsx"))
    return autosend(owner, file.with_suffix(".xlsx"))


def dry_run(owner: User, file: Path) -> Callable[[], None]:
    """The same with exact totals, and nothing written."""

    def run() -> None:
        with file.open("rb") as opened:
            job = work.receive(owner, file.name, opened)
        work.choose(job, job.mapping, Mode.ADD_AND_UPDATE)
        work.carry_out(job.pk)
        job.refresh_from_db()
        if not job.added or Recipient.objects.exists():
            raise SystemExit(f"That was no dry run: {job.reason}")

    return run


def again(owner: User, file: Path) -> Callable[[], None]:
    """The same file once more, when all of it is there."""
    autosend(owner, file)()
    versions = _versions()

    def run() -> None:
        autosend(owner, file)()
        if _versions() != versions:
            raise SystemExit("The same file again has written something.")

    return run


def _versions() -> str:
    """Of all rows as the database has them: any write of one is another version of it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT md5(string_agg(ctid::text || xmin::text, ' ' ORDER BY id)) FROM campaigns_recipient")
        found: str = cursor.fetchone()[0]
        return found


def export_again(owner: User, file: Path) -> Callable[[], None]:
    """What the product's export made of them, imported."""
    autosend(owner, file)()
    exported = file.with_name("exported.csv")
    with exported.open("wb") as opened:
        opened.writelines(export.as_csv([owner.recipients.all()]))
    versions = _versions()

    def run() -> None:
        autosend(owner, exported)()
        if _versions() != versions:
            raise SystemExit("Importing an export has written something.")

    return run


def bulk_create(owner: User, file: Path) -> Callable[[], None]:
    def run() -> None:
        batch: dict[str, Recipient] = {}
        for row in _rows(file):
            try:
                validate_email(row["email"])
            except django.core.exceptions.ValidationError:
                continue
            found = {"city": row["city"]}
            batch[row["email"]] = Recipient(
                owner=owner, email=row["email"], full_name=row["full_name"], comment="", attributes=found
            )
            if len(batch) == 2000:
                _flush(batch)
        _flush(batch)

    return run


def _flush(batch: dict[str, Recipient]) -> None:
    # Django's update_conflicts takes no expressions, and so not our index on lower(email): those there are left.
    Recipient.objects.bulk_create(batch.values(), ignore_conflicts=True)
    batch.clear()


class Plain(resources.ModelResource):
    class Meta:
        model = Recipient
        fields = ("owner", "email", "full_name", "comment")
        import_id_fields = ("email",)


class Bulk(Plain):
    class Meta(Plain.Meta):
        use_bulk = True
        skip_diff = True
        batch_size = 1000


def import_export(resource: type) -> Callable[[User, Path], Callable[[], None]]:
    def way(owner: User, file: Path) -> Callable[[], None]:
        def run() -> None:
            data: Any = tablib.Dataset(headers=["owner", "email", "full_name", "comment"])
            seen = {row["email"]: row for row in _rows(file)}
            data.extend([owner.pk, row["email"], row["full_name"], ""] for row in seen.values())
            resource().import_data(data, raise_errors=True)

        return run

    return way


WAYS = {
    "pure COPY": pure_copy,
    "autosend": autosend,
    "autosend, XLSX": sheet,
    "autosend, dry run": dry_run,
    "autosend, the same file again": again,
    "autosend, its export imported": export_again,
    "bulk_create(ignore_conflicts)": bulk_create,
    "import-export, use_bulk": import_export(Bulk),
    "import-export": import_export(Plain),
}


def _rows(file: Path) -> "Iterator[dict[str, str]]":
    with file.open(encoding="utf-8", newline="") as opened:
        yield from csv.DictReader(opened)


def main() -> None:
    name, rows, folder = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    file = folder / "people.csv"
    with file.open("w", encoding="utf-8", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerow(["email", "full_name", "comment", "city"])
        writer.writerows(people(rows))
    owner = User.objects.create_user(f"bench{rows}-{time.monotonic_ns()}@office.example")
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE campaigns_recipient, campaigns_importjob CASCADE")
        run = WAYS[name](owner, file)
        began = time.monotonic()
        run()
        seconds = time.monotonic() - began
    figures = {"per_second": rows / seconds, "peak_mb": peak_mb(os.getpid()), "milliseconds": 1000 * seconds}
    print(json.dumps(figures))


main()
