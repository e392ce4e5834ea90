"""What a worker writes into its log: whose letters they are, and nobody's address."""

from pathlib import Path

import pytest

from backoffice.correlation import correlated
from campaigns import lifecycle
from campaigns.models import MailingAttempt
from campaigns.tests import factories
from campaigns.tests.mail_server import MailServer
from campaigns.tests.processes import running, wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a worker's log."""
    monkeypatch.setenv("LOG_DIR", str(tmp_path / "logs"))
    return tmp_path / "logs" / "worker"


def written(log: Path) -> str:
    return "".join(path.read_text() for path in log.glob("worker_*.log"))


def launched() -> MailingAttempt:
    with correlated("a-request-of-mine", "ann@example.com"):
        return lifecycle.launch(factories.mailing(audience=3), factories.user("operator", email="ann@example.com"))


@pytest.mark.parametrize("server", [True], ids=["pipelined"], indirect=True)
def test_the_request_that_launched_a_mailing_is_found_in_the_workers_lines(
    server: MailServer, log: Path, tmp_path: Path
) -> None:
    attempt = launched()
    with running(tmp_path, "run_worker"):
        wait_until(lambda: "The delivery of chunk" in written(log))
    [line] = [line for line in written(log).splitlines() if "The delivery of chunk" in line]
    whose = "request_id=a-request-of-mine user=ann@example.com"
    assert f"{whose} job=" in line
    assert f" attempt={attempt.pk} mailing={attempt.mailing_id} " in line


@pytest.mark.parametrize("server", [True], ids=["pipelined"], indirect=True)
def test_no_recipient_is_named(server: MailServer, log: Path, tmp_path: Path) -> None:
    attempt = launched()
    with running(tmp_path, "run_worker"):
        wait_until(lambda: "The delivery of chunk" in written(log))
    assert not [address for address in attempt.logs.values_list("email", flat=True) if address in written(log)]
