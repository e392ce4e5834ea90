"""System checks: what is set up in a way that would surprise later."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Warning, register


@register()
def cache_is_shared(**kwargs: Any) -> list[CheckMessage]:
    if settings.REDIS_URL:
        return []
    return [
        Warning(
            "REDIS_URL is not set: every process keeps a cache of its own.",
            hint="Set REDIS_URL in .env; reports are then computed once for all processes.",
            id="backoffice.W001",
        )
    ]
