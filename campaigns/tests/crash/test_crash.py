"""The promise, kept while real processes are killed: the mail server's journal against the ledger."""

import os
import random
import time

import pytest
from django.db import connection
from pytest_django import Settings

from campaigns import lifecycle
from campaigns.models import MailingAttempt
from campaigns.models.log import Status
from campaigns.tests import factories
from campaigns.tests.crash.rig import CONNECTIONS, STALLED_SECONDS, Rig, audit, end, freeze, kill, thaw, wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _small_chunks(settings: Settings) -> None:
    settings.SENDING_CHUNK_ROWS = 100


def launched(audience: int) -> MailingAttempt:
    return lifecycle.launch(factories.mailing(audience=audience), None)


def test_nothing_is_lost_or_doubled_when_workers_are_killed_at_random_moments(rig: Rig) -> None:
    seed = os.environ.get("CRASH_SEED") or f"{time.time_ns() % 10**6}"
    print(f"CRASH_SEED={seed}")  # noqa: T201 - to see it again
    moments = sorted(random.Random(seed).sample(range(50, 4_800), 6))  # noqa: S311
    attempt = launched(5_000)
    for moment in moments:
        worker = rig.worker()
        rig.wait_for(moment)
        kill(worker)
    last = rig.worker()
    rig.wait_for_end(attempt)
    assert end(last) == 0
    in_doubt = audit(attempt, rig.taken(), in_doubt=len(moments) * CONNECTIONS)
    print(f"{len(moments)} kills, {in_doubt} rows in doubt")  # noqa: T201


def test_two_workers_on_one_attempt_send_each_letter_once(rig: Rig) -> None:
    attempt = launched(1_000)
    workers = [rig.worker(), rig.worker()]
    rig.wait_for_end(attempt)
    assert [end(worker) for worker in workers] == [0, 0]
    audit(attempt, rig.taken(), in_doubt=0)


def test_a_worker_that_is_asked_to_stop_settles_what_is_in_flight_and_the_next_sends_the_rest(rig: Rig) -> None:
    attempt = launched(800)
    for moment in (100, 300):
        worker = rig.worker()
        rig.wait_for(moment)
        assert end(worker) == 0
        assert not attempt.logs.filter(status__in=(Status.IN_FLIGHT, Status.UNCONFIRMED)).exists()
        assert attempt.logs.filter(status=Status.SENT).count() == len(rig.taken())
    worker = rig.worker()
    rig.wait_for_end(attempt)
    assert end(worker) == 0
    audit(attempt, rig.taken(), in_doubt=0)


def test_nothing_is_lost_or_doubled_when_database_connections_break_again_and_again(rig: Rig) -> None:
    attempt = launched(1_000)
    worker = rig.worker()
    for moment in range(50, 800, 75):
        rig.wait_for(moment)
        break_connections()
    rig.wait_for_end(attempt)
    assert end(worker) == 0
    audit(attempt, rig.taken(), in_doubt=0)


def test_nothing_is_lost_or_doubled_when_the_database_is_away_for_longer_than_a_dead_worker(rig: Rig) -> None:
    attempt = launched(600)
    worker = rig.worker()
    rig.wait_for(200)
    allow_connections(False)
    try:
        break_connections()
        time.sleep(STALLED_SECONDS + 1)
    finally:
        allow_connections(True)
    rig.wait_for_end(attempt)
    assert end(worker) == 0
    audit(attempt, rig.taken(), in_doubt=0)


def test_a_worker_that_was_asleep_too_long_writes_nothing_and_sends_nothing_twice(rig: Rig) -> None:
    attempt = launched(800)
    asleep = rig.worker()
    rig.wait_for(200)
    freeze(asleep)
    awake = rig.worker()
    rig.wait_for_end(attempt)
    before = ledger(attempt)
    thaw(asleep)
    assert end(asleep) == 0
    assert ledger(attempt) == before
    assert end(awake) == 0
    audit(attempt, rig.taken(), in_doubt=CONNECTIONS)


def test_a_worker_that_wakes_does_not_take_the_chunks_of_the_one_that_replaced_it(rig: Rig) -> None:
    attempt = launched(2_000)
    asleep = rig.worker()
    rig.wait_for(200)
    freeze(asleep)
    awake = rig.worker()
    wait_until(lambda: attempt.logs.filter(status=Status.UNCONFIRMED).exists(), rig.logs)
    thaw(asleep)
    rig.wait_for_end(attempt)
    assert [end(worker) for worker in (asleep, awake)] == [0, 0]
    audit(attempt, rig.taken(), in_doubt=CONNECTIONS)


def ledger(attempt: MailingAttempt) -> list[tuple[object, ...]]:
    return list(attempt.logs.order_by("pk").values_list("pk", "status", "detail", "tries", "settled_at"))


def break_connections() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def allow_connections(allowed: bool) -> None:
    name = connection.ops.quote_name(str(connection.settings_dict["NAME"]))
    with connection._nodb_cursor() as cursor:
        cursor.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS {allowed}")
