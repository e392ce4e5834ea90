"""How much mail one PostgreSQL can keep the ledger of: python3 scripts/bench/ledger.py [--rows 200000]

Makes the environment first, and starts a server of its own. Runs on any Python from 3.8 on.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bootstrap import ROOT, run_in_environment

if __name__ == "__main__":
    sys.exit(run_in_environment([str(ROOT / "scripts" / "bench" / "run_ledger.py"), *sys.argv[1:]]))
