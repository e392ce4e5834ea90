"""The imports: where each stands, and what comes next."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.contrib.humanize.templatetags.humanize import intcomma
from django.core.exceptions import PermissionDenied
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.shortcuts import render
from django.template.response import TemplateResponse
from django.urls import URLPattern, reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST, require_safe
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from backoffice import correlation
from campaigns import access
from campaigns.admin.base import ReadOnlyScoped, person, record
from campaigns.admin.downloads import as_csv
from campaigns.admin.imports.forms import ColumnsForm, LayoutForm
from campaigns.admin.lists import IMPORT_RECIPIENTS, owner_filter
from campaigns.admin.object_urls import object_urls
from campaigns.imports import encoding, jobs, layouts, refusals, storage, work
from campaigns.imports.errors import ImportRefused
from campaigns.imports.jobs import Caller
from campaigns.models import ImportJob

COLOURS = {
    ImportJob.State.UPLOADED: "default",
    ImportJob.State.CHECKING: "primary",
    ImportJob.State.PREVIEWED: "info",
    ImportJob.State.RUNNING: "primary",
    ImportJob.State.DONE: "success",
    ImportJob.State.FAILED: "danger",
    ImportJob.State.CANCELLED: "default",
}
# What became, or would become, of the rows: counter, word, colour.
FIGURES = (
    ("added", gettext_lazy("New"), "success"),
    ("changed", gettext_lazy("Changed"), "info"),
    ("unchanged", gettext_lazy("Unchanged"), "default"),
    ("passed_over", gettext_lazy("Passed over by the mode"), "default"),
    ("duplicates", gettext_lazy("Repeated in the file"), "warning"),
    ("refused", gettext_lazy("Refused"), "danger"),
)
# When the figures say what would become, or became, of the rows.
COUNTED = (ImportJob.State.PREVIEWED, ImportJob.State.DONE)
_OF_ROWS = {name: (word, colour) for name, word, colour in FIGURES}


@admin.register(ImportJob)
class ImportJobAdmin(ReadOnlyScoped):
    list_display = ("name", "state_badge", "rows", "owner", "created_at")
    list_select_related = ("owner",)
    list_filter_submit = True
    search_fields = ("name",)
    search_help_text = gettext_lazy("File name")
    first_steps = (IMPORT_RECIPIENTS,)
    nothing_yet = gettext_lazy("Each file of recipients that you upload stands here, with what became of its rows.")

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        return [("state", ChoicesDropdownFilter), *owner_filter(request, ImportJob)]

    @display(description=gettext_lazy("state"), ordering="state", label=COLOURS)
    def state_badge(self, job: ImportJob) -> tuple[str, str]:
        return job.state, job.get_state_display()

    @display(description=gettext_lazy("rows"))
    def rows(self, job: ImportJob) -> str | None:
        """How many the file has, and what became of them, in words: on a phone a number has no heading."""
        if job.state not in COUNTED:
            return None
        counted = ((getattr(job, name), str(word).lower()) for name, word, _colour in FIGURES)
        total = ngettext("%s row", "%s rows", job.total) % intcomma(job.total)
        return ", ".join([total, *(f"{intcomma(count)} {word}" for count, word in counted if count)])

    def get_urls(self) -> list[URLPattern]:
        own = object_urls(
            self,
            read=require_POST(self.read_view),
            choose=require_POST(self.choose_view),
            confirm=require_POST(self.confirm_view),
            cancel=require_POST(self.cancel_view),
            progress=self.progress_view,
            refused=self.refused_view,
        )
        return [*own, *super().get_urls()]

    @method_decorator(require_safe)
    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """The page of one import, whatever it waits for."""
        job = self.get_object(request, object_id)
        return self._page(request, job, ColumnsForm(job))

    def read_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The file is to be read in another encoding, or at another delimiter."""
        job = self._writable(request, object_id)
        if job.layout["kind"] != "csv":
            raise Http404
        form = LayoutForm(job, request.POST)
        if not form.is_valid():
            return self._page(request, job, ColumnsForm(job), form)
        return self._done(request, job, lambda _caller: work.read_as(job, **form.cleaned_data))

    def choose_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The columns are told; the rows are counted."""
        job = self._writable(request, object_id)
        form = ColumnsForm(job, request.POST)
        if not form.is_valid():
            return self._page(request, job, form)
        mapping, mode, into = form.mapping, form.cleaned_data["mode"], form.into
        return self._done(request, job, lambda caller: jobs.choose(job, mapping, mode, caller, into))

    def confirm_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """What the page has shown is to be written; what was checked anew in another tab since is not that."""
        job = self._writable(request, object_id)

        def confirm(caller: Caller) -> None:
            if request.POST.get("shown") != _shown(job):
                raise work.gone_on()
            jobs.confirm(job, person(request), caller)

        return self._done(request, job, confirm, _("Confirmed."))

    def cancel_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        job = self._own(request, object_id)
        return self._done(request, job, lambda _caller: work.cancel(job), _("Cancelled."))

    def progress_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        job = self.get_object(request, object_id)
        response = render(request, "campaigns/import_progress.html", _progress(job))
        if not job.under_way:
            response.headers["HX-Refresh"] = "true"
        return response

    def refused_view(self, request: HttpRequest, object_id: str) -> StreamingHttpResponse:
        """The refused rows as a CSV file, with their lines and reasons, read from the file once more."""
        job = self.get_object(request, object_id)
        if job.state not in COUNTED or not storage.is_kept(job):
            raise Http404
        return as_csv(request, refusals.table(job), f"refused-{job.pk}")

    def _own(self, request: HttpRequest, object_id: str) -> ImportJob:
        """The import, if the person may go on with it. Raises Http404."""
        job: ImportJob = self.get_object(request, object_id)
        if not access.can(request.user, "change", job):
            raise Http404
        return job

    def _writable(self, request: HttpRequest, object_id: str) -> ImportJob:
        """As _own(), for what ends in recipients being written. Raises PermissionDenied."""
        job = self._own(request, object_id)
        if not person(request).has_perms(("campaigns.add_recipient", "campaigns.change_recipient")):
            raise PermissionDenied
        return job

    def _done(
        self, request: HttpRequest, job: ImportJob, deed: Callable[[Caller], None], sentence: str = ""
    ) -> HttpResponse:
        try:
            deed(Caller(correlation.request_id.get(), person(request).email))
        except ImportRefused as error:
            messages.error(request, str(error))
        else:
            if sentence:
                record(request, job, sentence)
        return HttpResponseRedirect(reverse("admin:campaigns_importjob_change", args=[job.pk]))

    def _page(
        self, request: HttpRequest, job: ImportJob, form: ColumnsForm, layout_form: LayoutForm | None = None
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            **_progress(job),
            "title": job.name,
            "opts": self.opts,
            "original": job,
            "form": form,
            "layout_form": (layout_form or LayoutForm(job)) if job.layout["kind"] == "csv" else None,
            "shown": _shown(job),
            "lists": list(job.lists.order_by("name")),
            "media": self.media + form.media,
            "may": access.can(request.user, "change", job),
            "kept": storage.is_kept(job),
            "layout": _layout(job),
            "preview": [_as_shown(row) for row in job.preview],
        }
        return TemplateResponse(request, "campaigns/import_job.html", context)


def _shown(job: ImportJob) -> str:
    """Names the preview of the import: another check gives it another."""
    return job.work_began_at.isoformat() if job.work_began_at else ""


def _progress(job: ImportJob) -> dict[str, Any]:
    seconds = (timezone.now() - job.work_began_at).total_seconds() if job.work_began_at else 0
    figures = [(word, getattr(job, name), colour) for name, word, colour in FIGURES]
    return {
        "job": job,
        "colour": COLOURS[ImportJob.State(job.state)],
        "rate": int(job.rows_done / seconds) if seconds >= 1 else 0,
        "figures": [figure for figure in figures if figure[1]],
    }


def _layout(job: ImportJob) -> str:
    if job.layout["kind"] == "xlsx":
        return "XLSX"
    written_in, delimiter = job.layout["encoding"], job.layout["delimiter"]
    return f"{encoding.NAMES.get(written_in, written_in)}, {layouts.DELIMITERS.get(delimiter, delimiter)}"


def _as_shown(row: dict[str, Any]) -> dict[str, Any]:
    word, colour = _OF_ROWS[row["verdict"]]
    attributes = json.loads(row.get("attributes") or "{}")
    return {**row, "word": word, "colour": colour, "attributes": ", ".join(f"{k}: {v}" for k, v in attributes.items())}
