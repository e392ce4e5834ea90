from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.contrib.auth.forms import ReadOnlyPasswordHashWidget
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from unfold import forms as unfold_forms
from unfold.widgets import UnfoldAdminSelect2Widget, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from accounts import languages
from accounts.models import User


class TimeZoneSelect(UnfoldAdminSelect2Widget):
    """A searchable list of the zones named for a place, UTC, and the one in use. What is valid, the model decides."""

    def optgroups(self, name: str, value: list[str], attrs: dict[str, Any] | None = None) -> Any:
        places = {zone for zone in available_timezones() if "/" in zone and not zone.startswith("Etc/")}
        self.choices = [(zone, zone.replace("_", " ")) for zone in sorted({"UTC", *places, *value})]
        return super().optgroups(name, value, attrs)


class PasswordLink(ReadOnlyPasswordHashWidget):
    """The way to the page that sets a password; algorithm and hash, which Django shows, tell nobody anything."""

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        return render_to_string("accounts/password_link.html", self.get_context(name, value, attrs))


class UserChangeForm(unfold_forms.UserChangeForm):
    class Meta:
        model = User
        fields = "__all__"
        widgets = {"time_zone": TimeZoneSelect}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["password"].widget = PasswordLink()


class UserCreationForm(unfold_forms.UserCreationForm):
    """A person who logs in by e-mail and password."""

    usable_password = None

    class Meta:
        model = User
        fields = ["email", "full_name", "groups"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("password1", "password2"):
            self.fields[name].required = True


class AdminPasswordChangeForm(unfold_forms.AdminPasswordChangeForm):
    """A new password for somebody else. There is no other way to log in, so it can not be taken away here."""

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(user, *args, **kwargs)
        self.fields.pop("usable_password", None)


class ProfileForm(forms.ModelForm):
    class Meta:
        model = User
        fields = ["full_name", "language", "time_zone"]
        widgets = {
            "full_name": UnfoldAdminTextInputWidget,
            "language": UnfoldAdminSelectWidget,
            "time_zone": TimeZoneSelect,
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not languages.are_a_choice():
            del self.fields["language"]
