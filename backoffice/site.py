from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from django.contrib import messages
from django.contrib.admin.views.autocomplete import AutocompleteJsonView
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import BadRequest, PermissionDenied
from django.core.paginator import InvalidPage, Paginator
from django.db.models import ForeignObjectRel
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from unfold.sites import UnfoldAdminSite

from backoffice import kept_form
from backoffice.kept_form import KeptForm

type View = Callable[..., HttpResponse]


FOUND_PER_PAGE = 100


class FieldSearch(AutocompleteJsonView):
    """Django's search for what a field can be; a relation that no form has is refused and not an error."""

    def process_request(self, request: HttpRequest) -> Any:
        found: Any = super().process_request(request)
        if isinstance(found[2], ForeignObjectRel):
            raise PermissionDenied
        return found

    def get_queryset(self) -> Any:
        found = super().get_queryset()
        return found.select_related("owner") if hasattr(found.model, "owner") else found

    def serialize_result(self, obj: Any, to_field_name: str) -> dict[str, str]:
        """With its owner, where that is somebody else: their names may be the same."""
        found: dict[str, str] = super().serialize_result(obj, to_field_name)
        if getattr(obj, "owner_id", self.request.user.pk) != self.request.user.pk:
            found["text"] = f"{obj} ({obj.owner})"
        return found


class BackofficeSite(UnfoldAdminSite):
    """The admin, which is the whole product."""

    site_title = _("Message AutoSend")
    site_header = _("Message AutoSend")
    index_title = _("Dashboard")
    empty_value_display = "—"

    def admin_view(self, view: View, cacheable: bool = False) -> View:
        guarded: View = super().admin_view(_without_nul(view), cacheable)
        return _on_a_whole_page(self, _with_the_form_kept(self, guarded))

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """The colours get a name of ours: unfold's style element has no nonce, the one in our skeleton has."""
        context: dict[str, Any] = super().each_context(request)
        return {**context, "colors": None, "theme_colors": context["colors"]}

    @method_decorator(never_cache)
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """As Django's; who comes back to a form that was posted after the login had ended is asked to post it again."""
        kept = {kept_form.NAME: request.POST.get(kept_form.NAME, "")}
        response: HttpResponse = super().login(request, {**(extra_context or {}), **kept})
        if request.method != "POST" or not isinstance(response, HttpResponseRedirect):
            return response
        form = kept_form.returned(request)
        if form and form.person == str(request.user.pk):
            response = TemplateResponse(
                request, "admin/post_again.html", {**self.each_context(request), "posted": form}
            )
        elif form:
            messages.warning(request, _("Somebody else had filled in the form. It was thrown away."))
        kept_form.remember(response, request.user)
        return response

    @method_decorator(never_cache)
    def login_again(self, request: HttpRequest, form: KeptForm) -> HttpResponse:
        """The login's page, with the form in it."""
        context = {
            **self.each_context(request),
            "title": _("Log in"),
            "form": self.login_form(request),
            "app_path": reverse("admin:login", query={"next": form.address}),
            kept_form.NAME: form.signed(),
        }
        return TemplateResponse(request, "admin/login.html", context)

    def logout(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Whoever logs in next in this browser finds no page of the former person in it."""
        response = super().logout(request, extra_context)
        response.headers["Clear-Site-Data"] = '"cache"'
        return cast(HttpResponse, response)

    def autocomplete_view(self, request: HttpRequest) -> HttpResponse:
        response: Any = FieldSearch.as_view(admin_site=self)(request)
        return cast(HttpResponse, response)

    def search(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The command palette. Unfold's remembers what it found for minutes, also when the role has gone."""
        term = request.GET.get("s", "").lower()
        if not term:
            return HttpResponse()
        command = self._get_config("COMMAND", request)
        pages = Paginator(self._found(request, term, command), FOUND_PER_PAGE)
        try:
            results = pages.page(request.GET.get("page", 1))
        except InvalidPage as error:
            raise Http404 from error
        context = {
            "search_term": term,
            "page_obj": pages,
            "results": results,
            "page_counter": results.start_index() - 1,
            "execution_time": 0,
            "command_show_history": self._get_value(command.get("show_history"), request),
        }
        template = "unfold/helpers/command_results.html"
        return TemplateResponse(request, template, context, headers={"HX-Trigger": "search"})

    def _found(self, request: HttpRequest, term: str, command: dict[str, Any]) -> list[Any]:
        found: list[Any] = self._search_apps(self.get_app_list(request), term)
        if callback := command.get("search_callback"):
            found += self._get_value(callback, request, term)
        models = self._get_value(command.get("search_models"), request)
        if models is True or isinstance(models, list | tuple):
            found += self._search_models(request, self.get_app_list(request), term, None if models is True else models)
        return found


def _on_a_whole_page(site: BackofficeSite, view: View) -> View:
    """A part of a page, asked for when the session has ended, leads the page to the login: it has no room for one."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not request.headers.get("HX-Request") or site.has_permission(request):
            return view(request, *args, **kwargs)
        # The login goes on to an address of our own only.
        login = redirect_to_login(request.headers.get("HX-Current-URL", ""), reverse("admin:login"))
        return HttpResponse(headers={"HX-Redirect": login.url})

    return guarded


def _with_the_form_kept(site: BackofficeSite, view: View) -> View:
    """A form that is posted when the login has ended is not lost: the login's page keeps it for the same person."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        lost = (
            request.method == "POST" and not request.user.is_authenticated and request.path != reverse("admin:logout")
        )
        form = kept_form.posted(request) if lost else None
        return site.login_again(request, form) if form else view(request, *args, **kwargs)

    return guarded


def _without_nul(view: View) -> View:
    """PostgreSQL knows no NUL, and Django asks it before it looks: an address with one is refused here."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if "\0" in request.path or any("\0" in value for key in request.GET for value in request.GET.getlist(key)):
            raise BadRequest("The address contains a NUL character.")
        return view(request, *args, **kwargs)

    return guarded
