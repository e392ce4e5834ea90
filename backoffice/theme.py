"""How the admin looks. Navigation and dashboard are named by dotted paths: this file imports no app."""

from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.utils.translation import gettext_lazy as _


def _icon(request: HttpRequest) -> str:
    return static("backoffice/icon.svg")


def _style(request: HttpRequest) -> str:
    return static("backoffice/backoffice.css")


def _select2_names(request: HttpRequest) -> str:
    return static("backoffice/select2_names.js")


def _keyboard(request: HttpRequest) -> str:
    return static("backoffice/keyboard.js")


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": _("Message AutoSend"),
    "SITE_HEADER": _("Message AutoSend"),
    "SITE_SUBHEADER": _("Campaign back office"),
    "SITE_URL": None,
    "SITE_ICON": _icon,
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": _icon}],
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_BACK_BUTTON": True,
    "DASHBOARD_CALLBACK": "campaigns.admin.dashboard.dashboard",
    "GLOBAL_CALLBACK": "campaigns.admin.operations.stop_switch.banner",
    "SITE_VIEWS": [
        ("profile/", "profile", "accounts.admin.profile.ProfileView"),
        ("stop-sending/", "stop_sending", "campaigns.admin.operations.stop_switch.StopSwitchView"),
    ],
    "STYLES": [_style],
    "SCRIPTS": [_select2_names, _keyboard],
    "BORDER_RADIUS": "6px",
    "COLORS": {
        "primary": {
            "50": "oklch(97.0% .014 254.6)",
            "100": "oklch(93.2% .032 255.6)",
            "200": "oklch(88.2% .059 254.1)",
            "300": "oklch(80.9% .105 251.8)",
            "400": "oklch(70.7% .165 254.6)",
            "500": "oklch(62.3% .214 259.8)",
            "600": "oklch(54.6% .245 262.9)",
            "700": "oklch(48.8% .243 264.4)",
            "800": "oklch(42.4% .199 265.6)",
            "900": "oklch(37.9% .146 265.5)",
            "950": "oklch(28.2% .091 267.9)",
        },
    },
    "LOGIN": {"form": "accounts.login.LoginForm"},
    "ACCOUNT": {"navigation": "accounts.admin.account_links"},
    "SIDEBAR": {
        "show_search": False,
        "show_all_applications": False,
        "navigation": "campaigns.admin.navigation.sidebar",
    },
}
