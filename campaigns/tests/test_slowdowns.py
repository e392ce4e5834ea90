"""Domains whose servers ask for less mail, on a real database."""

import asyncio
from datetime import timedelta

import pytest
from django.db.models import F
from django.utils import timezone
from pytest_django import Settings

from campaigns import lifecycle
from campaigns.models import DomainSlowdown
from campaigns.sending.limits.slowdowns import Slowdowns
from campaigns.sending.outcomes import slows
from campaigns.tests import factories
from campaigns.tests.limited import Worker, database, play
from campaigns.tests.mail_server import MailServer
from campaigns.tests.worker import work

pytestmark = pytest.mark.django_db(transaction=True)

BUSY = "421 4.7.0 try again later"


@pytest.fixture(autouse=True)
def _pauses(settings: Settings) -> None:
    settings.SENDING_SLOWDOWN_SECONDS, settings.SENDING_SLOWDOWN_MAX_SECONDS = 30, 200


@pytest.mark.parametrize(
    ("code", "text", "expected"),
    [
        (421, "too many connections", True),
        (421, "4.4.2 timeout", True),
        (450, "4.7.1 greylisted", True),
        (451, "4.7.650 The mail server has been temporarily rate limited", True),
        (454, "4.7.0\nsecond line", True),
        (450, "4.2.2 mailbox full", False),
        (451, "4.7 no third part", False),
        (451, "see 4.7.1 in our manual", False),
        (550, "5.7.1 refused", False),
        (550, "4.7.1 confused", False),
        (250, "4.7.1 confused", False),
    ],
)
def test_which_replies_ask_for_less_mail(code: int, text: str, expected: bool) -> None:
    assert slows(code, text.encode()) is expected


def test_nothing_is_begun_to_a_slowed_domain_and_others_go_on() -> None:
    async def scene(worker: Worker) -> None:
        await worker.begins(10)
        worker.limits.slow("a.example", BUSY)
        assert not worker.limits.admits("a.example")
        assert 0 < worker.limits.held_for("a.example") <= 30
        await worker.begins(100, "b.example")

    play(scene)


def test_a_worker_that_starts_again_and_all_others_know_of_it() -> None:
    async def hears(worker: Worker) -> None:
        await worker.begins()
        worker.limits.slow("a.example", BUSY)
        await told()

    async def knows(worker: Worker) -> None:
        await worker.begins(1, "b.example")
        assert not worker.limits.admits("a.example")

    async def both(first: Worker, second: Worker) -> None:
        await second.begins()
        await hears(first)
        while second.limits.admits("a.example"):
            await asyncio.sleep(0.05)

    play(both, workers=2)
    play(knows)


async def told(times: int = 1) -> None:
    """Wait until the slow-down stands in the database."""
    while await database(lambda: DomainSlowdown.objects.filter(step=times).count()) == 0:
        await asyncio.sleep(0.02)


def test_a_person_can_read_the_reason_and_how_long() -> None:
    heard(BUSY)
    slowdown = DomainSlowdown.objects.get()
    assert (slowdown.domain, slowdown.reason, slowdown.step) == ("a.example", BUSY, 1)
    assert timedelta(seconds=20) < slowdown.until - timezone.now() <= timedelta(seconds=30)


def heard(*replies: str) -> None:
    """Workers, each of which hears one of these replies at the same moment."""

    async def scene(*workers: Worker) -> None:
        for worker in workers:
            await worker.begins(1, "b.example")
        for worker, reply in zip(workers, replies, strict=True):
            worker.limits.slow("a.example", reply)
        while any(worker.limits._slowdowns._heard for worker in workers):
            await asyncio.sleep(0.02)

    play(scene, workers=len(replies))


def test_replies_that_arrive_together_slow_a_domain_once() -> None:
    heard(*[BUSY] * 5)
    assert DomainSlowdown.objects.get().step == 1


def test_a_worker_tells_of_replies_that_arrive_together_once(settings: Settings) -> None:
    slowdowns = Slowdowns()
    for reply in ("first", "second"):
        slowdowns.hear("a.example", reply, 100.0)
    assert (slowdowns._heard, slowdowns.until("a.example")) == ({"a.example": "first"}, 130.0)


def ended(**ago: float) -> None:
    DomainSlowdown.objects.update(until=timezone.now() - timedelta(**ago))


def pause() -> float:
    """How long the domain is slowed, in seconds."""
    (until,) = DomainSlowdown.objects.values_list("until", flat=True)
    return round((until - DomainSlowdown.objects.get().updated_at).total_seconds(), 1)


def test_each_pause_in_a_row_is_twice_the_last_up_to_the_longest() -> None:
    pauses = []
    for _ in range(5):
        heard(BUSY)
        pauses.append(pause())
        ended(seconds=5)
    assert pauses == [30, 60, 120, 200, 200]


def test_after_a_quiet_time_the_next_pause_is_a_first_one() -> None:
    heard(BUSY)
    DomainSlowdown.objects.update(step=5)
    ended(seconds=201)
    heard(BUSY)
    assert (DomainSlowdown.objects.get().step, pause()) == (1, 30)


def test_a_slow_down_that_a_person_has_ended_holds_nothing_up_and_the_next_is_a_first_one() -> None:
    heard(BUSY)
    DomainSlowdown.objects.update(step=4)

    async def scene(worker: Worker) -> None:
        await worker.begins(1, "b.example")
        assert not worker.limits.admits("a.example")
        assert await database(DomainSlowdown.objects.all().end) == 1
        await worker.begins(1, "a.example")

    play(scene)
    heard(BUSY)
    assert (DomainSlowdown.objects.get().step, pause()) == (1, 30)


def test_it_ends_by_itself(settings: Settings) -> None:
    settings.SENDING_SLOWDOWN_SECONDS = 1

    async def scene(worker: Worker) -> None:
        await worker.begins()
        worker.limits.slow("a.example", BUSY)
        assert not worker.limits.admits("a.example")
        await worker.begins()

    play(scene)


def test_a_clock_that_is_set_back_does_not_make_it_endless() -> None:
    heard(BUSY)
    DomainSlowdown.objects.update(until=F("until") + timedelta(days=1))
    play(lambda worker: worker.begins())
    heard(BUSY)
    assert pause() <= 60


def test_what_is_long_over_is_forgotten() -> None:
    heard(BUSY)
    ended(days=2)

    async def scene(worker: Worker) -> None:
        while await database(DomainSlowdown.objects.exists):
            await asyncio.sleep(0.05)

    play(scene)


def test_a_mailing_that_is_launched_while_a_domain_is_slowed_waits_there_and_goes_on_elsewhere(
    server: MailServer,
) -> None:
    heard(BUSY)
    owner = factories.user()
    people = [factories.recipient(owner, f"r{n}@{name}.example") for name in "ab" for n in range(10)]
    lifecycle.launch(factories.mailing(owner, people), None)
    work(lambda: len(server.taken) == 10)
    assert all(address.endswith("@b.example") for address in server.addresses)


def test_workers_that_can_not_tell_now_tell_later() -> None:
    slowdowns = Slowdowns()
    slowdowns.hear("a.example", BUSY, 100.0)
    assert not slowdowns.accept({}, 101.0)
    assert slowdowns.until("a.example") == 130.0
