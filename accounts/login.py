"""The login form, apart from the admin: the admin site is made with it."""

from django.utils.translation import gettext_lazy as _
from unfold.forms import AuthenticationForm


class LoginForm(AuthenticationForm):
    error_messages = {
        **AuthenticationForm.error_messages,
        "invalid_login": _("E-mail and password do not go together. The password is case-sensitive."),
    }
