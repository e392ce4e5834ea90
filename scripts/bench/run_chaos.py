"""Break things at random while mailings are sent, then compare; chaos.py makes the environment and calls this."""

import argparse
import os
import random
import secrets
import shutil
import sys
import tempfile
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import django  # noqa: E402

from backoffice import embedded  # noqa: E402
from backoffice.embedded.interrupts import termination_unwinds  # noqa: E402
from campaigns.tests.crash import cluster as clusters  # noqa: E402

if TYPE_CHECKING:
    from campaigns.models import Mailing
    from campaigns.tests.crash.rig import Rig

SETTINGS = {
    "DJANGO_SETTINGS_MODULE": "backoffice.settings",
    "ENV_FILE": os.devnull,
    "DEBUG": "False",
    "SECRET_KEY": secrets.token_urlsafe(50),
    "LOG_LEVEL": "ERROR",
    "LOG_DIR": "",
    "SENDING_CHUNK_ROWS": "100",
    # Some audiences are written by the press of the button, some by a worker.
    "SENDING_INLINE_ROWS": "500",
}
# Servers that the environment names are somebody's: what breaks here is our own.
NOT_OURS = ("DB_", "PG", "REDIS_URL", "SENDING_", "SMTP_", "EMAIL_")
SMALLEST, LARGEST = 50, 1500
AT_A_TIME = 3
# From one fault to the next.
SHORTEST_SECONDS, LONGEST_SECONDS = 0.2, 2.5
REPORT_SECONDS = 10
# How long all may take to end once nothing breaks any more.
PATIENCE_SECONDS = 180


def main() -> int:
    options = _options()
    for name in [name for name in os.environ if name.startswith(NOT_OURS)]:
        del os.environ[name]
    folder = Path(tempfile.mkdtemp(prefix="autosend-chaos-"))
    kept = False
    try:
        with termination_unwinds(), clusters.running() as cluster:
            os.environ.update(SETTINGS | cluster.addresses)
            kept = not _run(options, folder, cluster)
    except embedded.EmbeddedServerError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        if kept:
            print(f"Logs and the mail server's journal: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)
    return int(kept)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="chaos.py", description="Whether the promise holds while everything breaks.")
    parser.add_argument("--minutes", type=float, default=1, metavar="M", help="how long things break (1)")
    parser.add_argument("--seed", type=int, metavar="N", help="the same faults in the same order as that run's")
    parser.add_argument("--workers", type=int, default=3, metavar="N", help="worker processes (3)")
    options = parser.parse_args()
    options.seed = secrets.randbelow(10**6) if options.seed is None else options.seed
    return options


def _run(options: argparse.Namespace, folder: Path, cluster: clusters.Cluster) -> bool:
    """Whether the promise was kept."""
    django.setup()
    from django.core.management import call_command

    from campaigns.tests.crash import rig as rigs

    call_command("migrate", verbosity=0)
    print(f"--minutes {options.minutes:g} --seed {options.seed} --workers {options.workers}", flush=True)
    with rigs.running(folder, cluster) as rig:
        chaos = Chaos(rig, options.seed, options.workers)
        with suppress(KeyboardInterrupt):
            chaos.run(60 * options.minutes)
        chaos.settle()
        return chaos.tell()


class Chaos:
    """Fresh mailings again and again, and something that breaks every second or two."""

    def __init__(self, rig: "Rig", seed: int, workers: int) -> None:
        from crew import Crew

        self._rig, self._random = rig, random.Random(seed)  # noqa: S311
        self._crew = Crew(rig, seed, workers)
        self._mailings: list[Mailing] = []
        self._began = time.monotonic()

    def run(self, seconds: float) -> None:
        """Until the time is over."""
        reported = self._began
        while time.monotonic() < self._began + seconds:
            self._crew.repair()
            self._resume_paused()
            self._keep_busy()
            time.sleep(self._random.uniform(SHORTEST_SECONDS, LONGEST_SECONDS))
            self._crew.break_something()
            if time.monotonic() > reported + REPORT_SECONDS:
                reported = time.monotonic()
                self._report()

    def settle(self) -> None:
        """Break nothing any more, and wait until all mailings have ended."""
        print("Nothing breaks any more; waiting for the end of all mailings …", flush=True)
        self._crew.wake_all()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self._under_way() and time.monotonic() < deadline:
            self._crew.repair()
            self._resume_paused()
            time.sleep(0.5)
        self._crew.stop()

    def tell(self) -> bool:
        """Print the summary; whether the promise was kept."""
        from campaigns.tests.crash.reconciler import PromiseBroken

        try:
            in_doubt = self._rig.reconcile(*self._attempts(), in_doubt=self._crew.may_be_in_doubt)
        except PromiseBroken as broken:
            print(f"{self._figures()}\nThe promise is broken: {broken}")
            return False
        print(f"{', '.join(f'{count} {fault}' for fault, count in sorted(self._crew.faults.items()))}")
        if self._crew.fallen:
            print(f"Workers ended unasked or with an error, with these exit statuses: {self._crew.fallen}")
        print(f"{self._figures()}, 0 lost, 0 duplicated, {len(in_doubt)} unconfirmed (all listed)")
        return not self._crew.fallen

    def _keep_busy(self) -> None:
        """Have new mailings launched by the schedulers."""
        from django.utils import timezone

        from campaigns import lifecycle
        from campaigns.tests import factories

        for _ in range(AT_A_TIME - self._under_way()):
            audience = self._random.randint(SMALLEST, LARGEST)
            mailing = factories.mailing(audience=audience, start_at=timezone.now() - timedelta(minutes=1))
            lifecycle.schedule(mailing)
            self._mailings.append(mailing)

    def _resume_paused(self) -> None:
        """What a person does when a mailing has paused because the mail server was away."""
        from campaigns import lifecycle
        from campaigns.models import Mailing

        for mailing in Mailing.objects.filter(status=Mailing.Status.PAUSED):
            with suppress(lifecycle.LifecycleError):
                lifecycle.resume(mailing)

    def _under_way(self) -> int:
        from campaigns.models import Chunk, Mailing

        mailings = Mailing.objects.exclude(status=Mailing.Status.FINISHED).count()
        return mailings + Chunk.objects.filter(closed_at=None, attempt__finished_at__isnull=False).count()

    def _attempts(self) -> "list[object]":
        from campaigns.models import MailingAttempt

        return list(MailingAttempt.objects.all())

    def _report(self) -> None:
        minutes, seconds = divmod(int(time.monotonic() - self._began), 60)
        print(f"{minutes}:{seconds:02}  {self._figures()}, {len(self._mailings)} mailings", flush=True)

    def _figures(self) -> str:
        return f"{len(self._rig.taken()):,} mails, {self._crew.faults.total():,} kills"


if __name__ == "__main__":
    sys.exit(main())
