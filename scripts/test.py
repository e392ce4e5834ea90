"""The test suite on servers of its own: python3 scripts/test.py [pytest arguments]

Makes the environment first, and touches no running quickstart. Runs on any Python from 3.8 on.
"""

import sys

from bootstrap import ROOT, run_in_environment

if __name__ == "__main__":
    sys.exit(run_in_environment([str(ROOT / "scripts" / "run_tests.py"), *sys.argv[1:]]))
