"""The cache, with Redis and when Redis is gone."""

import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings
from redis.exceptions import RedisError

from backoffice import caching
from backoffice.caching import FailSafeRedisCache


@pytest.fixture
def gone() -> Iterator[FailSafeRedisCache]:
    """A cache whose Redis does not listen."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))  # and does not listen
        port = reserved.getsockname()[1]
        yield FailSafeRedisCache(f"redis://127.0.0.1:{port}/0", {"OPTIONS": {"socket_connect_timeout": 0.5}})


@pytest.fixture
def cache() -> Any:
    if not settings.REDIS_URL:
        pytest.skip("There is no Redis here.")
    cache = FailSafeRedisCache(settings.REDIS_URL, {"KEY_PREFIX": f"test-{time.monotonic_ns()}"})
    yield cache
    cache.delete_many(["a", "b", "n"])
    cache.close()


WITHOUT: dict[str, tuple[Callable[[FailSafeRedisCache], Any], Any]] = {
    "get": (lambda cache: cache.get("a"), None),
    "get with a default": (lambda cache: cache.get("a", 5), 5),
    "get with a named default": (lambda cache: cache.get("a", default=5), 5),
    "get_many": (lambda cache: cache.get_many(["a", "b"]), {}),
    "get_or_set": (lambda cache: cache.get_or_set("a", 5), 5),
    "get_or_set with a function": (lambda cache: cache.get_or_set("a", lambda: 5), 5),
    "has_key": (lambda cache: cache.has_key("a"), False),
    "in": (lambda cache: "a" in cache, False),
    "add": (lambda cache: cache.add("a", 1), True),
    "set": (lambda cache: cache.set("a", 1), None),
    "set_many": (lambda cache: cache.set_many({"a": 1}), []),
    "touch": (lambda cache: cache.touch("a"), False),
    "delete": (lambda cache: cache.delete("a"), False),
    "delete_many": (lambda cache: cache.delete_many(["a"]), None),
    "clear": (lambda cache: cache.clear(), False),
    "close": (lambda cache: cache.close(), None),
}


@pytest.mark.parametrize("name", WITHOUT)
def test_without_redis_reads_miss_and_writes_are_dropped(name: str, gone: FailSafeRedisCache) -> None:
    call, expected = WITHOUT[name]
    assert call(gone) == expected


@pytest.mark.parametrize("name", ["incr", "decr", "incr_version", "decr_version"])
def test_without_redis_there_is_nothing_to_count(name: str, gone: FailSafeRedisCache) -> None:
    with pytest.raises(ValueError, match=r"not answer|not found"):
        getattr(gone, name)("a")


def test_without_redis_it_says_so_in_the_log(gone: FailSafeRedisCache, caplog: pytest.LogCaptureFixture) -> None:
    gone.get("a")
    assert "The cache does not answer" in caplog.text


def test_a_redis_that_hangs_does_not_hold_up_the_page() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        options = {"OPTIONS": {"socket_connect_timeout": 0.1, "socket_timeout": 0.1}}
        cache = FailSafeRedisCache(f"redis://127.0.0.1:{silent.getsockname()[1]}/0", options)
        assert cache.get("a", "fallback") == "fallback"


def test_a_redis_that_hangs_holds_up_a_page_once_and_not_at_each_look(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        options = {"OPTIONS": {"socket_connect_timeout": 0.1, "socket_timeout": 0.1}}
        cache: Any = FailSafeRedisCache(f"redis://127.0.0.1:{silent.getsockname()[1]}/0", options)
        cache.get("a")
        monkeypatch.setattr(cache._cache, "get_client", lambda *_args, **_options: pytest.fail("It was asked."))
        assert cache.get("a", "fallback") == "fallback"
        with pytest.raises(ValueError, match="not answer"):
            cache.incr("a")


def test_a_redis_that_comes_back_is_asked_again(cache: FailSafeRedisCache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caching, "PAUSE_SECONDS", 0.0)
    cache.pause(RedisError("gone"))
    cache.set("a", 1)
    assert cache.get("a") == 1


def test_a_mistake_of_ours_is_not_hidden(gone: FailSafeRedisCache) -> None:
    with pytest.raises(TypeError):
        gone.get()


def test_with_redis_it_is_a_cache(cache: FailSafeRedisCache) -> None:
    cache.set_many({"a": {"x": 1}, "b": None})
    assert cache.get_many(["a", "b", "c"]) == {"a": {"x": 1}, "b": None}
    assert (cache.add("a", 2), cache.get_or_set("a", 3)) == (False, {"x": 1})
    assert (cache.touch("a"), cache.delete("a"), cache.get("a", default=7)) == (True, True, 7)


def test_with_redis_it_counts(cache: FailSafeRedisCache) -> None:
    cache.set("n", 5)
    assert (cache.incr("n", 2), cache.decr("n")) == (7, 6)
