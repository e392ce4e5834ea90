"""Answers that are kept in the cache until what they are made of has changed, and made by one of those who ask.

Nobody throws them away by hand: an answer is kept with the version of its data, and asked for by the version that
they have now. Without a cache each request makes its own.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args

from django.core.cache import cache

logger = logging.getLogger(__name__)

# So long a version is taken for the present one without asking the database.
FRESH_SECONDS = 2.0
# So long whoever asks meanwhile gets the answer before, while one request makes the new one.
STALE_SECONDS = 2.0
# So long others wait for the one that makes the answer; then they make it themselves.
WAIT_SECONDS = 5.0
POLL_SECONDS = 0.03
# What no version tells (an owner who has no attempt yet, in a list to choose from) is no older than this.
KEEP_SECONDS = 600

# It was there; the one before was given; it was made; the browser has it already.
Outcome = Literal["hit", "stale", "miss", "unchanged"]


@dataclass(frozen=True)
class Stamp:
    """The version of the data, and since which second (of Unix time) it is the present one."""

    version: str
    since: int


def stamp(key: str, ask: Callable[[], str]) -> Stamp:
    """The version that `ask` tells, asked at most every FRESH_SECONDS for that key."""
    kept = cache.get(f"{key}:stamp")
    now = time.time()
    if kept and 0 <= now - kept[2] < FRESH_SECONDS:
        return Stamp(kept[0], kept[1])
    version = ask()
    since = kept[1] if kept and kept[0] == version else int(now)
    cache.set(f"{key}:stamp", (version, since, now), KEEP_SECONDS)
    return Stamp(version, since)


def kept(key: str, version: str, make: Callable[[], Any]) -> tuple[Any, Outcome]:
    """What `make` answers for that version, and whether it was there.

    When several ask at once, one makes it; the others get the answer of the version before for STALE_SECONDS, or
    wait. Pass plain values, please: a class may look otherwise when it is read back.
    """
    began = time.monotonic()
    found, outcome = _found(key, version, make)
    note(outcome, key, time.monotonic() - began)
    return found[1], outcome


def note(outcome: Outcome, key: str, seconds: float = 0.0) -> None:
    """Log what became of a look-up, and count it.

    The counters are in the cache: with Redis all processes count together, without it each for itself. They begin
    anew when the cache is emptied, as Prometheus expects of counters.
    """
    logger.info("Cache %s for %s in %.0f ms.", outcome, key, 1000 * seconds)
    counter = _counter(outcome)
    try:
        cache.incr(counter)
    except ValueError:
        cache.add(counter, 1, None)


def counted() -> dict[str, int]:
    """How often each outcome was noted."""
    found = cache.get_many([_counter(outcome) for outcome in get_args(Outcome)])
    return {outcome: int(found.get(_counter(outcome), 0)) for outcome in get_args(Outcome)}


def _counter(outcome: str) -> str:
    return f"answers:{outcome}"


def _found(key: str, version: str, make: Callable[[], Any]) -> tuple[Any, Outcome]:
    found = _present(key, version)
    if found:
        return found, "hit"
    return _waited_for(key, version) or _made(key, version, make)


def _present(key: str, version: str) -> Any:
    found = cache.get(key)
    return found if found and found[0] == version else None


def _waited_for(key: str, version: str) -> tuple[Any, Outcome] | None:
    """What another one makes, or the answer before; None with the lock taken, or when that one takes too long."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not cache.add(_lock(key), time.time(), WAIT_SECONDS):
        before = cache.get(key)
        if before and before[0] == version:
            return before, "hit"
        if before and time.time() - cache.get(_lock(key), 0) < STALE_SECONDS:
            return before, "stale"
        if time.monotonic() > deadline:
            return None
        time.sleep(POLL_SECONDS)
    return None


def _made(key: str, version: str, make: Callable[[], Any]) -> tuple[Any, Outcome]:
    try:
        # Another may have made it between the look-up and the lock.
        found = _present(key, version)
        if found:
            return found, "hit"
        made = (version, make())
        cache.set(key, made, KEEP_SECONDS)
        return made, "miss"
    finally:
        cache.delete(_lock(key))


def _lock(key: str) -> str:
    return f"{key}:making"
