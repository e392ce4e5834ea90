"""PostgreSQL goes, and comes back: nobody is in doubt, for the worker still knows what was answered."""

import time

from campaigns.tests.crash.cluster import end_sessions
from campaigns.tests.crash.rig import STALLED_SECONDS, Rig, launched


def test_an_immediate_restart_in_the_middle_of_a_run(rig: Rig) -> None:
    attempt = launched(1_000)
    worker = rig.worker()
    for moment in (150, 500):
        rig.wait_for(moment)
        rig.cluster.restart()
    rig.wait_for_end(attempt)
    assert worker.end() == 0
    rig.reconcile(attempt)


def test_sessions_that_are_ended_again_and_again(rig: Rig) -> None:
    attempt = launched(1_000)
    worker = rig.worker()
    for moment in range(50, 800, 75):
        rig.wait_for(moment)
        end_sessions()
    rig.wait_for_end(attempt)
    assert worker.end() == 0
    rig.reconcile(attempt)


def test_it_is_away_for_longer_than_a_dead_worker(rig: Rig) -> None:
    attempt = launched(600)
    workers = [rig.worker(), rig.worker()]
    rig.wait_for(200)
    with rig.cluster.away():
        time.sleep(STALLED_SECONDS + 1)
    rig.wait_for_end(attempt)
    assert [worker.end() for worker in workers] == [0, 0]
    rig.reconcile(attempt)


def test_a_worker_that_starts_as_it_comes_back_leaves_the_others_their_jobs(bare_rig: Rig) -> None:
    # Slow enough for the letters to take longer than a worker may be silent.
    bare_rig.sink(seconds=0.2)
    attempt = launched(1_000)
    # On a busy machine the living need more than half of the usual time to find the database again.
    silence = 2 * STALLED_SECONDS
    lease = {"STALLED_WORKER_SECONDS": str(silence)}
    workers = [bare_rig.worker(**lease), bare_rig.worker(**lease)]
    bare_rig.wait_for(100)
    with bare_rig.cluster.away():
        workers.append(bare_rig.worker(**lease))
        time.sleep(silence + 3)
    bare_rig.wait_for_end(attempt)
    assert [worker.end() for worker in workers] == [0, 0, 0]
    bare_rig.reconcile(attempt)
