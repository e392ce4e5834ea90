"""The queue's jobs and workers, to look at; superusers only, unless given the permission."""

from typing import Any

from django.apps import apps
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy
from unfold.admin import TabularInline
from unfold.contrib.filters.admin import AllValuesCheckboxFilter
from unfold.decorators import display

from campaigns.admin.base import ReadOnlyAdmin

Job = apps.get_model("procrastinate", "ProcrastinateJob")
Event = apps.get_model("procrastinate", "ProcrastinateEvent")
Worker = apps.get_model("procrastinate", "ProcrastinateWorker")

STATUS_COLOURS = {
    "todo": "info",
    "doing": "primary",
    "succeeded": "success",
    "failed": "danger",
    "cancelled": "default",
    "aborted": "warning",
}

for model in (Job, Event, Worker):
    if admin.site.is_registered(model):
        admin.site.unregister(model)


class EventInline(TabularInline):
    model = Event
    fields = ("type", "at")
    readonly_fields = fields
    extra = 0
    can_delete = False
    tab = True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Job)
class JobAdmin(ReadOnlyAdmin):
    list_display = ("id", "task_name", "args", "status_badge", "attempts", "scheduled_at", "worker")
    list_filter = (("status", AllValuesCheckboxFilter),)
    list_filter_submit = True
    inlines = (EventInline,)
    ordering = ("-id",)
    nothing_yet = gettext_lazy("No job waits, runs or has failed. Jobs that are done leave the queue.")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return tuple(field.name for field in Job._meta.fields)

    @display(description=gettext_lazy("status"), ordering="status", label=STATUS_COLOURS)
    def status_badge(self, job: Any) -> str:
        return str(job.status)


@admin.register(Worker)
class WorkerAdmin(ReadOnlyAdmin):
    list_display = ("id", "last_heartbeat")
    ordering = ("-last_heartbeat",)
    nothing_yet = gettext_lazy("No worker is running: start one with “manage.py run_worker”.")
