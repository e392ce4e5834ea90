import re
from argparse import ArgumentParser, ArgumentTypeError
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone
from django.utils.translation import gettext as _

from campaigns.lifecycle import pruning


def days(text: str) -> timedelta:
    """`365d` or `365`. Raises ArgumentTypeError."""
    found = re.fullmatch(r"([1-9]\d{0,4})d?", text)
    if not found:
        raise ArgumentTypeError(_("“%s” is not a number of days, such as 365d.") % text)
    return timedelta(days=int(found[1]))


class Command(BaseCommand):
    help = (
        "Remove the mailing log of attempts that ended long ago, in small batches, while workers run. The reports of "
        "that time stay as they are; letters of these attempts can not be sent again or confirmed any more."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--older-than", type=days, required=True, metavar="DAYS", help="for example 365d")
        parser.add_argument("--dry-run", action="store_true", help="only say how much that would be")

    def handle(self, *args: Any, **options: Any) -> None:
        before = timezone.now() - options["older_than"]
        if options["dry_run"]:
            would = pruning.prunable(before)
            self.stdout.write(_told(_("Would remove the log of %(attempts)s attempts: %(rows)s rows."), would))
        else:
            done = pruning.prune_logs(before)
            self.stdout.write(_told(_("Removed the log of %(attempts)s attempts: %(rows)s rows."), done))


def _told(sentence: str, figures: pruning.Pruned) -> str:
    return sentence % {name: f"{count:,}" for name, count in figures._asdict().items()}
