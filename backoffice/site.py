from collections.abc import Callable
from functools import wraps
from typing import Any

from django.core.exceptions import BadRequest
from django.core.paginator import InvalidPage
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from unfold.sites import UnfoldAdminSite

type View = Callable[..., HttpResponse]


class BackofficeSite(UnfoldAdminSite):
    """The admin, which is the whole product."""

    site_title = _("Message AutoSend")
    site_header = _("Message AutoSend")
    index_title = _("Dashboard")
    empty_value_display = "—"

    def admin_view(self, view: View, cacheable: bool = False) -> View:
        guarded: View = super().admin_view(_without_nul(view), cacheable)
        return guarded

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """The colours get a name of ours: unfold's style element has no nonce, the one in our skeleton has."""
        context: dict[str, Any] = super().each_context(request)
        return {**context, "colors": None, "theme_colors": context["colors"]}

    def search(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        try:
            response: HttpResponse = super().search(request, extra_context)
        except InvalidPage as error:
            raise Http404 from error
        return response


def _without_nul(view: View) -> View:
    """PostgreSQL knows no NUL, and Django asks it before it looks: an address with one is refused here."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if "\0" in request.path or any("\0" in value for key in request.GET for value in request.GET.getlist(key)):
            raise BadRequest("The address contains a NUL character.")
        return view(request, *args, **kwargs)

    return guarded
