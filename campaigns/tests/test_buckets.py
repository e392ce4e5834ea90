"""The buckets of the sending limits, from which all workers take, on a real database."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F

from campaigns.models import LimitBucket, SendingLimit
from campaigns.sending.limits import buckets
from campaigns.sending.limits.session import Session, session
from campaigns.tests.limited import Unit, limit

pytestmark = pytest.mark.django_db(transaction=True)


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
    limit(1, Unit.HOUR)
    taken(all=1)
    assert taken(all=1) == {"all": 0}


def test_a_bucket_fills_at_the_rate_of_its_limit() -> None:
    limit(3600, Unit.HOUR)
    taken(all=1)
    LimitBucket.objects.update(refilled_at=F("refilled_at") - timedelta(seconds=0.6), tokens=0.5)
    assert taken(all=5) == {"all": 1}


def test_many_who_take_at_once_get_no_more_than_there_is() -> None:
    limit(1, Unit.HOUR)
    with ThreadPoolExecutor(8) as threads:
        got = list(threads.map(lambda _: taken(all=1)["all"], range(24)))
    assert sum(got) == 1


def test_who_takes_while_another_does_waits_and_sees_what_is_left() -> None:
    limit(1, Unit.HOUR)
    taken(all=1)
    LimitBucket.objects.update(tokens=1)

    async def both(first: Session) -> list[int]:
        async with session("autosend-test") as second:
            async with first.transaction():
                (one,) = await buckets.take(first, {"": 1})
                waiting = asyncio.create_task(buckets.take(second, {"": 1}))
                while not await _waits(first, second):
                    await asyncio.sleep(0.01)
            (other,) = await waiting
        return [one.letters, other.letters]

    assert in_session(both) == [1, 0]


async def _waits(first: Session, second: Session) -> bool:
    cursor = await first.execute("SELECT cardinality(pg_blocking_pids(%s)) > 0", [second.info.backend_pid])
    [(blocked,)] = await cursor.fetchall()
    return bool(blocked)


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
