from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy
from import_export.admin import ImportExportModelAdmin
from import_export.formats.base_formats import CSV, XLSX
from unfold.contrib.filters.admin import AutocompleteSelectFilter, RelatedDropdownFilter
from unfold.contrib.import_export.forms import ExportForm, ImportForm
from unfold.decorators import display

from campaigns import access
from campaigns.admin.audience import AudienceActions
from campaigns.imports.recipients import RecipientResource
from campaigns.models import Recipient

UPLOADED = "recipients_import_file"


@admin.register(Recipient)
class RecipientAdmin(AudienceActions, ImportExportModelAdmin):
    resource_classes = [RecipientResource]
    import_form_class = ImportForm
    export_form_class = ExportForm
    formats = [CSV, XLSX]
    list_display = ("name_and_email", "comment", "attributes_short", "owner", "updated_at")
    list_filter_submit = True
    search_fields = ("email", "full_name")
    fieldsets = (
        (None, {"fields": ("email", "full_name", "comment")}),
        (gettext_lazy("More"), {"fields": ("attributes",)}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Recipient]:
        return super().get_queryset(request).select_related("owner")

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        owner = [("owner", RelatedDropdownFilter)] if access.sees_all(request.user, Recipient) else []
        return [("mailings", AutocompleteSelectFilter), *owner]

    @display(description=gettext_lazy("recipient"), header=True, ordering="email")
    def name_and_email(self, recipient: Recipient) -> tuple[str, str]:
        return recipient.full_name or recipient.email, recipient.email if recipient.full_name else ""

    @display(description=gettext_lazy("attributes"))
    def attributes_short(self, recipient: Recipient) -> str:
        return ", ".join(f"{key}: {value}" for key, value in list(recipient.attributes.items())[:3])

    # --- Import and export --------------------------------------------------------------------------------

    def has_import_permission(self, request: HttpRequest) -> bool:
        return self.has_add_permission(request) and self.has_change_permission(request)

    def has_export_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def get_import_resource_kwargs(self, request: HttpRequest, **kwargs: Any) -> dict[str, Any]:
        return {"owner": request.user}

    def create_confirm_form(self, request: HttpRequest, import_form: Any = None) -> Any:
        form = super().create_confirm_form(request, import_form)
        if import_form:
            request.session[UPLOADED] = form.initial["import_file_name"]
        return form

    def process_import(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Import what this person has uploaded; the name of somebody else's file is refused."""
        if request.POST.get("import_file_name") != request.session.pop(UPLOADED, None):
            raise PermissionDenied
        response: HttpResponse = super().process_import(request, **kwargs)
        return response
