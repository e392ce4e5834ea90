"""Time a report counted, rolled up and kept; reports.py makes the environment and calls this."""

import argparse
import json
import os
import secrets
import sys
import time
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from backoffice import embedded  # noqa: E402
from backoffice.embedded.interrupts import termination_unwinds  # noqa: E402

RUNS = 7
SETTINGS = {
    "DJANGO_SETTINGS_MODULE": "backoffice.settings",
    "ENV_FILE": os.devnull,
    "DEBUG": "False",
    "SECURE_SSL_REDIRECT": "False",
    "SECRET_KEY": secrets.token_urlsafe(50),
    "LOG_LEVEL": "ERROR",
    "LOG_DIR": "",
}


def main() -> int:
    options = _options()
    rows = options.rows or (500_000 if options.quick else 5_000_000)
    os.environ.update({**SETTINGS, "REDIS_URL": os.environ.get("REDIS_URL", "")})
    os.environ.setdefault("DB_HOST", "is set below")
    from campaigns.tests.crash import cluster as clusters

    try:
        with termination_unwinds(), clusters.running() as cluster:
            os.environ.update(cluster.addresses)
            found = _measured(rows)
    except embedded.EmbeddedServerError as error:
        print(error, file=sys.stderr)
        return 1
    if options.json:
        options.json.write_text(json.dumps({"rows": rows, **_by_clock(found)}, indent=1) + "\n")
    _report(found, rows)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="How fast reports are.")
    parser.add_argument("--quick", action="store_true", help="500,000 rows: about a minute")
    parser.add_argument("--rows", type=int, help="so many, a multiple of 20,000 (5,000,000)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    return parser.parse_args()


def _measured(rows: int) -> "dict[str, tuple[float, float]]":
    import django

    django.setup()
    import large_ledger
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    began = time.monotonic()
    ways = large_ledger.ways(rows)
    print(f"{rows:,} rows written and rolled up in {time.monotonic() - began:.0f} s")
    return {name: _timed(name, way) for name, way in ways.items()}


def _timed(name: str, way) -> "tuple[float, float]":
    """The medians of what it took by the clock, and of the processor's time in this process, without the database's."""
    print(f"{name} …", flush=True)
    way()
    times = []
    for _ in range(3 if name.startswith("direct") else RUNS):
        began = time.perf_counter(), time.process_time()
        way()
        times.append((time.perf_counter() - began[0], time.process_time() - began[1]))
    clock, processor = (round(1000 * median(each), 2) for each in zip(*times, strict=True))
    return clock, processor


def _by_clock(found: "dict[str, tuple[float, float]]") -> "dict[str, dict[str, float]]":
    return {
        "milliseconds": {name: clock for name, (clock, _processor) in found.items()},
        "processor_milliseconds": {name: processor for name, (_clock, processor) in found.items()},
    }


def _report(found: "dict[str, tuple[float, float]]", rows: int) -> None:
    kept = "Redis" if os.environ["REDIS_URL"] else "the process's memory (set REDIS_URL for Redis)"
    print(f"{rows:,} rows, answers kept in {kept}; load of the machine meanwhile: {os.getloadavg()[0]:.1f}")
    print("| a manager's report of everything | ms | processor of the web process, ms |\n|---|---|---|")
    for name, (clock, processor) in found.items():
        print(f"| {name} | {clock:,.1f} | {processor:,.1f} |")


if __name__ == "__main__":
    sys.exit(main())
