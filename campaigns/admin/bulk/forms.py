"""What a person is asked before many recipients are changed at once."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AutocompleteSelect
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminTextInputWidget

from campaigns import access
from campaigns.admin.base import person
from campaigns.models import BulkJob, Mailing, RecipientList


class NoChoice(forms.Form):
    """To confirm is all."""

    def __init__(self, _request: HttpRequest, data: Any = None) -> None:
        super().__init__(data)

    def target(self) -> dict[str, Any]:
        """What the job knows of its target."""
        return {}


def _search(field: str) -> AutocompleteSelect:
    """Looks for what a bulk change may be made to, of which there may be thousands."""
    return AutocompleteSelect(BulkJob._meta.get_field(field), admin.site)


class MailingChoice(forms.Form):
    mailing = forms.ModelChoiceField(Mailing.objects.none(), label=gettext_lazy("Mailing"), widget=_search("mailing"))

    def __init__(self, request: HttpRequest, data: Any = None) -> None:
        super().__init__(data)
        field: Any = self.fields["mailing"]
        field.queryset = access.changeable(request.user, Mailing.objects.all())

    def target(self) -> dict[str, Any]:
        mailing = self.cleaned_data["mailing"]
        return {"mailing": mailing, "target_name": mailing.name}


class ListChoice(forms.Form):
    recipient_list = forms.ModelChoiceField(
        RecipientList.objects.none(), label=gettext_lazy("List"), widget=_search("recipient_list")
    )

    def __init__(self, request: HttpRequest, data: Any = None) -> None:
        super().__init__(data)
        self._person = person(request)
        field: Any = self.fields["recipient_list"]
        field.queryset = access.changeable(request.user, RecipientList.objects.all())

    def target(self) -> dict[str, Any]:
        chosen = self.cleaned_data["recipient_list"]
        return {"recipient_list": chosen, "target_name": chosen.name}


class OldOrNewListChoice(ListChoice):
    """A list that is there, or the name of a new one, which is then made."""

    new_list = forms.CharField(
        label=gettext_lazy("Or a new list"),
        max_length=200,
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text=gettext_lazy("Its name. It is made for you."),
    )

    def __init__(self, request: HttpRequest, data: Any = None) -> None:
        super().__init__(request, data)
        self.fields["recipient_list"].required = False
        if not request.user.has_perm("campaigns.add_recipientlist"):
            del self.fields["new_list"]

    def clean_new_list(self) -> str:
        name: str = self.cleaned_data["new_list"]
        if name and self._person.recipient_lists.of_name(name).exists():
            raise forms.ValidationError(_("There is a list with this name already."))
        return name

    def clean(self) -> dict[str, Any]:
        given = [name for name in ("recipient_list", "new_list") if self.cleaned_data.get(name)]
        if len(given) != 1 and not self.errors:
            self.add_error("recipient_list", _("Choose a list, or name a new one."))
        return self.cleaned_data

    def target(self) -> dict[str, Any]:
        if name := self.cleaned_data.get("new_list"):
            return {"recipient_list": self._made(name), "target_name": name}
        return super().target()

    def _made(self, name: str) -> RecipientList:
        try:
            with transaction.atomic():
                return RecipientList.objects.create(owner=self._person, name=name)
        except IntegrityError:  # somebody was faster since clean_new_list() looked
            found: RecipientList = self._person.recipient_lists.of_name(name).get()
            return found
