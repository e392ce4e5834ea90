"""How fast recipients come in and go out, beside the limit and the usual ways, and their list:
python3 scripts/bench/recipients.py [--quick]

Makes the environment first, and starts a PostgreSQL of its own. Runs on any Python from 3.8 on.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bootstrap import ROOT, run_in_environment

if __name__ == "__main__":
    sys.exit(run_in_environment([str(ROOT / "scripts" / "bench" / "run_recipients.py"), *sys.argv[1:]]))
