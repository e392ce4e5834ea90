from collections.abc import Iterator

import pytest

from campaigns.tests.mail_servers.aiosmtpd_process import Aiosmtpd
from campaigns.tests.mail_servers.exim_process import Exim
from campaigns.tests.mail_servers.postfix_process import Postfix
from campaigns.tests.mail_servers.server import Server


@pytest.fixture(scope="session")
def running_postfix() -> Iterator[Server]:
    yield from _running(Postfix)


@pytest.fixture(scope="session")
def running_exim() -> Iterator[Server]:
    yield from _running(Exim)


@pytest.fixture(scope="session")
def running_aiosmtpd() -> Iterator[Server]:
    yield from _running(Aiosmtpd)


@pytest.fixture(params=["postfix", "exim", "aiosmtpd"])
def server(request: pytest.FixtureRequest) -> Server:
    """Each of the servers, without mail."""
    return _empty(request, request.param)


@pytest.fixture
def postfix(request: pytest.FixtureRequest) -> Server:
    return _empty(request, "postfix")


@pytest.fixture
def exim(request: pytest.FixtureRequest) -> Server:
    return _empty(request, "exim")


@pytest.fixture(params=["exim", "aiosmtpd"])
def token_server(request: pytest.FixtureRequest) -> Server:
    """Those that take access tokens."""
    return _empty(request, request.param)


@pytest.fixture(
    params=[
        ("postfix", "login"),
        ("postfix", "cram_md5"),
        ("exim", "login"),
        ("exim", "cram_md5"),
        ("aiosmtpd", "login"),
    ],
    ids="-".join,
)
def by_one_login(request: pytest.FixtureRequest) -> tuple[Server, str]:
    """A server, and its port where a single way to log in is offered."""
    name, way = request.param
    return _empty(request, name), way


def _empty(request: pytest.FixtureRequest, name: str) -> Server:
    server: Server = request.getfixturevalue(f"running_{name}")
    server.forget()
    return server


def _running(kind: type[Server]) -> Iterator[Server]:
    kind.require()
    server = kind()
    try:
        yield server
    finally:
        server.stop()
