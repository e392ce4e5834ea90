"""Time the ways to bring recipients in, each in its own process; recipients.py makes the environment and calls this."""

import argparse
import json
import os
import secrets
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from backoffice import embedded  # noqa: E402
from backoffice.embedded.interrupts import termination_unwinds  # noqa: E402
from campaigns.tests.crash import cluster as clusters  # noqa: E402

LIMIT = "pure COPY"
# How much of the rows each way gets: the slow ones need no million to be told apart.
SHARES = {
    LIMIT: 1.0,
    "autosend": 1.0,
    "bulk_create(ignore_conflicts)": 0.2,
    "import-export, use_bulk": 0.02,
    "import-export": 0.002,
}
SETTINGS = {
    "DJANGO_SETTINGS_MODULE": "backoffice.settings",
    "ENV_FILE": os.devnull,
    "DEBUG": "False",
    "SECRET_KEY": secrets.token_urlsafe(50),
    "LOG_LEVEL": "ERROR",
    "LOG_DIR": "",
    "REDIS_URL": "",
}


def main() -> int:
    options = _options()
    rows = options.rows or (200_000 if options.quick else 1_000_000)
    try:
        with termination_unwinds(), clusters.running() as cluster, tempfile.TemporaryDirectory() as folder:
            environment = {**os.environ, **SETTINGS, **cluster.addresses}
            _run([sys.executable, "manage.py", "migrate", "-v0"], environment)
            found = [
                _measured(name, max(int(rows * share), 500), environment, folder) for name, share in SHARES.items()
            ]
    except embedded.EmbeddedServerError as error:
        print(error, file=sys.stderr)
        return 1
    for result in found:
        result["ratio_to_limit"] = round(result["per_second"] / found[0]["per_second"], 3)
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n")
    _report(found, rows)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="How fast recipients come in.")
    parser.add_argument("--quick", action="store_true", help="200,000 rows: some two minutes")
    parser.add_argument("--rows", type=int, help="so many (1,000,000)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    return parser.parse_args()


def _measured(name: str, rows: int, environment: dict[str, str], folder: str) -> dict[str, Any]:
    command = [sys.executable, str(Path(__file__).with_name("ways_in.py")), name, str(rows), folder]
    found: dict[str, Any] = json.loads(_run(command, environment).splitlines()[-1])
    return {"name": name, "rows": rows, **found}


def _run(command: list[str], environment: dict[str, str]) -> str:
    return subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout


def _report(found: list[dict[str, Any]], rows: int) -> None:
    print(f"{rows:,} rows; load of the machine meanwhile: {os.getloadavg()[0]:.1f}")
    print("| way | rows | rows/s | of pure COPY | peak MB |\n|---|---|---|---|---|")
    for line in found:
        share = f"{100 * line['ratio_to_limit']:.1f} %"
        print(f"| {line['name']} | {line['rows']:,} | {line['per_second']:,} | {share} | {line['peak_mb']} |")


if __name__ == "__main__":
    sys.exit(main())
