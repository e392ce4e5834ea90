"""Rows settled a second and bytes of WAL for each, without mail; ledger.py makes the environment and calls this.

Each writer is a process with a connection of its own, as a worker has, and writes what a worker would: groups of
letters, the outcomes of one with the marks of the next, in the product's own statement, each committed to the disk.
"""

import argparse
import itertools
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import django  # noqa: E402
from result import Failed  # noqa: E402
from run_sending import NOT_OURS, SETTINGS  # noqa: E402

from backoffice import embedded  # noqa: E402

WRITERS = (1, 4)
GROUPS = (16, 64, 256)
REPLY = "250 2.0.0 Ok: queued as 4bXnQy0Wk3z1Tm"


def main() -> int:
    parser = argparse.ArgumentParser(prog="ledger.py", description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=200_000, metavar="N", help="rows of each run (200,000)")
    rows = parser.parse_args().rows
    for name in [name for name in os.environ if name.startswith(NOT_OURS)]:
        del os.environ[name]
    directory = Path(tempfile.mkdtemp(prefix="autosend-bench-"))
    try:
        with embedded.servers(directory) as addresses:
            os.environ.update(SETTINGS | addresses)
            _measure(rows)
    except (embedded.EmbeddedServerError, Failed) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        embedded.erase(directory)
    return 0


@dataclass(frozen=True)
class Cost:
    """What some rows cost: the seconds, and the bytes of PostgreSQL's log."""

    rows: int
    seconds: float
    wal: int

    def __str__(self) -> str:
        return f"{self.rows / self.seconds:,.0f} rows/s, {self.wal / self.rows:,.0f} bytes of WAL a row"


def _measure(rows: int) -> None:
    django.setup()
    from django.core.management import call_command
    from product import Product

    call_command("migrate", verbosity=0)
    product = Product(rows)
    mailing = product.mailing(rows)
    for group, writers in itertools.product(GROUPS, WRITERS):
        attempt, written = _expand(mailing)
        settled = _settle(attempt, rows, writers, group)
        print(f"{writers} writers, groups of {group}: written {written}; settled {settled}", flush=True)


def _expand(mailing):
    """A new attempt, and what it cost to write its rows."""
    from django.conf import settings

    from campaigns.models import MailingAttempt
    from campaigns.sending.ledger.audience import expand, owners
    from campaigns.sending.queue.jobs import SLICE_ROWS

    _checkpoint()
    attempt = MailingAttempt.objects.create(mailing=mailing, from_email="news@example.com")
    began, wal, among = time.perf_counter(), _wal(), owners(mailing.pk)
    while attempt.expanded_at is None:
        expand(attempt.pk, among, SLICE_ROWS, settings.SENDING_CHUNK_ROWS)
        attempt.refresh_from_db()
    return attempt, Cost(attempt.total, time.perf_counter() - began, _wal() - wal)


def _settle(attempt, rows: int, writers: int, group: int) -> Cost:
    """What it costs to have every row marked and settled by so many processes at once."""
    from django.db import connection

    chunks = list(attempt.chunks.order_by("pk").values_list("pk", flat=True))
    _checkpoint()
    wal = _wal()
    connection.close()
    forked = multiprocessing.get_context("fork")
    processes = [forked.Process(target=_write, args=(chunks[number::writers], group)) for number in range(writers)]
    began = time.perf_counter()
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    cost = Cost(rows, time.perf_counter() - began, _wal() - wal)
    attempt.refresh_from_db()
    if attempt.sent != rows:
        raise Failed(f"{attempt.sent:,} of {rows:,} rows are settled.")
    return cost


def _write(chunks: Iterable[int], size: int) -> None:
    """Mark and settle the rows of these chunks, one after the other."""
    from django.db import connection

    from campaigns.models.log import Status
    from campaigns.sending.ledger import chunks as ledger
    from campaigns.sending.ledger.entries import Entries, Settlement, write

    with connection.cursor() as cursor:
        cursor.execute("SET plan_cache_mode = force_generic_plan")
    for chunk in chunks:
        lease = ledger.take(chunk)
        groups = [(), *itertools.batched([row.to.row for row in ledger.ready(lease)], size), ()]
        for settled, marked in itertools.pairwise(groups):
            write({lease: Entries([], list(marked), [Settlement(row, Status.SENT, REPLY, 1) for row in settled])})
        ledger.close(lease)


def _checkpoint() -> None:
    # A page that changes for the first time after one is logged whole: each run begins alike.
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("CHECKPOINT")


def _wal() -> int:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')")
        return int(cursor.fetchone()[0])


if __name__ == "__main__":
    sys.exit(main())
