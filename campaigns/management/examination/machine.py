"""Settings, static files and this machine."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.checks import WARNING, run_checks

from backoffice.health import DEGRADED, FAILED, OK, Finding

ENOUGH_BYTES = 1_000_000_000
# Collected files that differ from these are of another version.
OUR_STYLE = "backoffice/backoffice.css"
# That REDIS_URL is not set, which is told of the cache.
TOLD_ELSEWHERE = "backoffice.W001"


def findings() -> Iterator[Finding]:
    yield from _settings()
    yield _static_files()
    yield _logs()


def _settings() -> Iterator[Finding]:
    """Django's checks for a deployment, and ours. With DEBUG most would be about the same."""
    messages = run_checks(include_deployment_checks=not settings.DEBUG)
    warnings = [message for message in messages if message.level >= WARNING and not message.is_silenced()]
    complaints = [warning for warning in warnings if warning.id != TOLD_ELSEWHERE]
    for message in complaints:
        yield Finding("settings", FAILED, " ".join(f"{message.msg} {message.hint or ''}".split()))
    if settings.DEBUG:
        yield Finding("settings", DEGRADED, "DEBUG is on, which is for development only: set it to False.")
    elif not complaints:
        yield Finding("settings", OK, f"manage.py check --deploy finds nothing; the time zone is {settings.TIME_ZONE}.")


def _static_files() -> Finding:
    if settings.DEBUG:
        return Finding("static files", OK, "With DEBUG they are served from where they lie.")
    source, collected = finders.find(OUR_STYLE), Path(settings.STATIC_ROOT) / OUR_STYLE
    try:
        staticfiles_storage.url(OUR_STYLE)
        current = collected.read_bytes() == Path(str(source)).read_bytes()
    except (ValueError, OSError):
        return Finding("static files", FAILED, "They have not been collected: run manage.py collectstatic.")
    if not current:
        return Finding("static files", FAILED, "They are of another version: run manage.py collectstatic.")
    return Finding("static files", OK, f"They are collected in {settings.STATIC_ROOT}.")


def _logs() -> Finding:
    folder: Path | None = settings.LOG_DIR
    if folder is None:
        return Finding("logs", OK, "They go to the console alone.")
    there = next(parent for parent in (folder, *folder.parents) if parent.exists())
    for path in (there, *(there.glob("**/*") if there == folder else ())):
        if not os.access(path, os.W_OK):
            return Finding("logs", FAILED, f"{path} can not be written: make it this user's, or set LOG_DIR.")
    free = shutil.disk_usage(there).free
    gigabytes = f"{free / 1_000_000_000:.1f} GB are free for {folder}."
    return Finding("logs", OK if free >= ENOUGH_BYTES else FAILED, gigabytes)
