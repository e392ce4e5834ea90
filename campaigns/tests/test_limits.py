"""The rates at which workers may begin letters, on a real database."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from time import monotonic
from typing import Any

import pytest
from django.db import connection
from django.db.models import F

from campaigns.models import LimitBucket, SendingLimit
from campaigns.sending import buckets
from campaigns.sending.allowances import Allowance, Allowances
from campaigns.sending.limits import Limits
from campaigns.sending.session import Session, session
from campaigns.tests.limited import Unit, Worker, database, limit, play

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

    def run() -> tuple[float, int, float]:
        began = monotonic()
        letters = play(lambda worker: worker.begins_for(2))
        return began, letters, monotonic()

    with ThreadPoolExecutor(2) as threads:
        (began, first, ended), (also_began, second, also_ended) = threads.map(lambda _: run(), range(2))
    seconds = max(ended, also_ended) - min(began, also_began)
    # What the limit allows for the time, and one second's worth.
    assert 0 < first + second <= 40 * seconds + 40


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
    assert play(lambda worker: worker.begins_for(0.5)) == 1


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
        return [await worker.begins_for(0.3, f"{name}.example") for name in ("a", "b", "a")]

    assert play(scene) == [1, 1, 0]


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
        assert await worker.begins_for(0.5) == 1

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


def end_sessions() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'autosend-limits' AND datname = current_database()"
        )
        assert cursor.rowcount == 1


# The buckets


def in_session[T](act: Callable[[Session], Any]) -> Any:
    async def run() -> Any:
        async with session("autosend-test") as opened:
            return await act(opened)

    return asyncio.run(run())


def taken(**wanted: int) -> dict[str, int]:
    """What each of these domains, named without their .example, gets; `all` stands for those without a limit."""
    asked = {"" if name == "all" else f"{name}.example": letters for name, letters in wanted.items()}
    grants = in_session(lambda opened: buckets.take(opened, asked))
    return {grant.domain.removesuffix(".example") or "all": grant.letters for grant in grants}


def tokens(owner: SendingLimit) -> float:
    return LimitBucket.objects.get(limit=owner).tokens


def test_a_bucket_holds_a_quarter_of_a_seconds_worth() -> None:
    limit(1000)
    assert taken(all=10_000) == {"all": 250}


def test_a_bucket_of_less_than_a_letter_holds_one() -> None:
    limit(1, Unit.HOUR)
    assert taken(all=10) == {"all": 1}


def test_what_is_taken_is_gone_for_everybody() -> None:
    limit(1000, Unit.HOUR)
    taken(all=1)
    assert taken(all=1) == {"all": 0}


def test_a_bucket_fills_at_the_rate_of_its_limit() -> None:
    limit(3600, Unit.HOUR)
    taken(all=1)
    LimitBucket.objects.update(refilled_at=F("refilled_at") - timedelta(seconds=0.6), tokens=0.5)
    assert taken(all=5) == {"all": 1}


def test_many_who_take_at_once_get_no_more_than_there_is() -> None:
    limit(400, Unit.HOUR)
    with ThreadPoolExecutor(8) as threads:
        got = list(threads.map(lambda _: taken(all=1)["all"], range(24)))
    assert sum(got) == 1


def test_a_letter_held_up_by_its_domain_takes_nothing_of_what_others_may_send() -> None:
    everybody = limit(100)
    limit(1, Unit.HOUR, "a.example")
    assert taken(a=10) == {"a": 1}
    assert tokens(everybody) == 24


def test_a_letter_held_up_by_all_mail_takes_nothing_of_its_domains() -> None:
    limit(1, Unit.HOUR)
    domains = limit(100, Unit.SECOND, "a.example")
    taken(all=1)
    assert taken(a=10) == {"a": 0}
    assert tokens(domains) == 25


def test_where_all_mail_has_too_little_those_who_asked_first_get_it() -> None:
    limit(16)
    limit(1000, Unit.SECOND, "*")
    assert taken(a=1, b=2, c=10, d=1) == {"a": 1, "b": 2, "c": 1, "d": 0}


def test_a_domain_without_a_limit_is_not_in_the_answer() -> None:
    limit(1, Unit.SECOND, "a.example")
    assert taken(b=1) == {}


def test_a_clock_that_is_set_back_stops_nothing() -> None:
    owner = limit(1000)
    taken(all=1)
    LimitBucket.objects.update(refilled_at=F("refilled_at") + timedelta(days=1), tokens=5)
    assert taken(all=100) == {"all": 5}
    LimitBucket.objects.update(refilled_at=F("refilled_at") - timedelta(seconds=1))
    assert taken(all=100) == {"all": 100}
    assert tokens(owner) == pytest.approx(150)


def test_a_clock_that_is_set_forward_fills_no_more_than_the_bucket() -> None:
    limit(1000)
    taken(all=250)
    LimitBucket.objects.update(refilled_at=F("refilled_at") - timedelta(days=1))
    assert taken(all=10_000) == {"all": 250}


def test_a_bucket_that_is_full_is_forgotten_and_others_are_not() -> None:
    limit(1, Unit.HOUR, "*")
    taken(a=1, b=1)
    LimitBucket.objects.filter(domain="a.example").update(refilled_at=F("refilled_at") - timedelta(hours=3))
    in_session(buckets.prune)
    assert LimitBucket.objects.get().domain == "b.example"
    assert taken(a=5, b=5) == {"a": 1, "b": 0}


def test_buckets_go_with_their_limit() -> None:
    owner = limit(1)
    taken(all=1)
    owner.delete()
    assert not LimitBucket.objects.exists()


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
