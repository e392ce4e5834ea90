from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AutocompleteSelectMultiple
from django.db.models import BigIntegerField, QuerySet
from django.db.models.expressions import RawSQL
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy, ngettext
from unfold.decorators import display

from accounts.models import User
from campaigns import access
from campaigns.admin.base import person
from campaigns.admin.lists import IMPORT_RECIPIENTS, Step, owner_filter
from campaigns.admin.recipients.list_deletion import ListDeletion
from campaigns.admin.sharing.page import Sharing
from campaigns.models import Recipient, RecipientList
from campaigns.reports.counts import MOST, Count

# Of a list of a million, no more are counted than a page of lists has time for.
_MEMBERS = f"""(SELECT count(*) FROM (
    SELECT FROM campaigns_membership m WHERE m.list_id = campaigns_recipientlist.id LIMIT {MOST + 1}) member)"""  # noqa: S608 - a constant

NEW_LIST = Step(
    gettext_lazy("New list"), "playlist_add", "admin:campaigns_recipientlist_add", "campaigns.add_recipientlist"
)


class RecipientListForm(forms.ModelForm):
    """Members are added to, never listed. Also asks for the constraint that the owner is a part of."""

    owner: User

    add_recipients = forms.ModelMultipleChoiceField(
        Recipient.objects.none(),
        required=False,
        label=gettext_lazy("Add recipients"),
        help_text=gettext_lazy("Search by name or e-mail. To add many, select them on the page of the recipients."),
    )

    class Meta:
        model = RecipientList
        fields = ("name",)

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if self.owner.recipient_lists.of_name(name).exclude(pk=self.instance.pk).exists():
            raise forms.ValidationError(gettext_lazy("There is a list with this name already."))
        return name


@admin.register(RecipientList)
class RecipientListAdmin(ListDeletion, Sharing):
    actions: Any = ("delete_selected",)
    form = RecipientListForm
    list_display = ("name", "member_count", "owner", "updated_at")
    list_filter_submit = True
    search_fields = ("name",)
    search_help_text = gettext_lazy("Name")
    first_steps = (NEW_LIST, IMPORT_RECIPIENTS)
    nothing_yet = gettext_lazy(
        "A list holds recipients under a name, so that mailings can be sent to them without choosing each."
    )
    readonly_fields = ("member_count",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[RecipientList]:
        counted = RawSQL(_MEMBERS, (), output_field=BigIntegerField())  # noqa: S611 - a constant
        found: QuerySet[RecipientList] = super().get_queryset(request).select_related("owner")
        return found.annotate(counted=counted)

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        return owner_filter(request, RecipientList)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        may_edit = self.has_change_permission(request, obj) if obj else self.has_add_permission(request)
        return ("name", *(("member_count",) if obj else ()), *(("add_recipients",) if may_edit else ()))

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form: Any = super().get_form(request, obj, change, **kwargs)  # a class of this request's own
        form.owner = obj.owner if obj else person(request)
        if field := form.base_fields.get("add_recipients"):
            field.queryset = access.usable(request.user, Recipient.objects.all())
            field.widget = AutocompleteSelectMultiple(RecipientList.members.field, self.admin_site)
            field.widget.choices = field.choices
        return form

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        form.instance.add_members(form.cleaned_data["add_recipients"])

    @display(description=gettext_lazy("members"))
    def member_count(self, one: Any) -> str:
        """Who they are, the list of the recipients shows page by page, to those who may see them."""
        count = Count(min(one.counted, MOST), one.counted > MOST)
        url = reverse("admin:campaigns_recipient_changelist", query={"lists__id__exact": one.pk})
        sentence = ngettext("%s recipient", "%s recipients", count.number) % count
        return format_html('<a class="autosend-link" href="{}">{}</a>', url, sentence)
