"""What else a machine has: a cache, a disk for the logs, a clock."""

import sys
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from backoffice.embedded import valkey
from campaigns.models.log import Status
from campaigns.tests.crash.cluster import end_sessions
from campaigns.tests.crash.rig import Rig, launched, wait_until

FAKE_CLOCKS = list(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
A_WHILE = timedelta(hours=1)
A_DAY = {"ahead": "+1d", "behind": "-1d"}


def test_the_cache_goes_in_the_middle(rig: Rig, tmp_path: Path) -> None:
    with valkey.server(tmp_path) as address:
        if not address:
            pytest.skip("There is no Valkey for this machine.")
        attempt = launched(600)
        worker = rig.worker(REDIS_URL=address["REDIS_URL"])
        rig.wait_for(100)
    rig.wait_for_end(attempt)
    assert worker.end() == 0
    rig.reconcile(attempt)


@pytest.mark.skipif(sys.platform != "linux", reason="prlimit(2) is Linux's.")
def test_the_disk_for_the_logs_is_full(rig: Rig, tmp_path: Path) -> None:
    attempt = launched(600)
    worker = rig.worker(LOG_DIR=str(tmp_path / "logs"))
    rig.wait_for(100)
    worker.fill_disk()
    end_sessions()  # which wants telling
    rig.wait_for_end(attempt)
    assert worker.runs
    [log] = tmp_path.glob("logs/worker/*.log")
    assert "The worker starts." in log.read_text()
    for written in (worker.written, log.read_text()):
        assert "does not answer" not in written
    rig.reconcile(attempt)


@pytest.mark.skipif(not FAKE_CLOCKS, reason="libfaketime is not installed (Debian: faketime).")
@pytest.mark.parametrize("clock", A_DAY)
def test_a_worker_whose_clock_is_wrong_neither_takes_the_others_work_nor_loses_its_own(rig: Rig, clock: str) -> None:
    attempt = launched(600)
    workers = [rig.worker(), rig.worker(**wrong(clock))]
    rig.wait_for_end(attempt)
    assert [worker.end() for worker in workers] == [0, 0]
    rig.reconcile(attempt)


@pytest.mark.skipif(not FAKE_CLOCKS, reason="libfaketime is not installed (Debian: faketime).")
@pytest.mark.parametrize("clock", A_DAY)
def test_a_worker_whose_clock_is_wrong_puts_letters_off_for_as_long_as_any(bare_rig: Rig, clock: str) -> None:
    bare_rig.sink(greylisting=A_WHILE.total_seconds())
    attempt = launched(20)
    bare_rig.worker(SENDING_RETRY_SECONDS="600", **wrong(clock))
    wait_until(lambda: attempt.logs.filter(status=Status.DEFERRED).count() == 20, bare_rig.logs)
    now = timezone.now()
    planned = [log.retry_at for log in attempt.logs.all() if log.retry_at]
    assert now < min(planned) <= max(planned) < now + A_WHILE


@pytest.mark.skipif(not FAKE_CLOCKS, reason="libfaketime is not installed (Debian: faketime).")
@pytest.mark.parametrize("clock", A_DAY)
def test_what_a_worker_whose_clock_is_wrong_leaves_undone_the_next_does_at_once(rig: Rig, clock: str) -> None:
    attempt = launched(600)
    worker = rig.worker(**wrong(clock))
    rig.wait_for(200)
    assert worker.end() == 0
    rig.worker()
    rig.wait_for_end(attempt)
    rig.reconcile(attempt)


def wrong(clock: str) -> dict[str, str]:
    """The environment of a process whose clock is a day ahead or behind."""
    # The clock that only measures stays right, and without the last the threads would wait for each other in turns.
    right = {"FAKETIME_DONT_FAKE_MONOTONIC": "1", "FAKETIME_FORCE_MONOTONIC_FIX": "0"}
    return {"LD_PRELOAD": str(FAKE_CLOCKS[0]), "FAKETIME": A_DAY[clock], **right}
