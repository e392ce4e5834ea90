"""Measure the product beside the limit and the usual ways; sending.py makes the environment and calls this."""

import argparse
import os
import platform
import secrets
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import django  # noqa: E402
import source  # noqa: E402
from peers import NAMES, POST_OFFICE, TRIED, Peers  # noqa: E402
from report import Results, table, write_json  # noqa: E402
from result import Failed, Run  # noqa: E402
from scenarios import ALL, DELAY50, FAST, LINK, SHARED, Scenario, Sink, sink  # noqa: E402

from backoffice import embedded  # noqa: E402

if TYPE_CHECKING:
    from product import Product

SETTINGS = {
    "DJANGO_SETTINGS_MODULE": "backoffice.settings",
    "ENV_FILE": os.devnull,
    "DEBUG": "False",
    "SECRET_KEY": secrets.token_urlsafe(50),
    "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
    "SMTP_USE_TLS": "False",
    "SMTP_USE_SSL": "False",
    "SMTP_USER": "",
    "SMTP_PASSWORD": "",
    "LOG_LEVEL": "ERROR",
    "LOG_DIR": "",
}
# Servers that the environment names are somebody's: the benchmark writes to its own alone.
NOT_OURS = ("DB_", "PG", "REDIS_URL", "SENDING_")
MILLION = 1_000_000


@dataclass(frozen=True)
class Volume:
    """How many messages everybody sends: enough for a steady rate, few enough to get to the end."""

    recipients: int
    runs: int
    # By scenario: the product, smtp-source, post_office, the peers on one connection.
    counts: dict[str, tuple[int, int, int, int]]


def full(recipients: int, runs: int) -> Volume:
    return Volume(
        recipients,
        runs,
        {
            FAST.name: (recipients, recipients, 3000, 1500),
            DELAY50.name: (min(recipients, 40_000), min(recipients, 40_000), 2000, 100),
            LINK.name: (min(recipients, 15_000), min(recipients, 6400), 1000, 50),
        },
    )


def quick(recipients: int, runs: int) -> Volume:
    return Volume(
        recipients,
        runs,
        {
            FAST.name: (recipients, recipients, 500, 300),
            DELAY50.name: (min(recipients, 10_000), min(recipients, 10_000), 500, 20),
            LINK.name: (min(recipients, 4000), min(recipients, 1600), 300, 10),
        },
    )


def main() -> int:
    options = _options()
    for name in [name for name in os.environ if name.startswith(NOT_OURS)]:
        del os.environ[name]
    directory = Path(tempfile.mkdtemp(prefix="autosend-bench-"))
    try:
        with embedded.servers(directory) as addresses:
            os.environ.update(SETTINGS | addresses)
            _measure(options, directory)
    except (embedded.EmbeddedServerError, Failed) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        embedded.erase(directory)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="sending.py", description="How fast mail leaves.")
    parser.add_argument("--quick", action="store_true", help="few messages and runs, within three minutes")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    parser.add_argument("--runs", type=int, metavar="N", help="rounds, of which the medians are told (5; quick: 1)")
    parser.add_argument("--recipients", type=int, metavar="N", help="of the large mailing (100,000; quick: 20,000)")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="leave the others out")
    options = parser.parse_args()
    options.runs = options.runs or (1 if options.quick else 5)
    options.recipients = options.recipients or (20_000 if options.quick else 100_000)
    return options


def _measure(options: argparse.Namespace, directory: Path) -> None:
    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    from product import Product

    volume = (quick if options.quick else full)(options.recipients, options.runs)
    print(_machine(), flush=True)
    bench = Bench(Product(volume.recipients), volume, directory, options.only)
    bench.measure()
    print(f"\n{table(bench.results.lines())}\n", flush=True)
    print(bench.promptness(), flush=True)
    print(bench.two_workers(), flush=True)
    if options.json:
        write_json(options.json, bench.results.lines())


