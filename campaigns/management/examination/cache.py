"""The cache, asked without the fail-safe layer, which hides why it does not answer."""

import textwrap
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.cache import cache
from redis.exceptions import RedisError

from backoffice.health import DEGRADED, FAILED, OK, Finding

OLDEST = 6
# A server in protected mode refuses with a page of advice.
REASON_CHARACTERS = 200


def findings() -> Iterator[Finding]:
    if not settings.REDIS_URL:
        yield Finding("cache", DEGRADED, "REDIS_URL is not set: every process keeps a cache of its own.")
        return
    try:
        yield _examined()
    # TypeError: the client does not know an option in the address.
    except (RedisError, TypeError) as error:
        reason = textwrap.shorten(str(error).rstrip("."), REASON_CHARACTERS, placeholder=" …")
        yield Finding("cache", FAILED, f"Redis can not be used: {reason}. Look at REDIS_URL.")


def _examined() -> Finding:
    client: Any = cache._cache.get_client(None, write=True)  # type: ignore[attr-defined]
    server = client.info("server")
    version = server.get("valkey_version") or server["redis_version"]
    name = "Valkey" if "valkey_version" in server else "Redis"
    if int(server["redis_version"].split(".")[0]) < OLDEST:
        return Finding("cache", FAILED, f"{name} {version} is too old: {OLDEST} or newer is needed.")
    key = cache.make_key("doctor")
    client.set(key, "well", ex=5)
    if client.get(key) != b"well":
        return Finding("cache", FAILED, f"{name} {version} does not keep what is written.")
    return Finding("cache", OK, f"{name} {version} reads and writes.")
