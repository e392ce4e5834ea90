"""What a person is asked on the way of a file: the file itself, what its columns are, and what may be written."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldAdminRadioSelectWidget, UnfoldAdminSelectWidget

from campaigns.imports import columns
from campaigns.imports.columns import Target
from campaigns.imports.errors import UnusableFile
from campaigns.models import ImportJob
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


class ColumnsForm(forms.Form):
    """A choice for each column, and one of the mode."""

    mode = forms.ChoiceField(
        label=gettext_lazy("What may be written"), choices=Mode.choices, widget=UnfoldAdminRadioSelectWidget
    )

    def __init__(self, job: ImportJob, data: Any = None) -> None:
        super().__init__(data, initial={"mode": job.mode})
        self.job = job
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

    def clean(self) -> dict[str, Any]:
        found: dict[str, Any] = super().clean() or {}
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
