from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.db.models.functions import Lower
from django.http import HttpRequest
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy
from unfold.decorators import display

from accounts.models import User
from campaigns.admin.base import person
from campaigns.admin.bulk.actions import BulkActions
from campaigns.admin.imports.upload import ImportUpload
from campaigns.admin.lists import ADD_RECIPIENT, IMPORT_RECIPIENTS, owner_filter
from campaigns.admin.recipients import search
from campaigns.admin.recipients.attributes import MOST, AttributesField
from campaigns.admin.recipients.export import RecipientExport
from campaigns.admin.recipients.keyset import KeysetList, MembersFilter
from campaigns.admin.sharing.many import SharingOfMany
from campaigns.models import Recipient


class RecipientForm(forms.ModelForm):
    """Also asks for the constraint that Django leaves out, because the owner is no field of the form."""

    owner: User
    attributes = AttributesField()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields.get("attributes")
        if field and isinstance(self.instance.attributes, dict):
            field.kept = self.instance.attributes

    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"]
        same = Recipient.objects.alias(lower_email=Lower("email")).filter(owner=self.owner, lower_email=email.lower())
        if same.exclude(pk=self.instance.pk).exists():
            raise forms.ValidationError(gettext_lazy("There is a recipient with this e-mail already."))
        return email


@admin.register(Recipient)
class RecipientAdmin(BulkActions, SharingOfMany, RecipientExport, ImportUpload):
    actions: Any = (*BulkActions.actions, *SharingOfMany.sharing_actions)
    form = RecipientForm
    list_display = ("name_and_email", "comment_short", "attributes_short", "owner", "updated_at")
    list_filter_submit = True
    search_fields = ("email", "full_name")
    search_help_text = gettext_lazy("Part of a name or address")
    sortable_by = ("name_and_email",)
    first_steps = (IMPORT_RECIPIENTS, ADD_RECIPIENT)
    nothing_yet = gettext_lazy(
        "Recipients are who gets mail. Import them from a CSV or Excel file, or add them one by one."
    )
    fieldsets = (
        (None, {"fields": ("email", "full_name", "comment")}),
        (gettext_lazy("More"), {"fields": ("attributes",)}),
    )

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form: Any = super().get_form(request, obj, change, **kwargs)  # a class of this request's own
        form.owner = obj.owner if obj else person(request)
        return form

    def get_readonly_fields(self, request: HttpRequest, obj: Recipient | None = None) -> list[str]:
        fields = [*super().get_readonly_fields(request, obj)]
        # Django takes no form of more than 1,000 values.
        return [*fields, "attributes"] if obj and len(obj.attributes) > MOST else fields

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        return [("lists", MembersFilter), ("mailings", MembersFilter), *owner_filter(request, Recipient)]

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return KeysetList

    def find(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> tuple[QuerySet[Any], bool]:
        return queryset.filter(search.matching(search_term)), False

    @display(description=gettext_lazy("recipient"), header=True, ordering=Lower("email"))
    def name_and_email(self, recipient: Recipient) -> tuple[str, str]:
        return recipient.full_name or recipient.email, recipient.email if recipient.full_name else ""

    @display(description=gettext_lazy("comment"))
    def comment_short(self, recipient: Recipient) -> str:
        return Truncator(recipient.comment).chars(60)

    @display(description=gettext_lazy("attributes"))
    def attributes_short(self, recipient: Recipient) -> str:
        first = ", ".join(f"{key}: {value}" for key, value in list(recipient.attributes.items())[:3])
        return Truncator(first).chars(80)
