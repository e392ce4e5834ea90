import json
from argparse import ArgumentParser
from typing import Any, TextIO, cast

from django.core.management.base import BaseCommand
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from backoffice.health import DEGRADED, FAILED, OK, Finding
from campaigns.management import examination

MARKS = {OK: "[green]well[/]", DEGRADED: "[yellow]look at[/]", FAILED: "[red]mend[/]"}


class Command(BaseCommand):
    help = (
        "Examine this installation: settings, static files, logs, cache, database, scheduler, workers, and the mail "
        "server's login. Sends nothing and changes nothing. Exit status: 0 all is well, 1 something is to be mended or "
        "looked at."
    )
    # They are among what is examined, and told with the rest.
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print the findings as one line of JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        found = list(examination.findings())
        if options["json"]:
            self.stdout.write(json.dumps([finding._asdict() for finding in found]))
        else:
            Console(file=cast(TextIO, self.stdout)).print(_table(found))
        if any(finding.status != OK for finding in found):
            raise SystemExit(1)


def _table(found: list[Finding]) -> Table:
    table = Table("what", "", "finding")
    for finding in found:
        table.add_row(finding.name, MARKS[finding.status], escape(finding.reason))
    return table
