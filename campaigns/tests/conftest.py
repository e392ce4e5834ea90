from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection
from pytest_django import Settings

from accounts.models import User
from accounts.roles import OPERATOR
from backoffice.tests.fixtures import empty_cache, quick_site
from campaigns.tests import factories, mail_server
from campaigns.tests.mail_server import MailServer
from campaigns.tests.processes import somebody_is_at_work, wait_until
from campaigns.tests.scene import Scene, scene

__all__ = ["empty_cache", "quick_site"]

type UseMailServer = Callable[..., None]


@pytest.fixture
def use_smtp(settings: Settings) -> UseMailServer:
    """Send by real SMTP to that port."""

    def use(port: int, **options: Any) -> None:
        usual = {"host": "127.0.0.1", "use_tls": False, "use_ssl": False, "username": "", "password": "", "timeout": 60}
        settings.MAILERS = {"default": {"BACKEND": settings.SMTP_BACKEND, "OPTIONS": usual | {"port": port} | options}}
        settings.SENDING_CONNECTIONS = 4

    return use


@pytest.fixture(params=[False, True], ids=["stepwise", "pipelined"])
def server(use_smtp: UseMailServer, request: pytest.FixtureRequest) -> Iterator[MailServer]:
    """A mail server that takes everything, which the engine sends to; one offers PIPELINING, one does not."""
    with mail_server.running() as running:
        running.pipelining = request.param
        use_smtp(running.port)
        yield running


@pytest.fixture
def made() -> Scene:
    """An operator's objects of every kind."""
    return scene()


@pytest.fixture
def stranger() -> User:
    """An operator with whom nothing is shared."""
    return factories.user(OPERATOR)


@pytest.fixture(autouse=True)
def _no_time_to_undo(settings: Settings) -> None:
    """Letters leave at once, unless a test is about the delay."""
    settings.SENDING_UNDO_SECONDS = 0


@pytest.fixture(autouse=True)
def _an_empty_queue(request: pytest.FixtureRequest) -> Iterator[None]:
    """Procrastinate's tables are not Django's, which would empty them after tests with transactions of their own."""
    marker = request.node.get_closest_marker("django_db")
    if not (marker and marker.kwargs.get("transaction")):
        yield
        return
    request.getfixturevalue("transactional_db")
    _empty_the_queue()
    yield
    # A process that was killed may have left a statement, which can lock what it is about in another order.
    wait_until(lambda: not somebody_is_at_work())
    _empty_the_queue()


def _empty_the_queue() -> None:
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE procrastinate_jobs, procrastinate_workers CASCADE")
