"""Addresses that get no mail: entered one by one, or many at once, and taken out again."""

import csv
import io
import re
from collections.abc import Callable, Iterator
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.models import ADDITION, LogEntry
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display
from unfold.widgets import (
    UnfoldAdminFileFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from campaigns import access
from campaigns.admin.base import Scoped, SturdyList, person
from campaigns.admin.lists import Step, owner_filter
from campaigns.imports import addresses, encoding
from campaigns.imports.columns import NAMES, Target
from campaigns.imports.errors import UnusableFile, UnusableRow, in_line
from campaigns.models import Suppression
from campaigns.models.suppression import Reason

SUPPRESS = Step(
    gettext_lazy("Suppress addresses"), "block", "admin:campaigns_suppression_add", "campaigns.add_suppression"
)
# So many of what was refused, or is deleted, are told.
MOST_TOLD = 10
# Some 200,000 addresses, which are read while the person waits.
MOST_MEGABYTES = 5
DELIMITERS = ",;\t"
HEADINGS = (*NAMES[Target.EMAIL], "address")


class SuppressForm(forms.Form):
    # Whether a file came that was so large that nothing of it was kept.
    dropped = False

    addresses = forms.CharField(
        required=False,
        strip=False,
        label=gettext_lazy("Addresses"),
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 6, "spellcheck": "false", "autocapitalize": "off"}),
        help_text=gettext_lazy(
            "One a line, or several with commas between them. Of a table whose first line names the column of the "
            "addresses, that column is taken."
        ),
    )
    file = forms.FileField(
        required=False,
        label=gettext_lazy("Or a file"),
        widget=UnfoldAdminFileFieldWidget(attrs={"accept": ".csv,.txt,.tsv"}),
        help_text=gettext_lazy("CSV: the column that the first line names, or else the first address of each line."),
    )
    reason = forms.ChoiceField(label=gettext_lazy("Reason"), choices=Reason.choices, widget=UnfoldAdminSelectWidget)
    source = forms.CharField(
        required=False,
        max_length=200,
        label=gettext_lazy("Source"),
        widget=UnfoldAdminTextInputWidget,
        help_text=gettext_lazy("How it became known: a call, a reply, a letter."),
    )

    def clean_file(self) -> str:
        file = self.cleaned_data["file"]
        if self.dropped or (file and file.size > MOST_MEGABYTES * 1_000_000):
            raise forms.ValidationError(_("The file is larger than %s MB: divide it.") % MOST_MEGABYTES)
        if file is None:
            return ""
        try:
            name = encoding.detect(file)
        except UnusableFile as error:
            raise forms.ValidationError(_("This is not a text file: save it as CSV.")) from error
        file.seek(0)
        text: str = io.TextIOWrapper(file, name, errors="replace").read()
        return text

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if not self.errors:
            pasted, wrong_in_text = _read(cleaned["addresses"], in_line, _all_addresses)
            uploaded, wrong_in_file = _read(cleaned["file"], _in_line_of_file, _first_address)
            if refused := [*wrong_in_text, *wrong_in_file]:
                raise forms.ValidationError(refused[:MOST_TOLD])
            cleaned["found"] = list((pasted | uploaded).values())
            if not cleaned["found"]:
                raise forms.ValidationError(_("Enter at least one address, or choose a file with some."))
        return cleaned


def _read(
    text: str, told: Callable[[int, str], str], of_cells: Callable[[list[str]], list[str]]
) -> tuple[dict[str, str], list[str]]:
    """The addresses of the lines, each once, by its lower case, and what is `told` of lines that have none."""
    found: dict[str, str] = {}
    refused = []
    for number, cells in _rows(text.replace("\x00", "")):
        if cells is None:
            refused.append(told(number, _("from here on the quotation marks do not fit.")))
            continue
        try:
            found |= {address.lower(): address for address in of_cells(cells)}
        except UnusableRow as error:
            refused.append(told(number, str(error)))
    return found, refused


def _rows(text: str) -> Iterator[tuple[int, list[str] | None]]:
    """What may be addresses in each line; None for a row that ends nobody knows where."""
    lines = _filled_lines(text)
    if lines and (column := _named_column(lines[0][1])):
        rows = enumerate(_column_of_table(text, *column))
        yield from (row for position, row in rows if position or row[1] is None)
    else:
        yield from ((number, re.split(f"[{DELIMITERS}]", line)) for number, line in lines)


