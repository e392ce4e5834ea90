"""Buttons that open a dialog, for those who may do what it asks about."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect

from campaigns.admin.base import ScopedAdmin

type May = Callable[[ScopedAdmin, HttpRequest, Any], bool]


def for_those_who(may: May) -> Callable[[Any], Any]:
    """Decorates an action with a dialog: who may not find no button, and a 404 at its address."""

    def guarding(dialog: Any) -> Any:
        # unfold's own permission callbacks get a raw id, and answer an outsider 403 where he must see a 404.
        @wraps(dialog)
        def guarded(model_admin: ScopedAdmin, request: HttpRequest, object_id: str) -> HttpResponse:
            if not may(model_admin, request, model_admin.get_object(request, object_id)):
                raise Http404
            response: HttpResponse = dialog(model_admin, request, object_id=object_id)
            return response

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


def leave(request: HttpRequest, url: str) -> HttpResponse:
    """From the dialog, to that page."""
    if request.headers.get("HX-Request"):
        return HttpResponse(headers={"HX-Redirect": url})
    return HttpResponseRedirect(url)
