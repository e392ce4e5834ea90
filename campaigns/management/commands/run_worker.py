import logging
from typing import Any

from django.core.management.base import BaseCommand
from django.utils.translation import gettext as _

from backoffice import log_files
from campaigns.sending.queue import worker

logger = logging.getLogger(__name__)


class Command(BaseCommand):
    help = (
        "Deliver what has been launched, until SIGTERM or Ctrl-C. Letters on their way then settle, and the rest "
        "goes back to the queue. Start as many as you like, on as many machines."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        log_files.write("worker")
        logger.info("The worker starts.")
        self.stdout.write(_("The worker is waiting for mailings. Stop it with Ctrl-C."))
        worker.run()
        logger.info("The worker has stopped.")
        self.stdout.write(_("The worker has stopped."))
