"""`manage.py` itself, before a command has begun."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals.")
def test_asked_to_stop_while_it_starts_it_ends_without_a_traceback(number: signal.Signals, tmp_path: Path) -> None:
    (tmp_path / "asked_early.py").write_text(f"import signal\nsignal.raise_signal({int(number)})\n")
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "asked_early", "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "manage.py", "version"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "")
