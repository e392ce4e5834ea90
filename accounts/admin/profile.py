from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse, reverse_lazy
from django.utils.translation import gettext, override
from django.utils.translation import gettext_lazy as _
from django.views.generic import FormView
from unfold.views import UnfoldSiteViewMixin

from accounts.admin.base import actor
from accounts.admin.forms import ProfileForm
from accounts.models import User


class ProfileView(UnfoldSiteViewMixin, FormView):
    """Everybody's own name, language and time zone, and nobody else's; who may log in may open it."""

    title = _("Your profile")
    permission_required = ()
    form_class = ProfileForm
    template_name = "accounts/profile.html"
    success_url = reverse_lazy("admin:profile")

    def get_form_kwargs(self) -> dict[str, Any]:
        # Not request.user: a refused form must not change what the page says about the person.
        return {**super().get_form_kwargs(), "instance": User.objects.get(pk=actor(self.request).pk)}

    def form_valid(self, form: ProfileForm) -> HttpResponse:
        person = form.save(commit=False)
        person.save(update_fields=form.fields.keys())
        with override(person.language):
            messages.success(self.request, gettext("Your profile was saved."))
        return super().form_valid(form)


def account_links(request: HttpRequest) -> list[dict[str, str]]:
    """The account menu, named in UNFOLD["ACCOUNT"]; it takes the place of Unfold's own entries."""
    return [
        {"title": gettext("Your profile"), "link": reverse("admin:profile")},
        {"title": gettext("Change password"), "link": reverse("admin:password_change")},
    ]
