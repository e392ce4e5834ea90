"""What a person reads, and may have to type, before letters leave."""

import re
from collections.abc import Callable, Iterable
from hashlib import blake2b
from typing import Any, ClassVar

from django import forms
from django.conf import settings
from django.contrib.humanize.templatetags.humanize import intcomma
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminTextInputWidget

from campaigns.admin.base import person
from campaigns.admin.verbs.outgoing import Outgoing
from campaigns.models import Mailing

# The slow parts of the dialog, which it loads by themselves where the audience is large.
PARTS = {"letters": "campaigns/send_letters.html", "findings": "campaigns/send_findings.html"}
# What people put between the digits of a large number.
_SEPARATORS = re.compile(r"[\s.,'’]")


class NumberField(forms.CharField):
    """The number of letters, typed as a person would write it."""

    def __init__(self) -> None:
        super().__init__(
            required=False,
            label=gettext_lazy("Number of letters"),
            help_text=gettext_lazy("So many letters can not be called back: type their number, as it stands above."),
            widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "numeric", "autocomplete": "off"}),
        )


def is_many(letters: int) -> bool:
    """Whether whoever sends them types their number first."""
    return letters > settings.SENDING_CONFIRM_ROWS


def refuse_another_number(typed: str, letters: int) -> None:
    """Raises ValidationError."""
    if is_many(letters) and _SEPARATORS.sub("", typed) != str(letters):
        sentence = ngettext("It is %s letter: type this number.", "It is %s letters: type this number.", letters)
        raise forms.ValidationError(sentence % intcomma(letters))


def launches(mailings: Iterable[Mailing]) -> str:
    """Changes with each launch of one of the mailings, and when it ends."""
    last = [(mailing.pk, mailing.attempts.real().values_list("pk", "finished_at").first()) for mailing in mailings]
    return blake2b(repr(last).encode(), digest_size=12).hexdigest()


class LaunchesField(forms.CharField):
    """What launches() was when the form was shown: a second press, also in another tab, is told by it."""

    def __init__(self) -> None:
        super().__init__(required=False, widget=forms.HiddenInput)


def launched_since(form: forms.Form, mailings: Iterable[Mailing]) -> bool:
    """Whether one was launched since the form was shown, or it was shown for others; never if it was not shown."""
    seen = form.cleaned_data.get("launches")
    return bool(seen) and seen != launches(mailings)


class SendForm(BaseDialogForm):
    """States what leaves, wants its number typed where it is large, and refuses what a preflight has found blocked."""

    form_before_template = "campaigns/send_dialog.html"
    form_after_template = "campaigns/send_samples.html"
    states: ClassVar[tuple[str, ...]]
    outgoing_of: ClassVar[Callable[[Mailing], Outgoing]]

    number = NumberField()
    launches = LaunchesField()

    def __init__(self, request: HttpRequest, object_id: Any = None, *args: Any, **kwargs: Any) -> None:
        super().__init__(request, object_id, *args, **kwargs)
        self._mailing = Mailing.objects.select_related("message", "owner").with_stats().get(pk=object_id)
        self._outgoing = type(self).outgoing_of(self._mailing)
        self.fields["launches"].initial = launches([self._mailing])
        if not self._asks_for_number():
            del self.fields["number"]

    def get_before_template_context(self, request: HttpRequest, object_id: Any = None) -> dict[str, Any]:
        out, opens = self._outgoing, not self.is_bound
        return {
            "mailing": self._mailing,
            "outgoing": out,
            "path": request.path,
            "letters_later": opens and not out.counts_at_once,
            "findings_later": opens and not out.checks_at_once,
        }

    def get_after_template_context(self, request: HttpRequest, object_id: Any = None) -> dict[str, Any]:
        return {"samples": self._outgoing.samples(person(request))}

    def clean_number(self) -> str:
        typed: str = self.cleaned_data["number"]
        refuse_another_number(typed, self._outgoing.letters)
        return typed

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if self._can_be_done() and self._outgoing.blocking:
            raise forms.ValidationError(_("It can not be sent as it is."))
        return cleaned

    def _asks_for_number(self) -> bool:
        if self.is_bound:
            return self._can_be_done()
        return not self._outgoing.counts_at_once or is_many(self._outgoing.letters)

    def _can_be_done(self) -> bool:
        """What can not, the verb itself refuses with its sentence."""
        return self._mailing.status in self.states and bool(self._outgoing.letters)


def part(request: HttpRequest, outgoing: Outgoing) -> HttpResponse | None:
    """The slow part of the dialog that is asked for; None: it is the dialog itself."""
    template = PARTS.get(request.GET.get("part", "")) if request.method == "GET" else None
    return render(request, template, {"outgoing": outgoing, "mailing": outgoing.mailing}) if template else None
