from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone
from django.utils.translation import gettext as _

from backoffice import clock, log_files, pulse
from backoffice.correlation import working
from campaigns import lifecycle, scheduler
from campaigns.management import delivery
from campaigns.models import MailingAttempt


class Command(BaseCommand):
    help = (
        "Launch the scheduled mailings whose start has come and whose end has not, and deliver them in the "
        "foreground. Where no worker is alive, also whatever else is under way: what people have launched, imports and "
        "bulk changes that wait, and what an earlier run that was killed has left; where no scheduler is, it also does "
        "the housekeeping. For cron; safe to run while an earlier run still works. "
        "Exit status: 0 nothing was due or every letter was sent, 1 some were not."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--enqueue", action="store_true", help="leave the delivery to running workers")

    def handle(self, *args: Any, **options: Any) -> None:
        log_files.write("scheduler")
        with working(job="send_due_mailings"):
            began = timezone.now()
            attempts = lifecycle.launch_due()
            clock.note_tick(began, delivers=not options["enqueue"])
            if not options["enqueue"]:
                attempts = _delivered(attempts)
            if not clock.look().is_well:
                scheduler.keep_house()
        for attempt in attempts:
            self.stdout.write(delivery.sentence(attempt))
        if not attempts:
            self.stdout.write(_("Nothing is due."))
        elif not options["enqueue"] and not delivery.succeeded(attempts):
            raise SystemExit(1)


def _delivered(launched: list[MailingAttempt]) -> list[MailingAttempt]:
    if pulse.workers().alive:
        return delivery.deliver(launched)
    return delivery.deliver_and_carry_out(list({*launched, *delivery.unattended()}))
