"""The pages from which a run is watched: its state, asked for each second, and what went wrong in it."""

import json
from hashlib import blake2b
from typing import Any, ClassVar

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, reverse
from django.utils import timezone
from django.utils.cache import get_conditional_response, patch_cache_control
from django.utils.translation import get_language

from campaigns.admin.base import Scoped
from campaigns.admin.object_urls import object_urls
from campaigns.reports import domains, pace, replies, sparkline
from campaigns.reports.progress import Progress

# What other parts of the page ask anew by: something has been counted; the run has begun, paused or ended.
MOVED, TURNED = "run-moved", "run-turned"


class Watching(Scoped):
    """Gives the pages of a noun the live part, and the one with the trouble, to whoever may see the object.

    The live part asks for itself until the run has ended, with the state that it shows; the answer to who has seen
    that already is 304, before anything else is read.
    """

    state_colours: ClassVar[dict[Any, str]]

    def progress_of(self, obj: Any) -> Progress:
        """The run to watch."""
        raise NotImplementedError

    def get_urls(self) -> list[URLPattern]:
        # The admin's own marking forbids to keep an answer, and so to ask whether it still holds.
        progress = object_urls(self, progress=self.progress_view, cacheable=True)
        return [*progress, *object_urls(self, trouble=self.trouble_view), *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        obj = self.get_object(request, object_id)
        context = {**self._shown(request, obj, self.progress_of(obj)), **(extra_context or {})}
        response: HttpResponse = super().change_view(request, object_id, form_url, context)
        return response

    def progress_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The live part of the page; 304 to who has it already."""
        obj = self.watched(request, object_id)
        summary = self.progress_of(obj)
        etag = _etag(request, summary)
        answer = get_conditional_response(request, etag)
        if answer is None:
            answer = render(request, "campaigns/mailing_progress.html", self._shown(request, obj, summary))
            turned = summary.attempt and request.GET.get("shown") != _key(summary)
            answer["HX-Trigger"] = f"{MOVED}, {TURNED}" if turned else MOVED
        answer["ETag"] = etag
        patch_cache_control(answer, private=True, no_cache=True)
        return answer

    def trouble_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """What the mail servers said, and how each domain fares; asked for when the page is there."""
        attempt = self.progress_of(self.watched(request, object_id)).attempt
        context: dict[str, Any] = {"attempt": attempt}
        if attempt:
            found, others = replies.of_attempt(attempt)
            context |= {"replies": found, "other_replies": others, "domains": domains.of_attempt(attempt)}
        return render(request, "campaigns/run_trouble.html", context)

    def watched(self, request: HttpRequest, object_id: str) -> Any:
        """The object, for whoever may see it. Raises Http404 and PermissionDenied."""
        obj = self.get_object(request, object_id)
        if not self.has_view_permission(request, obj):
            raise PermissionDenied
        return obj

    def _shown(self, request: HttpRequest, obj: Any, summary: Progress) -> dict[str, Any]:
        opened = request.GET.get("opened", obj.status)
        return {
            "summary": summary,
            "watched": obj,
            "colour": self.state_colours[obj.status],
            "pace": pace.of_attempt(summary.attempt) if summary.attempt else None,
            "sparkline": sparkline.of_attempt(summary.attempt) if summary.attempt else None,
            "url": reverse(f"admin:{self._noun}_progress", args=[obj.pk]),
            "trouble_url": reverse(f"admin:{self._noun}_trouble", args=[obj.pk]),
            "page_url": reverse(f"admin:{self._noun}_change", args=[obj.pk]),
            # The buttons of the page are those of the state in which it was opened.
            "buttons_are_old": opened != obj.status,
            "values": json.dumps({"opened": opened, "shown": _key(summary)}),
            "headers": json.dumps({"If-None-Match": _etag(request, summary)}),
            "just_ended": request.path.endswith("/progress/") and not summary.live,
        }

    @property
    def _noun(self) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}"


def _key(summary: Progress) -> str:
    return f"{summary.attempt.pk} {summary.attempt.status}" if summary.attempt else ""


def _etag(request: HttpRequest, summary: Progress) -> str:
    # What is seen is written in the language and time zone of whoever sees it.
    seen = (request.user.pk, get_language(), timezone.get_current_timezone_name(), *summary.state())
    return f'"{blake2b(repr(seen).encode(), digest_size=12).hexdigest()}"'
