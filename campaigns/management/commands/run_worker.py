from typing import Any

from django.core.management.base import BaseCommand
from django.utils.translation import gettext as _

from campaigns.sending.queue import worker


class Command(BaseCommand):
    help = (
        "Deliver what has been launched, until SIGTERM or Ctrl-C. Letters on their way then settle, and the rest "
        "goes back to the queue. Start as many as you like, on as many machines."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(_("The worker is waiting for mailings. Stop it with Ctrl-C."))
        worker.run()
        self.stdout.write(_("The worker has stopped."))
