"""What the tests of every app begin with; each app's conftest imports it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings as configured
from django.core.cache import caches
from django.utils import timezone, translation

CACHE_PREFIX = f"test-{uuid4()}"


@pytest.fixture(autouse=True, scope="session")
def empty_cache() -> None:
    """A cache of this process's own, which waits for a Redis that is slow."""
    cache: Any = configured.CACHES["default"]
    cache["KEY_PREFIX"] = CACHE_PREFIX  # keys are made of ids, which the databases of other runs have, too
    for timeout in cache.get("OPTIONS", {}):
        cache["OPTIONS"][timeout] = 60
    # Made by the former settings, when a module that imports `cache` was collected: pytest looks at all its names.
    caches["default"].close()
    del caches["default"]


@pytest.fixture(autouse=True)
def quick_site(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The site over http, with no collected static files and no log files, whatever was in the environment."""
    settings.LOG_DIR = None
    monkeypatch.setenv("LOG_DIR", "")  # for the commands that are started
    settings.SECURE_SSL_REDIRECT = settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = False
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}
    settings.STATIC_ROOT = tmp_path  # WhiteNoise warns of a directory that collectstatic has not made yet
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # 1 ms instead of 300
    yield
    # The preferences of whom the last page was for.
    translation.deactivate()
    timezone.deactivate()
