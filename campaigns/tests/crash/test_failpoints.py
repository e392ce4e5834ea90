"""A worker is killed at a line; the next one sends the rest, and the ledger has told no untruth."""

import subprocess
import sys

import pytest
from django.conf import settings
from pytest_django import Settings

from campaigns.models.log import Status
from campaigns.tests.crash.rig import CONNECTIONS, Rig, launched

SIGKILLED = -9


def kill_at(rig: Rig, failpoint: str) -> None:
    assert rig.worker(FAILPOINT=failpoint).status() == SIGKILLED


@pytest.mark.parametrize("failpoint", ["before-claim:2", "after-claim:2"])
def test_killed_around_the_claim_of_a_chunk(rig: Rig, failpoint: str) -> None:
    attempt = launched(300)
    kill_at(rig, failpoint)
    rig.worker()
    rig.wait_for_end(attempt)
    rig.reconcile(attempt, in_doubt=CONNECTIONS)


def test_a_chunk_that_was_only_claimed_leaves_no_doubt(rig: Rig) -> None:
    attempt = launched(50)
    kill_at(rig, "after-claim")
    assert not rig.taken()
    rig.worker()
    rig.wait_for_end(attempt)
    rig.reconcile(attempt)


def test_killed_in_the_middle_of_a_body(rig: Rig) -> None:
    attempt = launched(300)
    kill_at(rig, "during-data:50")
    cut_off = set(attempt.logs.in_flight().values_list("email", flat=True)) - set(rig.taken())
    assert cut_off
    rig.worker()
    rig.wait_for_end(attempt)
    assert cut_off <= rig.reconcile(attempt, in_doubt=CONNECTIONS)


def test_killed_when_the_server_has_answered_and_nobody_was_told(rig: Rig) -> None:
    attempt = launched(300)
    kill_at(rig, "after-reply:37")
    told = set(attempt.logs.filter(status=Status.SENT).values_list("email", flat=True))
    taken = set(rig.taken())
    assert taken - told
    rig.worker()
    rig.wait_for_end(attempt)
    assert taken - told <= rig.reconcile(attempt, in_doubt=CONNECTIONS)


@pytest.mark.parametrize("failpoint", ["before-commit:20", "after-commit:20"])
def test_killed_around_a_commit(rig: Rig, failpoint: str) -> None:
    attempt = launched(300)
    kill_at(rig, failpoint)
    rig.worker()
    rig.wait_for_end(attempt)
    rig.reconcile(attempt, in_doubt=CONNECTIONS)


def test_killed_while_the_audience_is_written(rig: Rig, settings: Settings) -> None:
    settings.SENDING_INLINE_ROWS = 1
    attempt = launched(300)
    kill_at(rig, "mid-expansion")
    assert not attempt.logs.exists()
    rig.worker()
    rig.wait_for_end(attempt)
    rig.reconcile(attempt)


def test_a_failpoint_that_does_not_exist_is_refused_with_a_sentence() -> None:
    command = [sys.executable, "-c", "import campaigns.sending.failpoints"]
    done = subprocess.run(command, env={"FAILPOINT": "nowhere"}, cwd=settings.BASE_DIR, capture_output=True, text=True)
    assert done.returncode
    assert "FAILPOINT names no such place: nowhere." in done.stderr
