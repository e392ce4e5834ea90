import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from backoffice import log_files
from backoffice.correlation import correlated, new_id
from campaigns import lifecycle
from campaigns.management import delivery
from campaigns.models import Mailing


class Command(BaseCommand):
    help = (
        "Send a mailing now and deliver it in the foreground, with a progress bar on a terminal. "
        "Exit status: 0 every letter was sent, 1 some were not or sending is paused, 2 it could not be started."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--id", type=int, required=True, help="the mailing's number, as its page's address has it")
        parser.add_argument("--dry-run", action="store_true", help="compose and check every letter, send none")
        parser.add_argument("--new-only", action="store_true", help="only to those who are in no earlier attempt")
        parser.add_argument("--enqueue", action="store_true", help="leave the delivery to running workers")
        parser.add_argument("--wait", action="store_true", help="with --enqueue: watch until the workers are done")
        parser.add_argument("--json", action="store_true", help="print the figures as one line of JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        log_files.write("app")
        with correlated(new_id()):
            attempt = self._launch(options["id"], dry_run=options["dry_run"], new_only=options["new_only"])
        if not options["enqueue"]:
            [attempt] = delivery.deliver([attempt])
        elif options["wait"]:
            [attempt] = delivery.follow([attempt])
        figures = json.dumps(delivery.figures(attempt))
        self.stdout.write(figures if options["json"] else delivery.sentence(attempt))
        delivered = options["wait"] or not options["enqueue"]
        if delivered and not delivery.succeeded([attempt]):
            raise SystemExit(1)

    def _launch(self, pk: int, *, dry_run: bool, new_only: bool) -> Any:
        mailing = Mailing.objects.select_related("message", "owner").filter(pk=pk).first()
        if not mailing:
            raise CommandError(_("There is no mailing %s.") % pk, returncode=2)
        try:
            return lifecycle.launch(mailing, None, dry_run=dry_run, new_only=new_only)
        except lifecycle.LifecycleError as error:
            raise CommandError(str(error), returncode=2) from error
