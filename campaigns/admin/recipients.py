from pathlib import Path
from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ERROR_FLAG
from django.db.models import QuerySet
from django.db.models.functions import Lower
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from import_export.admin import ImportExportModelAdmin
from unfold.contrib.filters.admin import RelatedDropdownFilter
from unfold.contrib.import_export.forms import ExportForm, ImportForm
from unfold.decorators import display

from accounts.models import User
from campaigns import access
from campaigns.admin.audience import AudienceActions
from campaigns.admin.base import ScopedFilter, person
from campaigns.admin.sharing_many import SharingOfMany
from campaigns.imports import recipients as files
from campaigns.imports.formats import CSV, Workbook
from campaigns.models import Recipient

UPLOADED = "recipients_import_file"


class RecipientImportForm(ImportForm):
    """Says what the file has to look like."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["import_file"].help_text = gettext_lazy(
            "The first line names the columns, one of them “email”; in a CSV file, commas separate them. Columns other "
            "than full_name and comment become attributes, for use in messages. A preview follows."
        )


class RecipientForm(forms.ModelForm):
    """Also asks for the constraint that Django leaves out, because the owner is no field of the form."""

    owner: User

    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"]
        same = Recipient.objects.alias(lower_email=Lower("email")).filter(owner=self.owner, lower_email=email.lower())
        if same.exclude(pk=self.instance.pk).exists():
            raise forms.ValidationError(gettext_lazy("There is a recipient with this e-mail already."))
        return email


@admin.register(Recipient)
class RecipientAdmin(AudienceActions, SharingOfMany, ImportExportModelAdmin):
    actions: Any = (*AudienceActions.actions, *SharingOfMany.sharing_actions)
    resource_classes = [files.RecipientResource]
    form = RecipientForm
    import_form_class = RecipientImportForm
    export_form_class = ExportForm
    formats = [CSV, Workbook]
    list_display = ("name_and_email", "comment", "attributes_short", "owner", "updated_at")
    list_filter_submit = True
    search_fields = ("email", "full_name")
    fieldsets = (
        (None, {"fields": ("email", "full_name", "comment")}),
        (gettext_lazy("More"), {"fields": ("attributes",)}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Recipient]:
        return super().get_queryset(request).select_related("owner")

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form: Any = super().get_form(request, obj, change, **kwargs)  # a class of this request's own
        form.owner = obj.owner if obj else person(request)
        return form

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        owner = [("owner", RelatedDropdownFilter)] if access.sees_all(request.user, Recipient) else []
        return [("mailings", ScopedFilter), *owner]

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

    def export_action(self, request: HttpRequest) -> HttpResponse:
        try:
            response: HttpResponse = super().export_action(request)
        except IncorrectLookupParameters:
            return HttpResponseRedirect(reverse("admin:campaigns_recipient_changelist", query={ERROR_FLAG: 1}))
        return response

    def get_valid_export_item_pks(self, request: HttpRequest) -> list[int]:
        return []  # what is exported is what the list shows: no page of ours posts single items

    def add_data_read_fail_error_to_form(self, form: Any, e: Exception) -> None:
        form.add_error("import_file", files.unreadable(e))

    def import_action(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """The preview. An upload that it finds wrong is not kept."""
        response: Any = super().import_action(request, **kwargs)
        if "confirm_form" not in response.context_data:
            upload = getattr(response.context_data["form"], "cleaned_data", {}).get("import_file")
            _remove(getattr(upload, "tmp_storage_name", None))
        return cast(HttpResponse, response)

    def create_confirm_form(self, request: HttpRequest, import_form: Any = None) -> Any:
        form = super().create_confirm_form(request, import_form)
        if import_form:
            _remove(request.session.get(UPLOADED))
            request.session[UPLOADED] = form.initial["import_file_name"]
        return form

    def process_import(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        """Import what this person has uploaded and looked at; the name of another file is refused."""
        if request.method == "POST" and request.POST.get("import_file_name") != request.session.pop(UPLOADED, ""):
            return _again(request)
        try:
            response: HttpResponse = super().process_import(request, **kwargs)
        except FileNotFoundError:
            return _again(request)
        return response

    def process_result(self, result: Any, request: HttpRequest) -> HttpResponse:
        if wrong := files.problems(result):
            messages.error(request, " ".join(wrong[:10]))
            return HttpResponseRedirect(reverse("admin:campaigns_recipient_import"))
        response: HttpResponse = super().process_result(result, request)
        return response


def _again(request: HttpRequest) -> HttpResponse:
    messages.error(request, _("This file was imported already, or is no longer there: upload the file again."))
    return HttpResponseRedirect(reverse("admin:campaigns_recipient_import"))


def _remove(upload: str | None) -> None:
    if upload:
        Path(upload).unlink(missing_ok=True)
