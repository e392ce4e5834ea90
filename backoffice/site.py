from django.utils.translation import gettext_lazy as _
from unfold.sites import UnfoldAdminSite


class BackofficeSite(UnfoldAdminSite):
    """The admin, which is the whole product."""

    site_title = _("Message AutoSend")
    site_header = _("Message AutoSend")
    index_title = _("Dashboard")
    empty_value_display = "—"
