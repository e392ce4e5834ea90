"""A cache that costs speed when it is gone, and nothing else; and pages that the browser keeps."""

import logging
import time
from collections.abc import Callable
from functools import cache, cached_property
from hashlib import blake2b
from typing import Any, Concatenate, cast

from django.conf import settings
from django.core.cache.backends.redis import RedisCache
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.cache import add_never_cache_headers, get_conditional_response, patch_vary_headers
from django.utils.http import http_date
from django.views import View
from redis.exceptions import RedisError

from backoffice import answers
from backoffice.answers import Outcome, Stamp

logger = logging.getLogger(__name__)

# So long Redis is not asked again after it has not answered: a page asks it ten times, for up to half a second each.
PAUSE_SECONDS = 5.0
# What pages are made by: code, templates, the names of static files, and the libraries.
MADE_BY = (
    *("templates/**/*.html", "requirements.txt"),
    *("accounts/**/*.py", "backoffice/**/*.py", "campaigns/**/*.py"),
    "backoffice/static/**/*.*",
)


def _or_on_failure[**P](
    method: Callable[Concatenate[RedisCache, P], Any], answer: Callable[..., Any]
) -> Callable[..., Any]:
    def guarded(self: "FailSafeRedisCache", *args: P.args, **kwargs: P.kwargs) -> Any:
        if time.monotonic() < self.away_until:
            return answer(*args, **kwargs)
        try:
            return method(self, *args, **kwargs)
        except RedisError as error:
            self.pause(error)
            return answer(*args, **kwargs)

    return guarded


class FailSafeRedisCache(RedisCache):
    """Django's Redis cache; when Redis does not answer, reads miss and writes are dropped for PAUSE_SECONDS."""

    away_until = 0.0

    def pause(self, error: RedisError) -> None:
        """Go on without Redis for a while."""
        self.away_until = time.monotonic() + PAUSE_SECONDS
        logger.warning("The cache does not answer (%s): going on without it.", error)

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
        if time.monotonic() < self.away_until:
            raise ValueError("The cache does not answer.")
        try:
            return int(super().incr(key, delta, version))
        except RedisError as error:
            self.pause(error)
            raise ValueError(f"The cache does not answer: {error}") from error


class ClientCacheMixin(View):
    """Lets the browser keep a page for its person, and answers 304 while it has not changed, before it is made.

    The page's version is told by stamp(), and its ETag is made of that and of all that else the page depends on,
    which identity() tells: the person first of all. Last-Modified is not before the person's login, so that who logs
    in as another in the same browser never keeps the former's page. A view that keeps pages in the server's cache,
    too, keeps them by `etag`, and says in `outcome` what became of the look-up; with DEBUG the header X-Cache tells it.
    """

    max_age = 2
    outcome: Outcome | None = None

    def identity(self) -> tuple[Any, ...]:
        """All that the page depends on beside its data. Say who sees it, and what that person may do."""
        raise NotImplementedError

    def stamp(self) -> Stamp:
        """The version of the page's data."""
        raise NotImplementedError

    def is_kept(self) -> bool:
        """Whether the browser may keep this answer."""
        return self.request.method in ("GET", "HEAD")

    @cached_property
    def etag(self) -> str:
        """Equal for equal pages only."""
        # The login, because it gives the browser another secret, of which the tokens of the page's forms are made.
        made_of = (self.stamp().version, code_version(), self.request.get_full_path())
        depends_on = (*made_of, self._login(), *self.identity())
        return f'"{blake2b(repr(depends_on).encode(), digest_size=16).hexdigest()}"'

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not self.is_kept():
            response = super().dispatch(request, *args, **kwargs)
            add_never_cache_headers(response)
            return response
        response = self._unchanged() or super().dispatch(request, *args, **kwargs)
        self._validate(response)
        if settings.DEBUG and self.outcome:
            response.headers["X-Cache"] = self.outcome
        return response

    def _unchanged(self) -> HttpResponseBase | None:
        response = get_conditional_response(self.request, self.etag, self._modified())
        if response:
            # The kept page has a nonce in its policy; a policy with another one would refuse its colours.
            cast(Any, response)._csp_config = {}
            self.outcome = "unchanged"
            answers.note(self.outcome, self.request.path)
        return response

    def _validate(self, response: HttpResponseBase) -> None:
        response.headers.setdefault("Cache-Control", f"private, max-age={self.max_age}")
        if "no-store" not in response.headers["Cache-Control"]:
            response.headers["ETag"] = self.etag
            # Not before its second is over: what follows in the same one would look the same.
            if time.time() >= self._modified() + 1:
                response.headers["Last-Modified"] = http_date(self._modified())
        patch_vary_headers(response, ["Cookie", "Accept-Language"])

    def _modified(self) -> int:
        return max(self.stamp().since, self._login())

    def _login(self) -> int:
        user = cast(Any, self.request.user)
        return int(user.last_login.timestamp()) if user.is_authenticated and user.last_login else 0


@cache
def code_version() -> float:
    """When code or a template was changed last: pages that were made by others are not the same."""
    made_by = (path for pattern in MADE_BY for path in settings.BASE_DIR.glob(pattern))
    return max((path.stat().st_mtime for path in made_by), default=0.0)
