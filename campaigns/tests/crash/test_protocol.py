"""A mail server that goes wrong in the middle of a conversation, and the worker of this process."""

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from campaigns import lifecycle
from campaigns.models import MailingAttempt
from campaigns.tests import factories
from campaigns.tests.conftest import UseMailServer
from campaigns.tests.crash import faulty_server
from campaigns.tests.crash.faulty_server import Fault, FaultyServer, Step
from campaigns.tests.crash.reconciler import reconcile
from campaigns.tests.worker import work

pytestmark = pytest.mark.django_db(transaction=True)

# Once a body is on its way, nobody can know.
UNKNOWABLE = (Step.BODY, Step.DOT)


@pytest.fixture(params=[False, True], ids=["stepwise", "pipelined"])
def server(request: pytest.FixtureRequest, use_smtp: UseMailServer, settings: Settings) -> Iterator[FaultyServer]:
    with faulty_server.running(pipelining=request.param) as running:
        use_smtp(running.port, timeout=1)
        settings.SENDING_CONNECTIONS = 2
        settings.SENDING_LETTERS_PER_CONNECTION = 5
        settings.SENDING_RETRY_SECONDS = settings.SENDING_SLOWDOWN_SECONDS = 1
        yield running


def delivered(attempt: MailingAttempt) -> MailingAttempt:
    """Once it has ended, with a person who presses Resume when it pauses."""
    work()
    attempt.refresh_from_db()
    while attempt.status == MailingAttempt.Status.PAUSED:
        lifecycle.resume(attempt.mailing)
        work()
        attempt.refresh_from_db()
    return attempt


@pytest.mark.parametrize("step", Step)
def test_a_connection_that_is_dropped_at_any_step_loses_and_doubles_nothing(server: FaultyServer, step: Step) -> None:
    server.faults[step] = [Fault.HANG_UP]
    attempt = delivered(lifecycle.launch(factories.mailing(audience=20), None))
    assert not server.faults[step]
    reconcile([attempt], server.taken, in_doubt=step in UNKNOWABLE)


@pytest.mark.parametrize("step", [Step.BANNER, Step.EHLO, Step.MAIL, Step.DOT])
def test_a_reply_of_a_byte_now_and_then_is_not_waited_for(server: FaultyServer, step: Step) -> None:
    server.faults[step] = [Fault.DRIP]
    attempt = delivered(lifecycle.launch(factories.mailing(audience=10), None))
    assert not server.was_waited_for
    reconcile([attempt], server.taken, in_doubt=step in UNKNOWABLE)


def test_a_domain_that_is_flooded_does_not_hold_up_the_others(server: FaultyServer) -> None:
    owner = factories.user()
    people = [factories.recipient(owner, f"r{n}@{'busy' if n % 4 else 'calm'}.example") for n in range(80)]
    calm = [person.email for person in people if "calm" in person.email]
    server.refuses = lambda address: (
        "421 4.7.0 try later" if "busy" in address and len(server.taken) < len(calm) else ""
    )
    attempt = delivered(lifecycle.launch(factories.mailing(owner, people), None))
    assert set(server.taken[: len(calm)]) == set(calm)
    reconcile([attempt], server.taken, in_doubt=0)
    assert attempt.sent == len(people)
