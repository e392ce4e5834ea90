"""Workers that are killed, stopped, put to sleep, or not alone."""

import os
import random

from campaigns.models import MailingAttempt
from campaigns.models.log import Status
from campaigns.sending.queue import jobs
from campaigns.tests.crash.rig import CONNECTIONS, Rig, launched, wait_until


def test_killed_at_random_moments(rig: Rig) -> None:
    seed = os.environ["CRASH_SEED"]
    print(f"CRASH_SEED={seed}")  # noqa: T201 - to see it again
    moments = sorted(random.Random(seed).sample(range(50, 1_400), 3))  # noqa: S311
    attempt = launched(1_500)
    for moment in moments:
        worker = rig.worker()
        rig.wait_for(moment)
        worker.kill()
    last = rig.worker()
    rig.wait_for_end(attempt)
    assert last.end() == 0
    rig.reconcile(attempt, in_doubt=len(moments) * CONNECTIONS)


def test_two_on_one_attempt_send_each_letter_once(rig: Rig) -> None:
    attempt = launched(600)
    workers = [rig.worker(), rig.worker()]
    rig.wait_for_end(attempt)
    assert [worker.end() for worker in workers] == [0, 0]
    rig.reconcile(attempt)


def test_two_on_one_chunk_send_no_letter_twice(rig: Rig) -> None:
    attempt = launched(100)
    # So long that nobody takes the frozen one for dead, and the chunk from the second one.
    patience = {"STALLED_WORKER_SECONDS": "60"}
    first = rig.worker(**patience)
    rig.wait_for(20)
    first.freeze()
    # A second job for the chunk, without the lock that keeps the two apart.
    jobs.deliver_chunk.configure(lock="another").defer(chunk=attempt.chunks.get().pk, request_id="-", user_email="-")
    second = rig.worker(**patience)
    wait_until(lambda: attempt.chunks.get().lease == 2, rig.logs)
    first.thaw()
    rig.wait_for_end(attempt)
    assert [worker.end() for worker in (first, second)] == [0, 0]
    rig.reconcile(attempt, in_doubt=CONNECTIONS)


def test_one_that_is_asked_to_stop_settles_what_is_in_flight_and_the_next_sends_the_rest(rig: Rig) -> None:
    attempt = launched(800)
    for moment in (100, 300):
        worker = rig.worker()
        rig.wait_for(moment)
        assert worker.end() == 0
        assert not attempt.logs.filter(status=Status.UNCONFIRMED).exists()
        assert attempt.logs.filter(status=Status.SENT).count() == len(rig.taken())
    worker = rig.worker()
    rig.wait_for_end(attempt)
    assert worker.end() == 0
    rig.reconcile(attempt)


def test_one_that_was_asleep_too_long_writes_nothing_and_sends_nothing_twice(rig: Rig) -> None:
    attempt = launched(800)
    asleep = rig.worker()
    rig.wait_for(200)
    asleep.freeze()
    awake = rig.worker()
    rig.wait_for_end(attempt)
    before = ledger(attempt)
    asleep.thaw()
    assert asleep.end() == 0
    assert ledger(attempt) == before
    assert awake.end() == 0
    rig.reconcile(attempt, in_doubt=CONNECTIONS)


def test_one_that_wakes_does_not_take_the_chunks_of_the_one_that_replaced_it(rig: Rig) -> None:
    attempt = launched(1_200)
    asleep = rig.worker()
    rig.wait_for(200)
    asleep.freeze()
    awake = rig.worker()
    wait_until(lambda: attempt.logs.filter(status=Status.UNCONFIRMED).exists(), rig.logs)
    asleep.thaw()
    rig.wait_for_end(attempt)
    assert [worker.end() for worker in (asleep, awake)] == [0, 0]
    rig.reconcile(attempt, in_doubt=CONNECTIONS)


def ledger(attempt: MailingAttempt) -> list[tuple[object, ...]]:
    return list(attempt.logs.order_by("pk").values_list("pk", "status", "detail", "tries", "settled_at"))
