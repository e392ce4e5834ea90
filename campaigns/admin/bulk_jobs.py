"""What was done with many recipients at once: how far it is, and what became of it."""

from typing import Any

from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import render
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RelatedDropdownFilter
from unfold.decorators import display

from campaigns import access
from campaigns.admin import bulk_actions
from campaigns.admin.base import ReadOnlyOfMailing, record
from campaigns.models import BulkJob

COLOURS = {
    BulkJob.State.RUNNING: "primary",
    BulkJob.State.DONE: "success",
    BulkJob.State.FAILED: "danger",
    BulkJob.State.CANCELLED: "default",
}


@admin.register(BulkJob)
class BulkJobAdmin(ReadOnlyOfMailing):
    list_display = ("name", "state_badge", "result", "owner", "created_at")
    list_select_related = ("owner",)
    list_filter_submit = True
    search_fields = ("target_name",)
    search_help_text = gettext_lazy("Name of a list or mailing")
    nothing_yet = gettext_lazy("What you do with many recipients at once stands here, with what became of it.")

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer("keys")

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        owner = [("owner", RelatedDropdownFilter)] if access.sees_all(request.user, BulkJob) else []
        return [("state", ChoicesDropdownFilter), ("deed", ChoicesDropdownFilter), *owner]

    @display(description=gettext_lazy("bulk change"))
    def name(self, job: BulkJob) -> str:
        return str(job)

    @display(description=gettext_lazy("state"), ordering="state", label=COLOURS)
    def state_badge(self, job: BulkJob) -> tuple[str, str]:
        return job.state, job.get_state_display()

    @display(description=gettext_lazy("result"))
    def result(self, job: BulkJob) -> str:
        figures = {"changed": _grouped(job.changed), "total": _grouped(job.total)}
        return _("%(changed)s changed of %(total)s selected") % figures

    def get_urls(self) -> list[URLPattern]:
        pages = {"cancel": self.cancel_view, "progress": self.progress_view}
        own = [
            path(f"<path:object_id>/{name}/", self.admin_site.admin_view(view), name=f"campaigns_bulkjob_{name}")
            for name, view in pages.items()
        ]
        return [*own, *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The page of one."""
        if request.method != "GET":
            return HttpResponseNotAllowed(["GET"])
        job = self.get_object(request, object_id)
        context = {
            **self.admin_site.each_context(request),
            **_progress(job),
            "title": str(job),
            "opts": self.opts,
            "original": job,
            "media": self.media,
            "may": access.can(request.user, "change", job),
        }
        return TemplateResponse(request, "campaigns/bulk_job.html", context)

    def cancel_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """No slice begins any more. What has been done stays done, and the page says how much."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        job = self.get_object(request, object_id)
        if not access.can(request.user, "change", job):
            raise Http404
        if BulkJob.objects.filter(pk=job.pk).cancel():
            record(request, job, _("Cancelled."))
        else:
            messages.error(request, _("It has ended already."))
        return HttpResponseRedirect(reverse("admin:campaigns_bulkjob_change", args=[job.pk]))

    def progress_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        job = self.get_object(request, object_id)
        response = render(request, "campaigns/bulk_progress.html", _progress(job))
        if job.ended:
            response.headers["HX-Refresh"] = "true"
        return response


def _progress(job: BulkJob) -> dict[str, Any]:
    return {
        "job": job,
        "colour": COLOURS[BulkJob.State(job.state)],
        "changed": bulk_actions.changed(job),
        "left_out": bulk_actions.left_out(job.refused) if job.refused else "",
    }


def _grouped(count: int) -> str:
    return number_format(count, force_grouping=True)
