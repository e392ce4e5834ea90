"""A cache that costs speed when it is gone, and nothing else."""

import logging
from collections.abc import Callable
from typing import Any, Concatenate

from django.core.cache.backends.redis import RedisCache
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)


def _or_on_failure[**P](
    method: Callable[Concatenate[RedisCache, P], Any], answer: Callable[..., Any]
) -> Callable[..., Any]:
    def guarded(self: RedisCache, *args: P.args, **kwargs: P.kwargs) -> Any:
        try:
            return method(self, *args, **kwargs)
        except RedisError as error:
            logger.warning("The cache does not answer (%s): going on without it.", error)
            return answer(*args, **kwargs)

    return guarded


class FailSafeRedisCache(RedisCache):
    """Django's Redis cache; when Redis does not answer, reads miss and writes are dropped."""

    get = _or_on_failure(RedisCache.get, lambda key, default=None, version=None: default)
    get_many = _or_on_failure(RedisCache.get_many, lambda *args, **kwargs: {})
    has_key = _or_on_failure(RedisCache.has_key, lambda *args, **kwargs: False)
    add = _or_on_failure(RedisCache.add, lambda *args, **kwargs: True)
    set = _or_on_failure(RedisCache.set, lambda *args, **kwargs: None)
    set_many = _or_on_failure(RedisCache.set_many, lambda *args, **kwargs: [])
    touch = _or_on_failure(RedisCache.touch, lambda *args, **kwargs: False)
    delete = _or_on_failure(RedisCache.delete, lambda *args, **kwargs: False)
    delete_many = _or_on_failure(RedisCache.delete_many, lambda *args, **kwargs: None)
    clear = _or_on_failure(RedisCache.clear, lambda *args, **kwargs: False)

    def incr(self, key: str, delta: int = 1, version: int | None = None) -> int:
        """As Django's; without Redis the key does not exist, which is a ValueError."""
        try:
            return int(super().incr(key, delta, version))
        except RedisError as error:
            raise ValueError(f"The cache does not answer: {error}") from error
