"""Which workers a sweep takes for dead. What it does about their jobs is test_fresh_delivery.py's."""

import asyncio
from time import monotonic
from typing import Any

import pytest
from procrastinate.contrib.django import app

from campaigns.sending.queue import heartbeat
from campaigns.sending.queue.sweep import Sweep

LONG = 100.0


@pytest.fixture
def dead(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The jobs of workers without a sign of life."""

    async def found(**_asked: Any) -> list[str]:
        return ["a job"]

    monkeypatch.setattr(app.job_manager, "get_stalled_jobs", found)
    return ["a job"]


def taken_for_dead(sweep_began: float) -> Any:
    engine: Any = None
    sweep = Sweep(engine)
    sweep._answering_since -= LONG
    return asyncio.run(sweep._of_dead_workers(sweep_began))


def test_whoever_gave_no_sign_of_life_while_the_database_answered_is_dead(dead: list[str]) -> None:
    assert taken_for_dead(sweep_began=monotonic()) == dead


def test_nobody_is_dead_for_a_sweep_that_had_to_wait_for_the_database(dead: list[str]) -> None:
    assert taken_for_dead(sweep_began=monotonic() - 2 * heartbeat.SIGN_OF_LIFE_SECONDS) == []
