"""The system checks, and that the project passes them."""

import os
import subprocess
import sys
from pathlib import Path

from django.core.checks import run_checks
from pytest_django import Settings

ROOT = Path(__file__).resolve().parents[2]


def ids() -> list[str]:
    return [str(message.id) for message in run_checks()]


def test_a_cache_of_ones_own_is_warned_of_with_a_hint(settings: Settings) -> None:
    settings.REDIS_URL = ""
    [warning] = [message for message in run_checks() if message.id == "backoffice.W001"]
    assert "REDIS_URL" in str(warning.msg)
    assert "REDIS_URL" in str(warning.hint)


def test_a_shared_cache_is_not(settings: Settings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert "backoffice.W001" not in ids()


def test_production_settings_pass_the_checks_for_deployment() -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "ENV_FILE": os.devnull,
        "SECRET_KEY": "aZ3-" * 20 + "xyz0123456789",
        "ALLOWED_HOSTS": "autosend.example.com",
        "DB_HOST": "127.0.0.1",
        "DB_PORT": "1",
        "REDIS_URL": "redis://127.0.0.1:1/0",
    }
    command = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"]
    process = subprocess.run(command, cwd=ROOT, env=environment, text=True, capture_output=True, check=False)
    assert process.returncode == 0, process.stderr
