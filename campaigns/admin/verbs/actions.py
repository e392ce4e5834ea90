"""The verbs as admin actions, on one mailing and on a selection: a confirmation first, the deed by POST."""

from collections.abc import Callable
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.contrib.admin import ActionLocation
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.decorators import action
from unfold.forms import BaseDialogForm

from campaigns import access
from campaigns.admin.base import person, record
from campaigns.admin.dialogs import leave, opened
from campaigns.admin.verbs.buttons import VERBS, Verb
from campaigns.admin.verbs.send_dialog import (
    LaunchesField,
    NumberField,
    SendForm,
    is_many,
    launched_since,
    launches,
    part,
    refuse_another_number,
)
from campaigns.admin.verbs.undoing import Undo
from campaigns.lifecycle import LifecycleError
from campaigns.models import Mailing


class LettersForm(BaseDialogForm):
    """A confirmation that states how many will get what."""

    form_before_template = "campaigns/letters_summary.html"
    verb: ClassVar[Verb]

    def get_before_template_context(self, request: HttpRequest, object_id: Any = None) -> dict[str, Any]:
        mailing = Mailing.objects.select_related("message").with_stats().get(pk=object_id)
        return {"mailing": mailing, "verb": self.verb, "letters": self.verb.count(mailing)}


def _form_of(verb: Verb) -> type[BaseDialogForm]:
    if verb.outgoing:
        return type("VerbForm", (SendForm,), {"states": verb.states, "outgoing_of": staticmethod(verb.outgoing)})
    return type("VerbForm", (LettersForm,), {"verb": verb}) if verb.letters else BaseDialogForm


class NumberForm(forms.Form):
    """The number of letters of several mailings, where it is large."""

    number = NumberField()
    launches = LaunchesField()

    def __init__(self, letters: int, mailings: list[Mailing], *args: Any) -> None:
        super().__init__(*args)
        self._letters = letters
        self.fields["launches"].initial = launches(mailings)
        if not is_many(letters):
            del self.fields["number"]

    def clean_number(self) -> str:
        typed: str = self.cleaned_data["number"]
        refuse_another_number(typed, self._letters)
        return typed


def _perform(request: HttpRequest, verb: Verb, mailing: Mailing) -> None:
    """Do it, tell the person what came of it, and write it into the mailing's history."""
    try:
        sentence = verb.deed(mailing, person(request))
    except LifecycleError as error:
        messages.error(request, str(error))
        return
    record(request, mailing, sentence)
    messages.success(request, sentence)


def _on_one(verb: Verb) -> Callable[..., HttpResponse]:
    def confirmed(model_admin: Any, request: HttpRequest, form: BaseDialogForm, object_id: str) -> HttpResponse:
        mailing = model_admin.get_object(request, object_id)
        if launched_since(form, [mailing]):
            sentence = _("“%s” was launched after you had been asked: look at what became of it. Nothing was sent now.")
            messages.error(request, sentence % mailing)
        else:
            _perform(request, verb, mailing)
        return leave(request, reverse("admin:campaigns_mailing_change", args=[mailing.pk]))

    dialog = action(
        confirmed,
        description=verb.title,
        dialog={
            "title": verb.title,
            "description": verb.question,
            "form_class": _form_of(verb),
            "form_submit_text": verb.title,
        },
    )

    def guarded(model_admin: Any, request: HttpRequest, object_id: str) -> HttpResponse:
        # unfold's own permission callbacks get a raw id, and answer an outsider 403 where he must see a 404.
        mailing = model_admin.get_object(request, object_id)
        if not access.can(request.user, verb.permission, mailing):
            raise Http404
        slow = part(request, verb.outgoing(mailing)) if verb.outgoing else None
        return slow or opened(model_admin, request, dialog, mailing)

    guarded.__dict__.update(
        dialog.__dict__, verb=verb, url_path=verb.name.replace("_", "-"), icon=verb.icon, variant=verb.variant
    )
    guarded.__name__ = verb.name
    return guarded


