import gc
import logging
import sys
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
        _collect_garbage_rarely()
        # Seconds. The thread that commits otherwise waits 5 ms for the one that sends, before and after each commit,
        # which takes 3 itself; at times all connections waited for it then.
        sys.setswitchinterval(0.001)
        worker.run()
        logger.info("The worker has stopped.")
        self.stdout.write(_("The worker has stopped."))


def _collect_garbage_rarely() -> None:
    # A letter makes a dozen objects, and none in a circle. To look for circles among them and all the code, as often as
    # by default, took 9 % of a worker's time.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
