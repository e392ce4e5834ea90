"""Whom a mailing is for, on its form: chosen recipients, lists, conditions, and how many letters that makes."""

from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import messages
from django.contrib.admin.widgets import AutocompleteSelectMultiple
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST
from unfold.decorators import display
from unfold.widgets import UnfoldBooleanSwitchWidget

from campaigns import access
from campaigns.admin.base import ScopedAdmin, person
from campaigns.admin.mailings import live_count
from campaigns.admin.mailings.conditions import ConditionsField, ListNames, sentences
from campaigns.audience import Audience
from campaigns.models import Mailing, Recipient, RecipientList
from campaigns.models.conditions import LIST, parse

LISTS = ("lists", "excluded_lists")
WHOM = (*LISTS, "conditions", "add_recipients", "add_all")
MAILING = "mailing"


class AudienceForm(forms.ModelForm):
    """Recipients are added to, never listed: a select with 100,000 options works for nobody."""

    add_recipients = forms.ModelMultipleChoiceField(
        Recipient.objects.none(),
        required=False,
        label=gettext_lazy("Add recipients"),
        help_text=gettext_lazy("Search by name or e-mail. To add many, select them on the page of the recipients."),
    )
    add_all = forms.BooleanField(
        required=False,
        widget=UnfoldBooleanSwitchWidget,
        label=gettext_lazy("Add all my recipients"),
        help_text=gettext_lazy("Everybody you own now. Who is imported later is not added by itself."),
    )
    conditions = ConditionsField(
        required=False,
        label=gettext_lazy("Filter"),
        help_text=gettext_lazy(
            "Adds the owner's recipients for whom all of this holds. It is asked when the mailing is sent, so later "
            "imports count, too. Days as 2026-12-31."
        ),
    )

    class Meta:
        model = Mailing
        fields = (*LISTS, "conditions")


class MailingAudience(ScopedAdmin):
    """Gives the form of a mailing its audience. Whose recipients are asked, the owner says."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(require_POST(self.count_view))
        return [path("audience/count/", view, name="campaigns_mailing_count"), *super().get_urls()]

    def changeform_view(
        self, request: HttpRequest, object_id: Any = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        try:
            response: HttpResponse = super().changeform_view(request, object_id, form_url, extra_context)
        except IntegrityError:
            # A list was deleted between our looking and our writing, and the database keeps to it.
            messages.error(
                request, _("What this mailing names was deleted meanwhile. Nothing was saved: choose again.")
            )
            return HttpResponseRedirect(request.get_full_path())
        return response

    def whom(self, request: HttpRequest, obj: Mailing | None) -> tuple[Any, dict[str, Any]]:
        """The fieldset of a form that may be edited."""
        conditions = "conditions" if _may_ask(request, obj) else "filter_text"
        fields = ("lists", "add_recipients", "add_all", conditions, "excluded_lists", "letters_now")
        return gettext_lazy("Audience"), {"fields": fields}

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form: Any = super().get_form(request, obj, change, **kwargs)  # a class of this request's own
        if field := form.base_fields.get("add_recipients"):
            field.queryset = access.usable(request.user, Recipient.objects.all())
            field.widget = AutocompleteSelectMultiple(Mailing.recipients.field, self.admin_site)
            field.widget.choices = field.choices
        if _may_ask(request, obj):
            form.base_fields["conditions"].offer(_list_names(request, obj))
        else:
            del form.base_fields["conditions"]
        for name in LISTS if obj else ():
            if field := form.base_fields.get(name):
                # What was put into a mailing stays in it.
                kept = getattr(obj, name).values("pk")
                field.queryset = RecipientList.objects.filter(Q(pk__in=field.queryset.values("pk")) | Q(pk__in=kept))
        return form

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        for people in _added(request, form.cleaned_data):
            form.instance.add_to_audience(people)

    @display(description=gettext_lazy("filter"))
    def filter_text(self, mailing: Mailing) -> str:
        """The conditions, to those who may not edit them: they are about the owner's recipients."""
        names = ListNames(RecipientList.objects.all(), mailing.owner)
        return "; ".join(sentences(mailing.conditions, names)) or "—"

    @display(description=gettext_lazy("letters now"))
    def letters_now(self, mailing: Mailing) -> str:
        query = {MAILING: mailing.pk} if mailing.pk else {}
        url = reverse("admin:campaigns_mailing_count", query=query)
        return format_html(
            '<div data-audience aria-live="polite" hx-post="{}" hx-include="closest form" hx-target="this" '
            'hx-select="unset" hx-swap="innerHTML" hx-sync="this:replace" '
            'hx-trigger="load, autosend-audience from:closest form delay:600ms">…</div>',
            url,
        )

    def count_view(self, request: HttpRequest) -> HttpResponse:
        """How many letters there would be if the form, as it stands, were saved and sent. Writes nothing."""
        mailing = self._edited(request)
        form: Any = self.get_form(request, mailing, change=bool(mailing))(request.POST, instance=mailing)
        form.full_clean()
        if wrong := [str(error) for name in WHOM for error in form.errors.get(name, ())]:
            return render(request, "campaigns/letters_now.html", {"wrong": wrong})
        found = live_count.letters(_said(request, mailing, form.cleaned_data))
        return render(request, "campaigns/letters_now.html", found._asdict() if found else {"many": True})

    def _edited(self, request: HttpRequest) -> Mailing | None:
        """The mailing that the form is of, if it is there. Raises Http404 and PermissionDenied."""
        key = request.GET.get(MAILING)
        if key is None:
            if not self.has_add_permission(request):
                raise PermissionDenied
            return None
        mailing: Mailing = self.get_object(request, key)
        if not self.has_change_permission(request, mailing):
            raise Http404
        return mailing


def _may_ask(request: HttpRequest, mailing: Mailing | None) -> bool:
    """Whether the person may ask about the recipients of the mailing's owner."""
    someone = person(request)
    return mailing is None or mailing.owner_id == someone.pk or someone.is_superuser


def _said(request: HttpRequest, mailing: Mailing | None, cleaned: dict[str, Any]) -> Audience:
    """The audience as it would be saved."""
    someone = person(request)
    before = Audience.of(mailing) if mailing else Audience(someone.pk, ZoneInfo(someone.time_zone))
    return replace(
        before,
        lists=tuple(one.pk for one in cleaned["lists"]),
        excluded_lists=tuple(one.pk for one in cleaned["excluded_lists"]),
        conditions=tuple(parse(cleaned["conditions"])) if "conditions" in cleaned else before.conditions,
        also=tuple(_added(request, cleaned)),
    )


def _added(request: HttpRequest, cleaned: dict[str, Any]) -> list[Any]:
    everybody = [Recipient.objects.filter(owner=person(request))] if cleaned["add_all"] else []
    return [cleaned["add_recipients"], *everybody]


def _list_names(request: HttpRequest, mailing: Mailing | None) -> ListNames:
    """The lists that may be asked for, with those that the conditions name already."""
    kept = [one["value"] for one in (mailing.conditions if mailing else []) if one["field"] == LIST]
    usable = access.usable(request.user, RecipientList.objects.all()).values("pk")
    lists = RecipientList.objects.filter(Q(pk__in=usable) | Q(pk__in=kept))
    return ListNames(lists, mailing.owner if mailing else person(request))