def _on_selection(verb: Verb) -> Callable[..., HttpResponse | None]:
    @admin.action(description=verb.title)
    def act(model_admin: Any, request: HttpRequest, queryset: QuerySet[Mailing]) -> HttpResponse | None:
        chosen = list(queryset.select_related("message", "owner"))
        allowed = [mailing for mailing in chosen if verb.offered(request, mailing)]
        if allowed:
            letters = sum(verb.count(mailing) or 0 for mailing in allowed)
            data = request.POST if "confirmed" in request.POST else None
            form = NumberForm(letters, allowed, data) if verb.outgoing else NumberForm(0, [], data)
            if not form.is_valid():
                figures = {"letters": letters, "mailings": allowed, "refused": len(chosen) - len(allowed)}
                return _confirmation(model_admin, request, verb, {"form": form, **figures})
            if verb.outgoing and launched_since(form, allowed):
                messages.error(
                    request,
                    _("Some of them were launched after you had been asked, or others are selected. Nothing was sent."),
                )
                return None
        for mailing in allowed:
            _perform_unless_blocked(request, verb, mailing)
        _report_refused(request, len(chosen) - len(allowed))
        return None

    act.__name__ = f"{verb.name}_selected"
    return act


def _perform_unless_blocked(request: HttpRequest, verb: Verb, mailing: Mailing) -> None:
    blocking = verb.outgoing(mailing).blocking if verb.outgoing else []
    if not blocking:
        _perform(request, verb, mailing)
        return
    reasons = " ".join(finding.sentence for finding in blocking)
    messages.error(request, _("“%(mailing)s” was not sent. %(reasons)s") % {"mailing": mailing, "reasons": reasons})


def _confirmation(model_admin: Any, request: HttpRequest, verb: Verb, figures: dict[str, Any]) -> HttpResponse:
    context = {
        **model_admin.admin_site.each_context(request),
        "title": verb.title,
        "page_name": verb.title,
        "opts": model_admin.opts,
        "verb": verb,
        **figures,
        "action_name": request.POST["action"],
        "select_across": request.POST.get("select_across", "0"),
        "selected": request.POST.getlist(ACTION_CHECKBOX_NAME),
    }
    return TemplateResponse(request, "campaigns/confirm_verb.html", context)


def _report_refused(request: HttpRequest, refused: int) -> None:
    if refused:
        sentence = ngettext(
            "%(count)s of the selected mailings was left as it was: its state, or your permissions, do not allow it.",
            "%(count)s of the selected mailings were left as they were: their states, or your permissions, "
            "do not allow it.",
            refused,
        )
        messages.warning(request, sentence % {"count": refused})


class VerbActions(Undo):
    """Gives a ModelAdmin of mailings a button and a list action for each verb."""

    actions = tuple(f"{verb.name}_selected" for verb in VERBS)
    actions_detail = (
        *(verb.name for verb in VERBS if not verb.resolves),
        {
            "title": gettext_lazy("Resolve"),
            "icon": "rule",
            "items": [verb.name for verb in VERBS if verb.resolves],
        },
    )

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        mailing: Any = self.get_object(request, str(object_id))
        found: list[Any] = super().get_actions_detail(request, object_id)
        verbs = [(item, getattr(item.method, "verb", None)) for item in found]  # other rooms' buttons have none
        return [item for item, verb in verbs if verb is None or verb.offered(request, mailing)]

    def get_actions(
        self, request: HttpRequest, action_location: ActionLocation = ActionLocation.CHANGE_LIST
    ) -> dict[str, Any]:
        actions = super().get_actions(request, action_location)
        oversees = request.user.has_perm("campaigns.disable_mailing")
        hidden = [] if oversees else [verb.name for verb in VERBS if verb.permission == "disable"]
        return {name: item for name, item in actions.items() if name.removesuffix("_selected") not in hidden}


for _verb in VERBS:
    setattr(VerbActions, _verb.name, _on_one(_verb))
    setattr(VerbActions, f"{_verb.name}_selected", _on_selection(_verb))
