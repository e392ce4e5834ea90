"""The system's Chromium, never one that Playwright downloads."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser

NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = ["--disable-gpu", "--disable-background-networking"]


def missing() -> str:
    """What is not here, as a sentence, or nothing."""
    if not find_spec("playwright"):
        return "There is no playwright in this environment."
    if not path():
        return f"There is no Chromium: CHROMIUM is not set to one, and {', '.join(NAMES)} are not on PATH."
    return ""


def path() -> str:
    """Its program, or nothing."""
    candidates = [os.environ.get("CHROMIUM") or "", *NAMES]
    return next(filter(None, map(shutil.which, filter(None, candidates))), "")


@contextmanager
def running() -> "Iterator[Browser]":
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=60_000)
    with sync_playwright() as playwright, playwright.chromium.launch(executable_path=path(), args=ARGUMENTS) as browser:
        yield browser