def _column_of_table(text: str, delimiter: str, number: int) -> Iterator[tuple[int, list[str] | None]]:
    """The cell of that column, or none, of each row with something in it, by its line: a cell may have several."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True, strict=True)
    line = 1
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                yield line, row[number : number + 1]
            line = reader.line_num + 1
    except csv.Error:
        yield line, None


def _filled_lines(text: str) -> list[tuple[int, str]]:
    numbered = enumerate(text.splitlines(), start=1)
    return [(number, line) for number, line in numbered if line.strip(f" \"'{DELIMITERS}")]


def _in_line_of_file(line: int, sentence: str) -> str:
    return _("File, line %(line)s: %(what)s") % {"line": line, "what": sentence}


def _named_column(line: str) -> tuple[str, int] | None:
    """The delimiter, and which column holds the addresses, if the line is the heading of a table."""
    delimiter = max(DELIMITERS, key=line.count)
    names = [cell.strip().lower() for cell in _split(line, delimiter)]
    # An address may stand beside such a word, and is no heading then.
    known = [] if "@" in line else [name for name in HEADINGS if name in names]
    return (delimiter, names.index(known[0])) if known else None


def _split(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter, skipinitialspace=True))
    except csv.Error:  # longer than any cell may be, and no address
        return [line]


def _all_addresses(cells: list[str]) -> list[str]:
    """Those that a person has typed into a line. Raises UnusableRow when there is none, or one is wrong."""
    return [_address(cell) for cell in _likely(cells)]


def _first_address(cells: list[str]) -> list[str]:
    """The first cell that is one: the others may be of other people. Raises UnusableRow."""
    refused = []
    for cell in _likely(cells):
        try:
            return [_address(cell)]
        except UnusableRow as error:
            refused.append(error)
    raise refused[0]


def _likely(cells: list[str]) -> list[str]:
    return [cell for cell in cells if "@" in cell] or [""]


def _address(cell: str) -> str:
    return addresses.read(cell.strip().strip("\"'"))[0]


@admin.register(Suppression)
class SuppressionAdmin(Scoped, SturdyList):
    """Entered and taken out, never edited; who sees everybody's may take out any."""

    list_display = ("email", "reason_badge", "source", "owner", "created_at")
    list_display_links = ("email",)
    list_fullwidth = True
    list_select_related = ("owner",)
    list_filter_submit = True
    search_fields = ("email",)
    search_help_text = gettext_lazy("Address")
    fields = ("email", "reason", "source", ("owner", "created_at"))
    first_steps = (SUPPRESS,)
    nothing_yet = gettext_lazy("An address that stands here gets no mail of any mailing, whoever's recipient it is.")

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        return [("reason", ChoicesDropdownFilter), *owner_filter(request, Suppression)]

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return bool(super().has_view_permission(request, obj)) and (not obj or access.can(request.user, "view", obj))

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        may = bool(super().has_delete_permission(request, obj))
        return may and (not obj or access.can(request.user, "delete", obj))

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """One page for one address and for many."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = SuppressForm(request.POST, request.FILES) if request.method == "POST" else SuppressForm()
        form.dropped = getattr(request, "upload_too_large", False)
        if form.is_valid():
            return self._enter(request, form.cleaned_data)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Suppress addresses"),
            "page_name": _("Suppress addresses"),
            "opts": self.opts,
            "form": form,
            "media": self.media + form.media,
        }
        return TemplateResponse(request, "campaigns/suppress.html", context)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Nothing hangs on them, and there may be very many: they are counted, and the first ones named."""
        objs = list(objs)
        may_all = all(self.has_delete_permission(request, one) for one in objs)
        counts = {self.opts.verbose_name_plural: len(objs)}
        return [str(one) for one in objs[:MOST_TOLD]], counts, set() if may_all else {self.opts.verbose_name}, []

    @display(description=gettext_lazy("reason"), ordering="reason", label=True)
    def reason_badge(self, suppression: Suppression) -> str:
        return str(suppression.get_reason_display())

    def _enter(self, request: HttpRequest, cleaned: dict[str, Any]) -> HttpResponse:
        found: list[str] = cleaned["found"]
        entered = Suppression.objects.enter(found, person(request), cleaned["reason"], cleaned["source"])
        if entered:
            messages.success(request, _entered(entered) % {"count": entered})
        if already := len(found) - entered:
            messages.info(request, _already(already) % {"count": already})
        if entered == len(found) == 1:
            self._record(request, found[0])
        return HttpResponseRedirect(reverse("admin:campaigns_suppression_changelist"))

    def _record(self, request: HttpRequest, address: str) -> None:
        """A line of history for one that was typed in; of a thousand, their rows tell who entered them, and when."""
        new: QuerySet[Suppression] = Suppression.objects.filter(email=address, owner=person(request))
        LogEntry.objects.log_actions(person(request).pk, new, ADDITION)


def _entered(count: int) -> str:
    return ngettext(
        "%(count)s address gets no mail from now on.", "%(count)s addresses get no mail from now on.", count
    )


def _already(count: int) -> str:
    return ngettext("%(count)s was suppressed already.", "%(count)s were suppressed already.", count)