class Bench:
    """Everybody in turn, round after round."""

    def __init__(self, product: "Product", volume: Volume, directory: Path, only: list[str] | None) -> None:
        self.results = Results()
        self._product, self._volume, self._directory, self._only = product, volume, directory, only
        self._peers = Peers() if any(map(self._takes_part, NAMES)) else None

    def measure(self) -> None:
        """All rounds."""
        if self._peers and self._takes_part(POST_OFFICE):
            for scenario in ALL:
                self._try_post_office(self._peers, scenario)
        for number in range(1, self._volume.runs + 1):
            print(f"Round {number} of {self._volume.runs} …", flush=True)
            for scenario in ALL:
                self._round(scenario)

    def promptness(self) -> str:
        """How soon the press of the button is over, the ledger written, and the first mail accepted."""
        recipients = self._volume.recipients
        with sink(FAST, self._directory, own=True) as to:
            run = self._product.run(to, FAST.connections, recipients, self._directory)
        _check(to, recipients)
        first = min(at for at, _recipient in to.accepted()) - run.more["pressed_at"]
        rows = self._product.rows_written_per_second(recipients)
        return (
            f"{recipients:,} recipients: the press took {run.more['press']:.2f} s; from its beginning it was "
            f"{first:.2f} s to the first mail accepted, {run.more['expanded']:.2f} s to the last ledger row and "
            f"{run.seconds:.2f} s to the last one settled; the worker's memory was {run.peak_mb:.0f} MB at the most. "
            "Each address got exactly one mail.\n"
            f"Ledger rows written: {rows:,.0f} a second, a million in {MILLION / rows:.1f} s."
        )

    def two_workers(self) -> str:
        """What a second worker process brings where the server has time."""
        recipients = min(self._volume.recipients, 10_000)
        rates = []
        for workers in (1, 2):
            with sink(SHARED, self._directory) as to:
                run = self._product.run(to, SHARED.connections, recipients, self._directory, workers)
            _check(to, recipients)
            rates.append(run.per_second)
        return (
            f"{SHARED.dot_ms} ms a message, {SHARED.connections} connections for each worker: one delivered "
            f"{rates[0]:,.0f} a second, two {rates[1]:,.0f}. Each address got exactly one mail."
        )

    def _takes_part(self, name: str) -> bool:
        return self._only is None or name in self._only

    def _try_post_office(self, peers: Peers, scenario: Scenario) -> None:
        tried: dict[tuple[int, int], Run] = {}
        for how in TRIED:
            with sink(scenario, self._directory) as to:
                tried[how] = peers.run(POST_OFFICE, to, self._volume.counts[scenario.name][2], how)
        peers.remember_best(scenario, tried)

    def _round(self, scenario: Scenario) -> None:
        own, limit, pool, single = self._volume.counts[scenario.name]
        if self._takes_part("autosend"):
            self._run_product(scenario, own)
        if self._takes_part(source.NAME):
            for connections in source.connection_counts(scenario):
                with sink(scenario, self._directory) as to:
                    run = source.run(to, connections, limit, self._directory)
                self._add(source.NAME, scenario, run, f"{connections} connections")
        for name in filter(self._takes_part, NAMES):
            self._run_peer(name, scenario, pool if name == POST_OFFICE else single)

    def _run_product(self, scenario: Scenario, messages: int) -> None:
        with sink(scenario, self._directory) as to:
            run = self._product.run(to, scenario.connections, messages, self._directory)
        if to.journal:
            _check(to, messages)
        self._add("autosend", scenario, run, f"{scenario.connections} connections")

    def _run_peer(self, name: str, scenario: Scenario, messages: int) -> None:
        assert self._peers  # noqa: S101
        how, note = (1, 1), "1 connection"
        if name == POST_OFFICE:
            how = self._peers.best(scenario)
            note = f"{how[0]} processes of {how[1]} threads"
        with sink(scenario, self._directory) as to:
            run = self._peers.run(name, to, messages, how)
        self._add(name, scenario, run, note)

    def _add(self, name: str, scenario: Scenario, run: Run, note: str) -> None:
        print(f"  {scenario.name}: {name} with {note}: {run.per_second:,.0f} messages/s", flush=True)
        self.results.add(name, scenario, run, note)


def _check(to: Sink, messages: int) -> None:
    from product import check_journal

    check_journal(to, messages)


def _machine() -> str:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        (version,) = cursor.fetchone()
        cursor.execute("SHOW synchronous_commit")
        (synchronous,) = cursor.fetchone()
    load = os.getloadavg()[0]
    return (
        f"{os.cpu_count()} cores, Python {platform.python_version()}, PostgreSQL {version.split()[0]} "
        f"(synchronous_commit {synchronous}), load before {load:.1f}"
    )


if __name__ == "__main__":
    sys.exit(main())
