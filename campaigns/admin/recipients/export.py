"""The door to a file of recipients: django-import-export's address, button and form, and a file that is streamed."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ERROR_FLAG
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy
from import_export.admin import ImportExportModelAdmin
from unfold.contrib.import_export.forms import ExportForm
from unfold.widgets import UnfoldAdminRadioSelectWidget

from campaigns.admin.downloads import streamed
from campaigns.imports.formats import CSV, XLSX
from campaigns.imports.recipients import RecipientResource
from campaigns.models import Recipient

_KINDS = {
    CSV: gettext_lazy("CSV: any number of rows, for other programs and for a later import"),
    XLSX: gettext_lazy("XLSX: for Excel and other spreadsheets, at most 1,048,575 rows"),
}


class RecipientExportForm(ExportForm):
    """Asks for the kind of file, and says what each is good for."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["format"] = forms.ChoiceField(
            label=gettext_lazy("Format"),
            choices=[(str(number), _KINDS[kind]) for number, kind in enumerate(RecipientExport.formats)],
            initial="0",
            widget=UnfoldAdminRadioSelectWidget,
        )


class RecipientExport(ImportExportModelAdmin):
    """Gives the ModelAdmin of recipients its export: of the rows that the list shows, on all of its pages."""

    resource_classes = [RecipientResource]
    export_form_class = RecipientExportForm
    export_template_name = "campaigns/export.html"
    formats = [CSV, XLSX]

    def has_export_permission(self, request: HttpRequest) -> bool:
        return bool(self.has_view_permission(request))

    def export_action(self, request: HttpRequest) -> HttpResponse:
        try:
            response: HttpResponse = super().export_action(request)
        except (IncorrectLookupParameters, ValueError):  # a ValueError: a year that no calendar has
            return HttpResponseRedirect(reverse("admin:campaigns_recipient_changelist", query={ERROR_FLAG: 1}))
        return response

    def init_request_context_data(self, request: HttpRequest, form: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().init_request_context_data(request, form)
        changelist: Any = self.get_changelist_instance(request)
        return context | {
            "page_name": context["title"],
            "counted": changelist.paginator.counted,
            "narrowed": changelist.query or changelist.has_active_filters,
            "list_url": reverse("admin:campaigns_recipient_changelist") + changelist.get_query_string(),
            "columns": RecipientResource.Meta.fields,
        }

    def get_valid_export_item_pks(self, request: HttpRequest) -> list[int]:
        return []  # what is exported is what the list shows: no page of ours posts single items

    def get_export_queryset(self, request: HttpRequest) -> list[QuerySet[Recipient]]:
        """What the list shows, in its parts: all of it in one query takes the database three times as long."""
        changelist: Any = self.get_changelist_instance(request)
        parts: list[QuerySet[Recipient]] = changelist.parts(request)
        return parts

    def _do_file_export(
        self, file_format: Any, request: HttpRequest, queryset: list[QuerySet[Recipient]], export_form: Any = None
    ) -> StreamingHttpResponse:
        """In place of the library's, which makes the file in memory. What ExportRefused says, it shows."""
        name = self.get_export_filename(request, queryset, file_format)
        return streamed(request, file_format.pieces(queryset), name, file_format.get_content_type())
