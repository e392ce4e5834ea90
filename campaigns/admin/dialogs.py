"""Buttons that open a dialog, for those who may do what it asks about."""

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.safestring import mark_safe

from campaigns.admin.base import ScopedAdmin

type May = Callable[[ScopedAdmin, HttpRequest, Any], bool]


def for_those_who(may: May) -> Callable[[Any], Any]:
    """Decorates an action with a dialog: who may not find no button, and a 404 at its address."""

    def guarding(dialog: Any) -> Any:
        # unfold's own permission callbacks get a raw id, and answer an outsider 403 where he must see a 404.
        @wraps(dialog)
        def guarded(model_admin: ScopedAdmin, request: HttpRequest, object_id: str) -> HttpResponse:
            obj = model_admin.get_object(request, object_id)
            if not may(model_admin, request, obj):
                raise Http404
            return opened(model_admin, request, dialog, obj)

        guarded.__dict__["may"] = may
        return guarded

    return guarding


class Dialogs(ScopedAdmin):
    """Shows the buttons of such actions to those who may press them."""

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        obj = self.get_object(request, str(object_id))
        found: list[Any] = super().get_actions_detail(request, object_id)
        asked = [(item, getattr(item.method, "may", None)) for item in found]
        return [item for item, may in asked if may is None or may(self, request, obj)]


def opened(model_admin: ScopedAdmin, request: HttpRequest, dialog: Any, obj: Any) -> HttpResponse:
    """The dialog, or what came of it. Opened in a tab of its own, it stands on a page."""
    response: HttpResponse = dialog(model_admin, request, object_id=str(obj.pk))
    if request.headers.get("HX-Request") or response.status_code != HTTPStatus.OK:
        return response
    context = {
        **model_admin.admin_site.each_context(request),
        "title": dialog.short_description,
        "page_name": dialog.short_description,
        "opts": model_admin.opts,
        "original": obj,
        "media": model_admin.media,
        "dialog": mark_safe(response.content.decode()),  # noqa: S308 - a template's
    }
    return TemplateResponse(request, "campaigns/dialog_page.html", context)


def leave(request: HttpRequest, url: str) -> HttpResponse:
    """From the dialog, to that page."""
    if request.headers.get("HX-Request"):
        return HttpResponse(headers={"HX-Redirect": url})
    return HttpResponseRedirect(url)
