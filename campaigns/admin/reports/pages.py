"""The pages of the reports: Statistics of all that the person may see, and My report of the own mailings."""

from typing import Any

from django.utils.translation import gettext as _

from campaigns.admin.base import person
from campaigns.admin.reports.form import ALWAYS
from campaigns.admin.reports.tables import Table
from campaigns.admin.reports.view import ReportView
from campaigns.reports.figures import Figures


class StatisticsView(ReportView):
    """All mailings that the person may see."""

    name = "statistics"
    usual = ALWAYS

    @property
    def title(self) -> str:
        return _("Statistics")


class MyReportView(ReportView):
    """The person's own mailings, beside what they were on as many days before."""

    name = "my-report"
    without = ("owner", "status")
    compares = True
    has_failures = True

    @property
    def title(self) -> str:
        return _("My report")

    def attempts(self) -> Any:
        return super().attempts().filter(mailing__owner=person(self.request))

    def _main(self, found: dict[int, Figures], total: Figures) -> Table:
        return super()._main(found, total).without("owner")
