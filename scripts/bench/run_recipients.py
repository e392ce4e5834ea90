"""Time the ways of recipients in and out, and their list; recipients.py makes the environment and calls this."""

import argparse
import json
import os
import secrets
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from backoffice import embedded  # noqa: E402
from backoffice.embedded.interrupts import termination_unwinds  # noqa: E402
from campaigns.tests.crash import cluster as clusters  # noqa: E402

# How much of the rows each way gets: the slow ones need no million to be told apart. The first is the limit.
IN = {
    "pure COPY": 1.0,
    "autosend": 1.0,
    "autosend, XLSX": 0.2,
    "autosend, dry run": 1.0,
    "autosend, the same file again": 1.0,
    "autosend, its export imported": 1.0,
    "bulk_create(ignore_conflicts)": 0.2,
    "import-export, use_bulk": 0.02,
    "import-export": 0.002,
}
OUT = {"pure COPY TO": 1.0, "autosend, CSV": 1.0, "autosend, XLSX": 1.0, "import-export": 0.1}
SETTINGS = {
    "DJANGO_SETTINGS_MODULE": "backoffice.settings",
    "ENV_FILE": os.devnull,
    "DEBUG": "False",
    "ALLOWED_HOSTS": "testserver",
    "SECURE_SSL_REDIRECT": "False",
    "SECRET_KEY": secrets.token_urlsafe(50),
    "LOG_LEVEL": "ERROR",
    "LOG_DIR": "",
    "REDIS_URL": "",
    "PYTHONWARNINGS": "ignore::UserWarning",
}


def main() -> int:
    options = _options()
    rows = options.rows or (100_000 if options.quick else 1_000_000)
    rounds = options.rounds or (1 if options.quick else 3)
    try:
        with termination_unwinds(), clusters.running() as cluster, tempfile.TemporaryDirectory() as folder:
            bench = Bench({**os.environ, **SETTINGS, **cluster.addresses})
            found = bench.ways("ways_in.py", IN, rows, rounds, folder)
            found += bench.ways("ways_out.py", OUT, rows, rounds)
            found += bench.listing(rows)
    except embedded.EmbeddedServerError as error:
        print(error, file=sys.stderr)
        return 1
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")
    print(f"{rows:,} rows, medians of {rounds}; load of the machine meanwhile: {os.getloadavg()[0]:.1f}")
    print(_table(found))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="How fast recipients come in and go out, and how fast their list is.")
    parser.add_argument("--quick", action="store_true", help="100,000 rows, each way once: within three minutes")
    parser.add_argument("--rows", type=int, help="so many (1,000,000)")
    parser.add_argument("--rounds", type=int, help="each way so many times, in turns (3)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    return parser.parse_args()


class Bench:
    """Runs each way in a process of its own, with the settings of a production site."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._environment = environment
        self._run([sys.executable, "manage.py", "migrate", "-v0"])

    def ways(self, program: str, shares: dict[str, float], rows: int, rounds: int, *more: str) -> list[dict[str, Any]]:
        """The median of each way, as a share of the first. They take turns: what slows the machine slows them all."""
        runs: dict[str, list[dict[str, float]]] = {name: [] for name in shares}
        for number in range(rounds):
            for name, share in shares.items():
                print(f"{number + 1}/{rounds} {name} …", file=sys.stderr, flush=True)
                runs[name].append(self._figures(program, name, str(max(int(rows * share), 500)), *more))
        found = [{"name": name, **_medians(runs[name])} for name in shares]
        return [{**each, "ratio_to_limit": round(each["per_second"] / found[0]["per_second"], 4)} for each in found]

    def listing(self, rows: int) -> list[dict[str, Any]]:
        print("The list …", file=sys.stderr, flush=True)
        found: list[dict[str, Any]] = self._figures("listing.py", str(rows), "5")
        return found

    def _figures(self, program: str, *arguments: str) -> Any:
        command = [sys.executable, str(Path(__file__).with_name(program)), *arguments]
        return json.loads(self._run(command).splitlines()[-1])

    def _run(self, command: list[str]) -> str:
        given: dict[str, Any] = {"cwd": ROOT, "env": self._environment, "text": True}
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, **given).stdout


def _medians(runs: list[dict[str, float]]) -> dict[str, float]:
    """Of rates and times; of memory the most."""
    found = {name: round(median(run[name] for run in runs), 1) for name in ("per_second", "milliseconds")}
    return {**found, "peak_mb": round(max(run["peak_mb"] for run in runs), 1)}


def _table(found: list[dict[str, Any]]) -> str:
    """In milliseconds: all of an import, an export's first byte, a page; in brackets the page's statements."""
    lines = ["| | rows/s | of the limit | peak MB | ms |", "|---|---|---|---|---|"]
    for each in found:
        rate = f"{each['per_second']:,.0f}" if "per_second" in each else ""
        share = f"{100 * each['ratio_to_limit']:.1f} %" if "ratio_to_limit" in each else ""
        sql = f" ({each['sql_milliseconds']:,.1f})" if "sql_milliseconds" in each else ""
        lines.append(
            f"| {each['name']} | {rate} | {share} | {each.get('peak_mb', '')} | {each['milliseconds']:,.1f}{sql} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
