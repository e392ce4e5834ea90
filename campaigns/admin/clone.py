"""The button that makes a copy of a mailing or a message: the copy is the person's own."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.decorators import action
from unfold.forms import BaseDialogForm

from campaigns import access, lifecycle
from campaigns.admin.base import ScopedAdmin, person, record
from campaigns.admin.dialogs import Dialogs, for_those_who, leave
from campaigns.lifecycle import LifecycleError
from campaigns.lifecycle.cloning import audience_of_clone, plan, taken_and_left_out
from campaigns.models import Mailing, Message

TITLE = gettext_lazy("Clone")


class MailingForm(BaseDialogForm):
    """Says what the copy will have."""

    form_before_template = "campaigns/clone_summary.html"

    def get_before_template_context(self, request: HttpRequest, object_id: Any = None) -> dict[str, Any]:
        mailing = Mailing.objects.select_related("message", "owner").get(pk=object_id)
        taken, left_out = taken_and_left_out(mailing, audience_of_clone(mailing, person(request)))
        return {
            "mailing": mailing,
            "taken": taken,
            "left_out": left_out,
            **plan(mailing, timezone.now()),
        }


class MessageForm(BaseDialogForm):
    form_before_template = "campaigns/clone_message_summary.html"

    def get_before_template_context(self, request: HttpRequest, object_id: Any = None) -> dict[str, Any]:
        return {"message": Message.objects.get(pk=object_id)}


def _may_add(model_admin: ScopedAdmin, request: HttpRequest, obj: Model) -> bool:
    return model_admin.has_add_permission(request) and access.can(request.user, "view", obj)


def _button(form: type[BaseDialogForm], copy: Callable[[HttpRequest, Any], Any]) -> Any:
    """The action that asks by this form and then makes the copy."""

    @for_those_who(_may_add)
    @action(
        description=TITLE,
        url_path="clone",
        icon="content_copy",
        dialog={
            "title": TITLE,
            "description": gettext_lazy("The copy is yours. The original stays as it is."),
            "form_class": form,
            "form_submit_text": TITLE,
        },
    )
    def clone(model_admin: ScopedAdmin, request: HttpRequest, _form: Any, object_id: str) -> HttpResponse:
        shown = obj = model_admin.get_object(request, object_id)
        try:
            shown = copy(request, obj)
        except LifecycleError as error:
            messages.error(request, str(error))
        else:
            record(request, shown, _("Cloned from “%s”.") % obj)
        return leave(request, reverse(f"admin:campaigns_{model_admin.opts.model_name}_change", args=[shown.pk]))

    return clone


def _clone_mailing(request: HttpRequest, mailing: Mailing) -> Mailing:
    copy, taken, left_out = lifecycle.clone(mailing, person(request))
    sentence = ngettext(
        "“%(copy)s” is yours, with %(count)s recipient.", "“%(copy)s” is yours, with %(count)s recipients.", taken
    )
    messages.success(request, sentence % {"copy": copy, "count": taken})
    if left_out:
        messages.warning(request, _left_out(left_out) % {"count": left_out})
    return copy


def _left_out(count: int) -> str:
    return ngettext(
        "%(count)s recipient was left out: neither yours nor shared with you.",
        "%(count)s recipients were left out: neither yours nor shared with you.",
        count,
    )


def _clone_message(request: HttpRequest, message: Message) -> Message:
    copy = lifecycle.clone_message(message, person(request))
    messages.success(request, _("This is your copy of “%s”.") % message)
    return copy


class MailingCloning(Dialogs):
    """Gives the page of a mailing the button."""

    actions_detail: Any = ("clone",)
    clone = _button(MailingForm, _clone_mailing)


class MessageCloning(Dialogs):
    """Gives the page of a message the button."""

    actions_detail: Any = ("clone",)
    clone = _button(MessageForm, _clone_message)
