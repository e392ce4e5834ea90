"""The door for a file of recipients: django-import-export's address and button, and a page of our own behind them."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, reverse
from django.utils.translation import gettext as _
from import_export.admin import ImportExportModelAdmin

from backoffice import correlation
from campaigns.admin.base import person
from campaigns.admin.imports.forms import UploadForm
from campaigns.imports import work
from campaigns.imports.errors import UnusableFile
from campaigns.models import ImportJob


class ImportUpload(ImportExportModelAdmin):
    """Gives the ModelAdmin of recipients its import. The library's own page wants the whole file in memory."""

    def has_import_permission(self, request: HttpRequest) -> bool:
        may_write = self.has_add_permission(request) and self.has_change_permission(request)
        return bool(may_write and request.user.has_perm("campaigns.change_importjob"))

    def get_urls(self) -> list[URLPattern]:
        found: list[URLPattern] = super().get_urls()
        return [url for url in found if not str(url.name).endswith("_process_import")]

    def import_action(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Take a file in; the page of the import goes on with it."""
        if not self.has_import_permission(request):
            raise PermissionDenied
        form = UploadForm(request.POST, request.FILES) if request.method == "POST" else UploadForm()
        if job := self._received(request, form):
            messages.info(request, _("The file is there. Nothing is stored yet: look at its columns."))
            return HttpResponseRedirect(reverse("admin:campaigns_importjob_change", args=[job.pk]))
        context = {
            **self.admin_site.each_context(request),
            "title": _("Import recipients"),
            "page_name": _("Import recipients"),
            "opts": self.opts,
            "form": form,
            "media": self.media + form.media,
        }
        return TemplateResponse(request, "campaigns/import_upload.html", context)

    def _received(self, request: HttpRequest, form: UploadForm) -> ImportJob | None:
        if getattr(request, "upload_too_large", False):
            form.errors["import_file"] = form.error_class([str(work.too_large())])
        if not form.is_valid():
            return None
        file = form.cleaned_data["import_file"]
        try:
            return work.receive(person(request), file.name, file.file, correlation.request_id.get())
        except UnusableFile as error:
            form.add_error("import_file", str(error))
        return None
