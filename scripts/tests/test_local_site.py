"""What the quickstart starts, and how it ends."""

import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

SCRIPTS = Path(__file__).resolve().parents[1]
OWN_GROUP = "import json, os; print(json.dumps(os.getpgrp() == os.getpid()))"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no process groups of that kind.")
def test_a_terminals_ctrl_c_does_not_reach_the_command_that_is_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(SCRIPTS)
    import local_site

    monkeypatch.setattr(local_site, "manage", lambda *_: [sys.executable, "-c", OWN_GROUP])
    site = object.__new__(local_site.LocalSite)
    site._environment = dict(os.environ)
    assert site._send(SimpleNamespace(fallen=lambda: None), mailing=1) is True


def test_what_dotenv_says_is_about_another_site(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(SCRIPTS)
    monkeypatch.setenv("ENV_FILE", "/somebody's/.env")
    import local_site

    assert local_site.LocalSite({})._environment["ENV_FILE"] == os.devnull
