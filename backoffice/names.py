"""What people read instead of the libraries' own names, in page titles, breadcrumbs and permissions."""

from django.apps import apps
from django.utils.translation import gettext_lazy as _

APPS = {
    "auth": _("People"),
    "django_apscheduler": _("Scheduler"),
    "procrastinate": _("Queue"),
}
NOUNS = {
    "auth.Group": (_("role"), _("roles")),
    "django_apscheduler.DjangoJob": (_("scheduler job"), _("scheduler jobs")),
    "django_apscheduler.DjangoJobExecution": (_("scheduler run"), _("scheduler runs")),
    "procrastinate.ProcrastinateJob": (_("job in the queue"), _("jobs in the queue")),
    "procrastinate.ProcrastinateEvent": (_("event"), _("events")),
    "procrastinate.ProcrastinateWorker": (_("worker"), _("workers")),
}


def give() -> None:
    """Name the apps and their nouns. Migrations do not see it: they read what the class itself says."""
    for label, name in APPS.items():
        apps.get_app_config(label).verbose_name = name
    for label, (one, many) in NOUNS.items():
        options = apps.get_model(label)._meta
        options.verbose_name, options.verbose_name_plural = one, many
