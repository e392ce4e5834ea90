import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client, override_settings
from pytest_django.live_server_helper import LiveServer

from accounts.models import User
from campaigns.tests import factories, mail_server
from campaigns.tests.browser import chromium
from campaigns.tests.conftest import UseMailServer
from campaigns.tests.crash.process import Process
from campaigns.tests.mail_server import MailServer
from campaigns.tests.processes import environment, wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

type Visit = Callable[..., "Page"]

DESKTOP = {"width": 1400, "height": 900}
UNSAFE = "DJANGO_ALLOW_ASYNC_UNSAFE"


class WithoutBrowser(pytest.Module):
    def collect(self) -> Any:
        pytest.skip(chromium.missing(), allow_module_level=True)


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    """Where there is no browser the tests are skipped; in CI they fail."""
    if chromium.missing() and os.environ.get("CI", "").lower() not in ("true", "1"):
        skipped: pytest.Module = WithoutBrowser.from_parent(parent, path=module_path)
        return skipped
    return None


@pytest.fixture(scope="package")
def browser() -> "Iterator[Browser]":
    assert not chromium.missing(), chromium.missing()
    # Playwright's event loop belongs to this thread from here on, and turns only within calls to Playwright. Tests use
    # the database between them, never from the loop, which is what Django can not see. The site runs in other threads
    # and the worker in another process. The loop ends with this folder: other tests have loops of their own.
    with pytest.MonkeyPatch.context() as patch, chromium.running() as running:
        patch.setenv(UNSAFE, "1")
        yield running


@pytest.fixture(scope="package")
def live_server(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """pytest-django's, which ends with this folder, and has a directory to show to WhiteNoise."""
    with pytest.MonkeyPatch.context() as patch:
        # Each of the browser's connections is a thread here, and would keep a connection to the database.
        patch.setitem(connection.settings_dict, "CONN_MAX_AGE", 0)
        with override_settings(STATIC_ROOT=tmp_path_factory.mktemp("static"), SECURE_SSL_REDIRECT=False):
            server = LiveServer("127.0.0.1")
        yield server
        server.stop()


@pytest.fixture
def quiet_end(transactional_db: None) -> Iterator[None]:
    """The tables are emptied when no other session is at work in them any more: there is no deadlock."""
    yield
    wait_until(_nobody_works)


@pytest.fixture
def visit(browser: "Browser", live_server: LiveServer, quiet_end: None) -> Iterator[Visit]:
    """Opens a window of its own for a person, who is logged in, or for a stranger. Nothing may complain in any.

    But where something is to be refused, `refused=True`: the browser complains of that.
    """
    from campaigns.tests.browser.complaints import Complaints

    complaints, contexts = Complaints(), []

    def window(user: User | None = None, *, refused: bool = False, **options: Any) -> "Page":
        usual = {"base_url": live_server.url, "viewport": DESKTOP, "locale": "en-GB", "reduced_motion": "reduce"}
        context = browser.new_context(**usual | options)
        context.set_default_timeout(60_000)
        contexts.append(context)
        if user:
            context.add_cookies([_session(user, live_server.url)])
        page = context.new_page()
        if not refused:
            complaints.listen(page)
        return page

    yield window
    for context in contexts:
        context.close()
    assert not complaints.heard, "\n".join(complaints.heard)


def _session(user: User, url: str) -> Any:
    client = Client()
    client.force_login(user)
    name = settings.SESSION_COOKIE_NAME
    return {"name": name, "value": client.cookies[name].value, "url": url}


def _nobody_works() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            # Between two statements of a request its session is idle, too.
            " AND (state <> 'idle' OR state_change > now() - interval '1 second')"
        )
        (count,) = cursor.fetchone() or (0,)
    return not count


@pytest.fixture
def sink(use_smtp: UseMailServer) -> Iterator[MailServer]:
    """The mail server to which mailings go."""
    with mail_server.running() as running:
        use_smtp(running.port)
        yield running


@pytest.fixture
def worker(sink: MailServer, quiet_end: None, tmp_path: Path) -> Iterator[Process]:
    """A worker in a process of its own."""
    surroundings = {name: value for name, value in environment().items() if name != UNSAFE}
    process = Process([sys.executable, "manage.py", "run_worker"], surroundings, tmp_path / "worker.log")
    try:
        yield process
    finally:
        sink.open.set()
        process.kill()


@pytest.fixture
def olga(transactional_db: None) -> User:
    """An operator."""
    return factories.user("operator", email="olga@office.example", password="correct horse", full_name="Olga Operator")
