"""The addresses of the reports, beside the admin's own, in its look and behind its login."""

from typing import Any

from django.contrib import admin
from django.urls import path

from campaigns.admin.reports.pages import MyReportView, StatisticsView
from campaigns.admin.reports.view import ReportView

app_name = "reports"


def _view(view: type[ReportView]) -> Any:
    # The admin's own marking forbids to keep an answer, and so to ask whether it still holds.
    return admin.site.admin_view(view.as_view(admin_site=admin.site), cacheable=True)


urlpatterns = [
    path("stats/", _view(StatisticsView), name="statistics"),
    path("reports/", _view(MyReportView), name="mine"),
]
