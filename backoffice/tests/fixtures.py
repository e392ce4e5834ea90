"""What the tests of every app begin with; each app's conftest imports it."""

from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(autouse=True)
def quick_site(settings: Any, tmp_path: Path) -> None:
    settings.STATIC_ROOT = tmp_path  # WhiteNoise warns of a directory that collectstatic has not made yet
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # 1 ms instead of 300
