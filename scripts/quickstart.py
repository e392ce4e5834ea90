"""From nothing to a delivered mailing: python3 scripts/quickstart.py

Makes the environment, starts PostgreSQL, Valkey, a worker, the scheduler and a mail catcher, sends a demo mailing
to 1,000 recipients, compares the ledger with what the mail server accepted, and serves the admin.
Ctrl-C stops everything it started. Runs on any Python from 3.8 on.
"""

import argparse
import sys

from bootstrap import ROOT, run_in_environment


def parse(arguments=None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--no-serve",
        action="store_true",
        help="end after the report; the exit status is 0 only if every mail arrived exactly once",
    )
    parser.add_argument(
        "--port", type=_port, default=8000, metavar="N", help="the admin's port (8000, or the next free one)"
    )
    parser.add_argument("--fresh", action="store_true", help="remove the local data of earlier runs first")
    return parser.parse_args(arguments)


def _port(text: str) -> int:
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise argparse.ArgumentTypeError(f"{text} is not a port: give a number from 1 to 65535")
    return int(text)


if __name__ == "__main__":
    parse()
    sys.exit(run_in_environment([str(ROOT / "scripts" / "local_site.py"), *sys.argv[1:]]))
