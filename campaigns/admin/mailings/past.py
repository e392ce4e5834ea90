"""What has become of a mailing so far: its attempts, and who did what when."""

from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern

from campaigns.admin.object_urls import object_urls
from campaigns.admin.runs.changelist import STATUS_COLOURS
from campaigns.admin.runs.progress import Watching
from campaigns.models import Mailing, MailingAttempt
from campaigns.reports import progress, timeline

PER_PAGE = 10


class MailingRuns(Watching):
    """Gives the page of a mailing its run, its attempts and its timeline."""

    change_form_outer_before_template = "campaigns/mailing_summary.html"
    change_form_outer_after_template = "campaigns/mailing_past.html"

    def progress_of(self, obj: Mailing) -> progress.Progress:
        return progress.of_mailing(obj)

    def get_urls(self) -> list[URLPattern]:
        return [*object_urls(self, attempts=self.attempts_view, timeline=self.timeline_view), *super().get_urls()]

    def attempts_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """A page of the mailing's attempts; tests are none."""
        mailing: Mailing = self.watched(request, object_id)
        attempts = mailing.attempts.filter(test=False).select_related("triggered_by").defer("body", "body_html")
        page = Paginator(attempts, PER_PAGE).get_page(request.GET.get("page"))
        rows = [(attempt, STATUS_COLOURS[MailingAttempt.Status(attempt.status)]) for attempt in page]
        return _part(request, "attempts", {"page": page, "rows": rows})

    def timeline_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """A page of what happened."""
        mailing: Mailing = self.watched(request, object_id)
        page = Paginator(timeline.of_mailing(mailing), PER_PAGE).get_page(request.GET.get("page"))
        return _part(request, "timeline", {"page": page, "events": timeline.events(list(page))})


def _part(request: HttpRequest, name: str, context: dict[str, Any]) -> HttpResponse:
    return render(request, f"campaigns/mailing_{name}.html", {**context, "part": f"mailing-{name}"})
