"""What is asked of a person who shares something: with whom, and what they may do."""

from typing import Any

from django import forms
from django.contrib.auth.models import Group
from django.db.models import Model
from django.http import HttpRequest
from django.utils.translation import gettext_lazy
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminSelect2MultipleWidget,
    UnfoldBooleanWidget,
)

from accounts.models import User
from campaigns import access
from campaigns.admin.base import person
from campaigns.models import Mailing, Message, Recipient, RecipientList, shares

VERB_TITLES = {"view": gettext_lazy("View"), "change": gettext_lazy("Change"), "send": gettext_lazy("Send")}
_USE = gettext_lazy("see it, and use it in mailings of their own")
MEANINGS: dict[type[Model], dict[str, Any]] = {
    Mailing: {
        "view": gettext_lazy("see it with its message, its progress, and who got it"),
        "change": gettext_lazy("view, and edit what it says, who gets it, and when"),
        "send": gettext_lazy("view, send, pause, cancel and retry"),
    },
    Message: {"view": _USE, "change": gettext_lazy("view, use and edit it")},
    Recipient: {"view": _USE, "change": gettext_lazy("view, use and edit it")},
    RecipientList: {"view": _USE, "change": gettext_lazy("view, use and rename it, and say who is in it")},
}


def full_name(grantee: shares.Grantee) -> str:
    """A name that is nobody else's."""
    if isinstance(grantee, User) and grantee.full_name:
        return f"{grantee.full_name} <{grantee.email}>"
    return str(grantee)


class Colleagues(forms.ModelMultipleChoiceField):
    def label_from_instance(self, obj: Any) -> str:
        return full_name(obj)


class GranteesForm(forms.Form):
    people = Colleagues(
        User.objects.none(),
        required=False,
        label=gettext_lazy("Colleagues"),
        widget=UnfoldAdminSelect2MultipleWidget,
    )
    groups = forms.ModelMultipleChoiceField(
        Group.objects.none(),
        required=False,
        label=gettext_lazy("Groups"),
        widget=UnfoldAdminSelect2MultipleWidget,
        help_text=gettext_lazy("Everybody in the group, also those who join it later."),
    )

    def __init__(self, request: HttpRequest, model: type[Model], data: Any = None, *, obj: Any = None) -> None:
        """Ask about `obj`, or about many objects of that model."""
        super().__init__(data)
        fields: Any = self.fields
        known = {person(request).pk, obj.owner_id} if obj else {person(request).pk}
        fields["people"].queryset = access.colleagues().exclude(pk__in=known)
        fields["groups"].queryset = access.teams()

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if not self.errors and not self.grantees():
            raise forms.ValidationError(gettext_lazy("Choose at least one colleague or group."))
        return cleaned

    def grantees(self) -> list[shares.Grantee]:
        return [*self.cleaned_data["people"], *self.cleaned_data["groups"]]

    def verbs(self) -> list[str]:
        return []


class ShareForm(GranteesForm):
    may = forms.MultipleChoiceField(
        label=gettext_lazy("What they may do"),
        initial=["view"],
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text=gettext_lazy("Whoever has a share already gets the one chosen here instead."),
    )

    def __init__(self, request: HttpRequest, model: type[Model], data: Any = None, *, obj: Any = None) -> None:
        super().__init__(request, model, data, obj=obj)
        fields: Any = self.fields
        fields["may"].choices = [(verb, VERB_TITLES[verb]) for verb in shares.SHARED_VERBS[model]]
        self.meanings = [(VERB_TITLES[verb], meaning) for verb, meaning in MEANINGS[model].items()]
        if isinstance(obj, Mailing) and access.can(request.user, "share", obj.message):
            fields["with_message"] = _with_message()

    def verbs(self) -> list[str]:
        chosen: list[str] = self.cleaned_data["may"]
        return chosen


def _with_message() -> forms.BooleanField:
    return forms.BooleanField(
        required=False,
        initial=True,
        widget=UnfoldBooleanWidget,
        label=gettext_lazy("Also share its message for viewing"),
        help_text=gettext_lazy("They find it in their list then, and may use it in mailings of their own."),
    )
