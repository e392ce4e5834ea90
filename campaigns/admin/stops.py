"""Who stopped all sending when and why."""

from django.contrib import admin

from campaigns.admin.base import ReadOnlyAdmin
from campaigns.models import SendingStop


@admin.register(SendingStop)
class StopAdmin(ReadOnlyAdmin):
    list_display = ("started_at", "reason", "started_by", "ended_at", "ended_by")
    fields = ("reason", ("started_at", "started_by"), ("ended_at", "ended_by"))
    list_select_related = ("started_by", "ended_by")
