"""Whether the promise holds while everything breaks: python3 scripts/bench/chaos.py --minutes 10 [--seed N]

Makes the environment first, and starts servers of its own. Ctrl-C ends it early, with its summary. Runs on any Python
from 3.8 on.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bootstrap import ROOT, run_in_environment

if __name__ == "__main__":
    sys.exit(run_in_environment([str(ROOT / "scripts" / "bench" / "run_chaos.py"), *sys.argv[1:]]))
