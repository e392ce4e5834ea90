"""Each person's pages in that person's language and time zone."""

import zoneinfo
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils import timezone, translation

from backoffice.correlation import user_email


class PreferencesMiddleware:
    """Activates the language and time zone of the person logged in, and names the person in the log."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        # Not undone afterwards: LocaleMiddleware still reads the language, and a streamed body comes later.
        if request.user.is_authenticated:
            user_email.set(request.user.email)
            request.LANGUAGE_CODE = request.user.language
            translation.activate(request.user.language)
            timezone.activate(_zone(request.user.time_zone))
        else:
            timezone.deactivate()
        return self.get_response(request)


def _zone(name: str) -> zoneinfo.ZoneInfo:
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        # A zone that an update of the database has dropped must not lock the person out.
        return zoneinfo.ZoneInfo("UTC")
