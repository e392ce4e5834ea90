"""What a person is asked on the way of a file: the file itself, what its columns are, and what may be written."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AutocompleteSelectMultiple
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import (
    UnfoldAdminFileFieldWidget,
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from accounts.models import User
from campaigns import access
from campaigns.imports import columns, encoding, layouts
from campaigns.imports.columns import Target
from campaigns.imports.errors import UnusableFile
from campaigns.imports.lists import Into
from campaigns.models import ImportJob, RecipientList
from campaigns.models.import_job import Mode


class UploadForm(forms.Form):
    import_file = forms.FileField(
        label=gettext_lazy("File"),
        allow_empty_file=True,  # a sentence of our own says so
        widget=UnfoldAdminFileFieldWidget(attrs={"accept": ".csv,.txt,.tsv,.xlsx"}),
        help_text=gettext_lazy(
            "CSV or XLSX. The first line names the columns, one of them the e-mail addresses. "
            "Encoding and delimiter are found out. A preview follows, and nothing is stored before you confirm it."
        ),
    )


class LayoutForm(forms.Form):
    """How the text of a file is to be read, where that was found out wrongly."""

    encoding = forms.ChoiceField(label=gettext_lazy("Encoding"), widget=UnfoldAdminSelectWidget)
    delimiter = forms.ChoiceField(
        label=gettext_lazy("Delimiter"), choices=layouts.DELIMITERS.items(), widget=UnfoldAdminSelectWidget
    )

    def __init__(self, job: ImportJob, data: Any = None) -> None:
        found = {name: job.layout[name] for name in ("encoding", "delimiter")}
        super().__init__(data, initial=found)
        fields: Any = self.fields
        # What an exporter's first line names may be none of ours.
        for name, known in (("encoding", encoding.NAMES), ("delimiter", layouts.DELIMITERS)):
            fields[name].choices = ({found[name]: found[name]} | known).items()


class ListsField(forms.ModelMultipleChoiceField):
    def __init__(self, owner: User) -> None:
        lists = access.changeable(owner, RecipientList.objects.select_related("owner"))
        super().__init__(
            lists,
            required=False,
            label=_("Put them into lists"),
            widget=AutocompleteSelectMultiple(ImportJob._meta.get_field("lists"), admin.site),
            help_text=_("Your own, and those that were shared with you to change."),
        )
        self._owner = owner

    def label_from_instance(self, obj: Any) -> str:
        return str(obj) if obj.owner_id == self._owner.pk else f"{obj} ({obj.owner})"


class ColumnsForm(forms.Form):
    """A choice for each column, the mode, and the lists that the recipients come into."""

    mode = forms.ChoiceField(
        label=gettext_lazy("What may be written"), choices=Mode.choices, widget=UnfoldAdminRadioSelectWidget
    )
    new_list = forms.CharField(
        label=gettext_lazy("Or into a new list"),
        required=False,
        max_length=200,
        widget=UnfoldAdminTextInputWidget,
        help_text=gettext_lazy("Its name. It is made when you confirm the import."),
    )
    takes_out = forms.BooleanField(
        label=gettext_lazy("Take out of these lists whoever is not in the file"),
        required=False,
        widget=UnfoldBooleanWidget,
        help_text=gettext_lazy("They stay recipients. You see how many they are before you confirm."),
    )

    def __init__(self, job: ImportJob, data: Any = None) -> None:
        wanted = {name: getattr(job, name) for name in ("mode", "new_list", "takes_out")}
        super().__init__(data, initial={**wanted, "lists": job.lists.all()})
        self.job = job
        self.fields["lists"] = ListsField(job.owner)
        self.order_fields(["mode", "lists", "new_list", "takes_out"])
        if not job.owner.has_perm("campaigns.add_recipientlist"):
            del self.fields["new_list"]
        self.described = columns.described(job.headers, job.samples, job.mapping)
        for number, column in enumerate(self.described):
            self.fields[f"column-{number}"] = forms.ChoiceField(
                label=_("What “%s” is") % column["header"],
                choices=_choices(column),
                initial=column["target"],
                widget=UnfoldAdminSelectWidget(attrs={"aria-label": _("What “%s” is") % column["header"]}),
            )

    @cached_property
    def rows(self) -> list[dict[str, Any]]:
        """Each column as the page shows it, with its field."""
        return [{**column, "field": self[f"column-{number}"]} for number, column in enumerate(self.described)]

    @property
    def mapping(self) -> list[str]:
        return [self.cleaned_data[f"column-{number}"] for number in range(len(self.described))]

    @property
    def about_lists(self) -> list[forms.BoundField]:
        return [self[name] for name in ("lists", "new_list", "takes_out") if name in self.fields]

    @property
    def into(self) -> Into:
        found = self.cleaned_data
        return Into(list(found["lists"]), found.get("new_list", ""), found["takes_out"])

    def clean_new_list(self) -> str:
        name: str = self.cleaned_data["new_list"]
        if name and self.job.owner.recipient_lists.of_name(name).exists():
            raise forms.ValidationError(_("You have a list of this name already: choose it above."))
        return name

    def clean(self) -> dict[str, Any]:
        found: dict[str, Any] = super().clean() or {}
        if found.get("takes_out") and not found.get("lists"):
            self.add_error("takes_out", _("Choose the lists out of which they are to be taken."))
        if not self.errors:
            try:
                columns.check(self.mapping, self.job.headers)
            except UnusableFile as error:
                raise forms.ValidationError(str(error)) from error
        return found


def _choices(column: dict[str, Any]) -> list[tuple[str, Any]]:
    name = column["attribute"]
    named = {Target.ATTRIBUTE: _("Attribute “%s”") % name} if name else {}
    return [(target.value, named.get(target, target.label)) for target in Target if name or target != Target.ATTRIBUTE]
