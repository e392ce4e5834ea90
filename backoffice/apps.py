from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig
from django.utils.translation import gettext_lazy as _


class AdministrationConfig(AdminConfig):
    """django.contrib.admin with our site as the default one."""

    default_site = "backoffice.site.BackofficeSite"


class BackofficeConfig(AppConfig):
    name = "backoffice"
    verbose_name = _("Back office")

    def ready(self) -> None:
        from backoffice import checks, names  # noqa: F401 - checks registers the system checks

        names.give()
