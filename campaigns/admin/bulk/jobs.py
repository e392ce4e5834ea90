"""What was done with many recipients at once: how far it is, and what became of it."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.humanize.templatetags.humanize import intcomma
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.template.response import TemplateResponse
from django.urls import URLPattern, reverse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from campaigns import access
from campaigns.admin.base import ReadOnlyScoped, record
from campaigns.admin.bulk import actions
from campaigns.admin.lists import owner_filter
from campaigns.admin.object_urls import object_urls
from campaigns.models import BulkJob

COLOURS = {
    BulkJob.State.RUNNING: "primary",
    BulkJob.State.DONE: "success",
    BulkJob.State.FAILED: "danger",
    BulkJob.State.CANCELLED: "default",
}


@admin.register(BulkJob)
class BulkJobAdmin(ReadOnlyScoped):
    list_display = ("name", "state_badge", "result", "owner", "created_at")
    list_select_related = ("owner",)
    list_filter_submit = True
    search_fields = ("target_name",)
    search_help_text = gettext_lazy("Name of a list or mailing")
    nothing_yet = gettext_lazy("What you do with many recipients at once stands here, with what became of it.")

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer("keys")

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        return [("state", ChoicesDropdownFilter), ("deed", ChoicesDropdownFilter), *owner_filter(request, BulkJob)]

    @display(description=gettext_lazy("bulk change"))
    def name(self, job: BulkJob) -> str:
        return str(job)

    @display(description=gettext_lazy("state"), ordering="state", label=COLOURS)
    def state_badge(self, job: BulkJob) -> tuple[str, str]:
        return job.state, job.get_state_display()

    @display(description=gettext_lazy("result"))
    def result(self, job: BulkJob) -> str:
        if job.deed == BulkJob.Deed.DELETE_LIST:
            return actions.changed(job)
        figures = {"changed": intcomma(job.changed), "total": intcomma(job.total)}
        return _("%(changed)s changed of %(total)s selected") % figures

    def get_urls(self) -> list[URLPattern]:
        own = object_urls(self, cancel=require_POST(self.cancel_view), progress=self.progress_view)
        return [*own, *super().get_urls()]

    @method_decorator(require_safe)
    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The page of one."""
        job = self.get_object(request, object_id)
        context = {
            **self.admin_site.each_context(request),
            **_progress(job),
            "title": str(job),
            "opts": self.opts,
            "original": job,
            "media": self.media,
            "may": access.can(request.user, "change", job),
            "deletes_list": job.deed == BulkJob.Deed.DELETE_LIST,
        }
        return TemplateResponse(request, "campaigns/bulk_job.html", context)

    def cancel_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """No slice begins any more. What has been done stays done, and the page says how much."""
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
        "changed": actions.changed(job),
        "left_out": actions.left_out(job) if job.refused else "",
    }
