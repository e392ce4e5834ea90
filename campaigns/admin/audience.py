"""From the list of recipients into the audience of a mailing, and out of it."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy, ngettext
from unfold.widgets import UnfoldAdminSelect2Widget

from campaigns import access
from campaigns.admin.base import ScopedAdmin
from campaigns.models import Mailing, Recipient


class MailingChoice(forms.Form):
    mailing = forms.ModelChoiceField(
        Mailing.objects.none(), label=gettext_lazy("Mailing"), widget=UnfoldAdminSelect2Widget
    )

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["mailing"]
        field.queryset = access.changeable(request.user, Mailing.objects.all())


class AudienceActions(ScopedAdmin):
    """Two list actions; both ask for the mailing first, and are one statement however many are selected."""

    actions = ("add_to_mailing", "remove_from_mailing")

    @admin.action(description=gettext_lazy("Add to a mailing…"))
    def add_to_mailing(self, request: HttpRequest, queryset: QuerySet[Recipient]) -> HttpResponse | None:
        usable = access.usable(request.user, queryset)
        _report_left_out(request, queryset.count() - usable.count())
        return self._change_audience(request, usable, Mailing.add_to_audience, _added)

    @admin.action(description=gettext_lazy("Remove from a mailing…"))
    def remove_from_mailing(self, request: HttpRequest, queryset: QuerySet[Recipient]) -> HttpResponse | None:
        return self._change_audience(request, queryset, Mailing.remove_from_audience, _removed)

    def _change_audience(
        self,
        request: HttpRequest,
        queryset: QuerySet[Recipient],
        change: Callable[[Mailing, QuerySet[Recipient]], int],
        sentence: Callable[[int], str],
    ) -> HttpResponse | None:
        form = MailingChoice(request, request.POST if "confirmed" in request.POST else None)
        if not form.is_valid():
            return self._ask(request, queryset, form)
        mailing = form.cleaned_data["mailing"]
        count = change(mailing, queryset)
        messages.success(request, sentence(count) % {"count": count, "mailing": mailing})
        return None

    def _ask(self, request: HttpRequest, queryset: QuerySet[Recipient], form: MailingChoice) -> HttpResponse:
        name = request.POST["action"]
        context = {
            **self.admin_site.each_context(request),
            "title": getattr(self, name).short_description,
            "opts": self.opts,
            "form": form,
            "media": form.media,
            "count": queryset.count(),
            "action_name": name,
            "select_across": request.POST.get("select_across", "0"),
            "selected": request.POST.getlist(ACTION_CHECKBOX_NAME),
        }
        return TemplateResponse(request, "campaigns/choose_mailing.html", context)


def _report_left_out(request: HttpRequest, count: int) -> None:
    if count:
        sentence = ngettext(
            "%(count)s of the selected is left out: it is neither yours nor shared with you.",
            "%(count)s of the selected are left out: they are neither yours nor shared with you.",
            count,
        )
        messages.warning(request, sentence % {"count": count})


def _added(count: int) -> str:
    return ngettext(
        "%(count)s recipient was added to “%(mailing)s”.", "%(count)s recipients were added to “%(mailing)s”.", count
    )


def _removed(count: int) -> str:
    return ngettext(
        "%(count)s recipient was removed from “%(mailing)s”.",
        "%(count)s recipients were removed from “%(mailing)s”.",
        count,
    )
