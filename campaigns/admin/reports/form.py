"""What a report is asked for: days, and whose mailings in which state."""

from datetime import date
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from accounts.models import User
from campaigns.models import Mailing
from campaigns.reports import period
from campaigns.reports.period import Period

ALWAYS, CHOSEN = "all", "chosen"
PERIODS = (
    ("1", gettext_lazy("Today")),
    ("7", gettext_lazy("Last 7 days")),
    ("30", gettext_lazy("Last 30 days")),
    ("90", gettext_lazy("Last 90 days")),
    ("365", gettext_lazy("Last 365 days")),
    (ALWAYS, gettext_lazy("Always")),
    (CHOSEN, gettext_lazy("From … to …")),
)
USUAL = "30"
EARLIEST = date(2000, 1, 1)


class DayInput(UnfoldAdminTextInputWidget):
    input_type = "date"

    def format_value(self, value: Any) -> Any:
        return value.isoformat() if isinstance(value, date) else value


class ReportForm(forms.Form):
    """Read from the address. What can not be read is told, and the usual stands in its place."""

    period = forms.ChoiceField(
        label=gettext_lazy("Period"), choices=PERIODS, required=False, widget=UnfoldAdminSelectWidget
    )
    first = forms.DateField(label=gettext_lazy("From"), required=False, widget=DayInput, input_formats=["%Y-%m-%d"])
    last = forms.DateField(label=gettext_lazy("To"), required=False, widget=DayInput, input_formats=["%Y-%m-%d"])
    status = forms.ChoiceField(
        label=gettext_lazy("Status"),
        choices=(("", gettext_lazy("All")), *Mailing.Status.choices),
        required=False,
        widget=UnfoldAdminSelectWidget,
    )
    owner = forms.ModelChoiceField(
        User.objects.filter(pk__in=Mailing.objects.order_by().values("owner")),
        label=gettext_lazy("Owner"),
        required=False,
        empty_label=gettext_lazy("All"),
        widget=UnfoldAdminSelectWidget,
    )

    def __init__(self, asked: QueryDict, usual: str, without: tuple[str, ...]) -> None:
        data = asked.copy()
        data.setdefault("period", usual)
        super().__init__(data)
        for name in without:
            self.fields.pop(name, None)
        self._usual = usual
        self.full_clean()

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("period") != CHOSEN:
            return cleaned
        first, last = cleaned.get("first"), cleaned.get("last")
        if not first or not last:
            raise forms.ValidationError(_("Enter both days, the first and the last."))
        if last < first:
            raise forms.ValidationError(_("The last day is before the first."))
        if first < EARLIEST or last > timezone.localdate():
            raise forms.ValidationError(_("A report is about days since the year 2000 and up to today."))
        return cleaned

    @property
    def chosen(self) -> Period:
        """The days asked for, or the usual ones."""
        name = self.cleaned_data.get("period") or self._usual
        if name == CHOSEN and not self.errors:
            return Period(self.cleaned_data["first"], self.cleaned_data["last"])
        if name == ALWAYS:
            return period.always()
        return period.last_days(int(name if name.isdecimal() else USUAL))

    @property
    def query(self) -> dict[str, str]:
        """What of the address was understood, for the links of the page."""
        names = [name for name in self.fields if name in self.cleaned_data and self.data.get(name)]
        return {name: str(self.data[name]) for name in names}
