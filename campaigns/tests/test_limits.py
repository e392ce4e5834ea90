"""The rates at which workers may begin letters, on a real database."""

from concurrent.futures import ThreadPoolExecutor
from time import monotonic

import pytest

from campaigns.models import SendingLimit
from campaigns.sending.limits.allowances import Allowance, Allowances
from campaigns.sending.limits.limits import Limits
from campaigns.tests.limited import Unit, Worker, database, end_sessions, limit, play

pytestmark = pytest.mark.django_db(transaction=True)


def nothing() -> None:
    """Nobody waits for a change."""


def test_without_limits_every_letter_may_be_begun() -> None:
    async def scene(worker: Worker) -> None:
        await worker.begins(1000)
        assert not worker.limits.active

    play(scene)


def test_nothing_may_be_begun_before_the_limits_are_known() -> None:
    assert not Limits(nothing).admits("a.example")


def test_two_workers_together_begin_no_more_than_the_limit_allows() -> None:
    limit(40)

    async def scene(worker: Worker) -> int:
        await worker.begins()
        return 1 + await worker.begins_for(2)

    def run() -> tuple[float, int, float]:
        began = monotonic()
        letters = play(scene)
        return began, letters, monotonic()

    with ThreadPoolExecutor(2) as threads:
        (began, first, ended), (also_began, second, also_ended) = threads.map(lambda _: run(), range(2))
    seconds = max(ended, also_ended) - min(began, also_began)
    # What the limit allows for the time, and one second's worth.
    assert first + second <= 40 * seconds + 40


def test_letters_go_on_at_the_rate_of_the_limit() -> None:
    limit(50)

    async def scene(worker: Worker) -> float:
        began = monotonic()
        await worker.begins(150)
        return monotonic() - began

    assert play(scene) >= 150 / 50 - 1


def test_a_worker_that_starts_again_finds_the_tokens_spent() -> None:
    limit(1, Unit.HOUR)
    play(lambda worker: worker.begins())
    assert play(lambda worker: worker.begins_for(0.5)) == 0


def test_of_several_limits_all_hold() -> None:
    limit(1000, Unit.SECOND)
    limit(1, Unit.HOUR)
    limit(1000, Unit.MINUTE, "a.example")

    async def scene(worker: Worker) -> int:
        await worker.begins()
        return await worker.begins_for(0.5)

    assert play(scene) == 0


def test_a_domains_limit_holds_up_no_other_domain() -> None:
    limit(1, Unit.HOUR, "a.example")

    async def scene(worker: Worker) -> None:
        await worker.begins(1, "a.example")
        assert await worker.begins_for(0.3, "a.example") == 0
        await worker.begins(1000, "b.example")
        assert worker.limits.held_for("a.example") > 60
        assert worker.limits.held_for("b.example") == 0

    play(scene)


def test_a_limit_of_each_domain_holds_for_each_on_its_own() -> None:
    limit(1, Unit.HOUR, "*")
    limit(1000, Unit.SECOND, "c.example")

    async def scene(worker: Worker) -> list[int]:
        for domain in ("a.example", "b.example"):
            await worker.begins(1, domain)
        return [await worker.begins_for(0.3, domain) for domain in ("a.example", "b.example")]

    assert play(scene) == [0, 0]


def test_a_domain_with_a_rate_of_its_own_is_not_under_that_of_each_domain() -> None:
    limit(1, Unit.HOUR, "*")
    limit(1000, Unit.SECOND, "a.example")
    play(lambda worker: worker.begins(20, "a.example"))


# The rules change


def test_a_new_limit_is_heeded() -> None:
    async def scene(worker: Worker) -> None:
        await worker.begins()
        await database(lambda: limit(1, Unit.HOUR))
        await worker.waits_until(lambda: worker.limits.active)
        await worker.begins()
        assert await worker.begins_for(0.5) == 0

    play(scene)


def test_a_limit_that_was_raised_lets_what_waits_go() -> None:
    limit(1, Unit.HOUR)

    async def scene(worker: Worker) -> None:
        await worker.begins()
        assert not worker.limits.admits("a.example")
        await database(lambda: SendingLimit.objects.update(unit=Unit.SECOND, maximum=1000))
        await worker.begins(50)

    play(scene)


def test_a_limit_that_is_gone_lets_what_waits_go() -> None:
    limit(1, Unit.HOUR)

    async def scene(worker: Worker) -> None:
        await worker.begins()
        assert not worker.limits.admits("a.example")
        await database(SendingLimit.objects.all().delete)
        await worker.begins(1000)

    play(scene)


def test_workers_go_on_after_their_session_was_broken() -> None:
    limit(1000)

    async def scene(worker: Worker) -> None:
        await worker.begins()
        await database(end_sessions)
        await worker.begins(500)

    play(scene)


# What a worker holds


def test_tokens_that_were_not_used_in_time_are_lost() -> None:
    allowance = Allowance("", tokens=2, good_until=10.0)
    assert allowance.spend(9.9)
    assert not allowance.spend(10.0)


def test_a_lease_is_as_large_as_the_last_one_was_of_use() -> None:
    assert Allowance("").wanted() == 1
    assert Allowance("", leased=8, tokens=0).wanted() == 16
    assert Allowance("", leased=8, tokens=6).wanted() == 4


def test_domains_to_which_nothing_is_sent_any_more_are_forgotten() -> None:
    woken: list[str] = []
    allowances = Allowances(lambda: woken.append("woken"))
    assert not allowances.spend("a.example", 0.0)
    assert (allowances.next_ask(), woken) == (0.0, ["woken"])
    allowances.tidy(11.0)
    assert allowances.next_ask() == float("inf")
