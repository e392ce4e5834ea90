"""Answers are made once for a version, however many ask at once."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.core.cache import cache
from pytest_django import Settings

from backoffice import answers


@pytest.fixture
def key() -> Iterator[str]:
    if not settings.REDIS_URL:
        pytest.skip("There is no Redis here.")
    key = f"test:{uuid4()}"
    yield key
    cache.delete_many([key, f"{key}:stamp", f"{key}:making"])


@pytest.fixture
def gone(settings: Settings) -> None:
    """Redis can not be reached."""
    settings.CACHES = {
        "default": {
            "BACKEND": "backoffice.caching.FailSafeRedisCache",
            "LOCATION": "redis://127.0.0.1:1/0",
            "OPTIONS": {"socket_connect_timeout": 0.5, "socket_timeout": 1},
        }
    }


class Maker:
    """Makes an answer, slowly, and counts how often; one that is held makes it when `may_end` is set."""

    def __init__(self, answer: str, seconds: float = 0.0, held: bool = False) -> None:
        self.answer, self.seconds = answer, seconds
        self.begun, self.may_end = threading.Event(), threading.Event()
        self.times = 0
        if not held:
            self.may_end.set()

    def __call__(self) -> str:
        self.times += 1
        self.begun.set()
        time.sleep(self.seconds)
        assert self.may_end.wait(60)
        return self.answer


def test_an_answer_is_made_once_for_its_version(key: str) -> None:
    make = Maker("one")
    assert answers.kept(key, "v1", make) == ("one", "miss")
    assert answers.kept(key, "v1", make) == ("one", "hit")
    assert make.times == 1


def test_another_version_has_another_answer(key: str) -> None:
    answers.kept(key, "v1", Maker("one"))
    assert answers.kept(key, "v2", Maker("two")) == ("two", "miss")


def together(number: int, ask: Callable[[], Any]) -> list[Any]:
    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(lambda _n: ask(), range(number)))


def test_of_many_who_ask_at_once_one_makes_it_and_the_others_wait(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "WAIT_SECONDS", 60.0)
    make = Maker("one", 0.2)
    found = together(8, lambda: answers.kept(key, "v1", make))
    assert make.times == 1
    assert sorted(found) == [("one", "hit")] * 7 + [("one", "miss")]


def test_while_a_new_one_is_made_the_one_before_is_given(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    answers.kept(key, "v1", Maker("one"))
    monkeypatch.setattr(answers, "STALE_SECONDS", 60.0)
    monkeypatch.setattr(answers, "WAIT_SECONDS", 60.0)
    make = Maker("two", held=True)
    with ThreadPoolExecutor(1) as pool:
        making = pool.submit(answers.kept, key, "v2", make)
        try:
            assert make.begun.wait(60)
            assert answers.kept(key, "v2", Maker("never")) == ("one", "stale")
        finally:
            make.may_end.set()
    assert making.result() == ("two", "miss")


def test_who_gets_the_lock_after_another_has_made_it_does_not_make_it_again(
    key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    add = cache.add

    def made_meanwhile(name: str, *args: Any) -> bool:
        cache.set(key, ("v1", "one"))
        return bool(add(name, *args))

    monkeypatch.setattr(answers, "cache", SimpleNamespace(get=cache.get, add=made_meanwhile, delete=cache.delete))
    monkeypatch.setattr(answers, "note", lambda *_args: None)
    assert answers.kept(key, "v1", Maker("never")) == ("one", "hit")


def test_the_one_before_is_not_given_for_long(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "STALE_SECONDS", 0.0)
    monkeypatch.setattr(answers, "WAIT_SECONDS", 60.0)
    answers.kept(key, "v1", Maker("one"))
    make = Maker("two", 0.2)
    assert {answer for answer, _outcome in together(3, lambda: answers.kept(key, "v2", make))} == {"two"}


def test_who_fails_to_make_it_leaves_it_to_the_next(key: str) -> None:
    with pytest.raises(ZeroDivisionError):
        answers.kept(key, "v1", lambda: 1 / 0)
    assert answers.kept(key, "v1", Maker("one")) == ("one", "miss")


def test_who_has_waited_long_enough_makes_it(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "WAIT_SECONDS", 0.1)
    cache.add(f"{key}:making", time.time(), 10)
    assert answers.kept(key, "v1", Maker("one")) == ("one", "miss")


@pytest.mark.usefixtures("gone")
def test_without_redis_it_is_made_each_time() -> None:
    make = Maker("one")
    assert [answers.kept("key", "v1", make) for _ in range(2)] == [("one", "miss")] * 2
    assert make.times == 2


@pytest.mark.usefixtures("gone")
def test_without_redis_the_version_is_asked_each_time() -> None:
    ask = Maker("v1")
    assert [answers.stamp("key", ask).version for _ in range(2)] == ["v1", "v1"]
    assert ask.times == 2


def test_the_version_is_asked_for_once_in_a_while(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "FRESH_SECONDS", 60.0)
    ask = Maker("v1")
    assert answers.stamp(key, ask) == answers.stamp(key, ask)
    assert ask.times == 1
    monkeypatch.setattr(answers, "FRESH_SECONDS", 0.0)
    answers.stamp(key, ask)
    assert ask.times == 2


def test_a_version_keeps_the_second_since_which_it_holds(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "FRESH_SECONDS", 0.0)
    first = answers.stamp(key, Maker("v1"))
    time.sleep(1.01)
    assert answers.stamp(key, Maker("v1")) == first
    assert answers.stamp(key, Maker("v2")).since > first.since


def test_results_are_seen_within_five_seconds() -> None:
    """A version that is taken for fresh, the answer before it, and the browser's own copy, one after the other."""
    from backoffice.caching import ClientCacheMixin

    assert answers.FRESH_SECONDS + ClientCacheMixin.max_age < 5


def test_hits_and_misses_stand_in_the_log(key: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    for _ in range(2):
        answers.kept(key, "v1", Maker("one"))
    assert "Cache miss" in caplog.text
    assert "Cache hit" in caplog.text
