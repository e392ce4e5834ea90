"""The scheduler's jobs and what came of each run, to look at."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy
from django_apscheduler.models import DjangoJob, DjangoJobExecution
from unfold.contrib.filters.admin import AllValuesCheckboxFilter
from unfold.decorators import display

from backoffice import clock
from campaigns.admin.base import ReadOnlyAdmin

STATUS_COLOURS = {
    DjangoJobExecution.SENT: "info",
    DjangoJobExecution.SUCCESS: "success",
    DjangoJobExecution.MISSED: "warning",
    DjangoJobExecution.MAX_INSTANCES: "warning",
    DjangoJobExecution.ERROR: "danger",
}

for model in (DjangoJob, DjangoJobExecution):
    if admin.site.is_registered(model):
        admin.site.unregister(model)


@admin.register(DjangoJob)
class ScheduledJobAdmin(ReadOnlyAdmin):
    list_display = ("id", "next_run_time")
    list_before_template = "campaigns/clock.html"
    nothing_yet = gettext_lazy("The scheduler has not run yet: start it with “manage.py run_scheduler”.")
    fields = ("id", "next_run_time")

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        return super().changelist_view(request, {**(extra_context or {}), "clock": clock.look()})


@admin.register(DjangoJobExecution)
class ExecutionAdmin(ReadOnlyAdmin):
    list_display = ("job_name", "status_badge", "run_time", "duration")
    list_filter = (("status", AllValuesCheckboxFilter),)
    list_filter_submit = True
    fields = ("job", "status", "run_time", "duration", "exception", "traceback")
    ordering = ("-run_time",)
    date_hierarchy = "run_time"
    nothing_yet = gettext_lazy("The scheduler has not run yet: start it with “manage.py run_scheduler”.")

    @display(description=gettext_lazy("job"), ordering="job")
    def job_name(self, execution: Any) -> str:
        return str(execution.job_id)

    @display(description=gettext_lazy("status"), ordering="status", label=STATUS_COLOURS)
    def status_badge(self, execution: Any) -> str:
        return str(execution.status)
