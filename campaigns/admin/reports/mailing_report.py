"""The report of one mailing, attempt by attempt."""

from functools import cached_property
from typing import Any

from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.urls import URLPattern
from django.utils.translation import gettext as _

from campaigns import access
from campaigns.admin.base import Scoped
from campaigns.admin.object_urls import object_urls
from campaigns.admin.reports import report_tables
from campaigns.admin.reports.form import ALWAYS
from campaigns.admin.reports.tables import Table
from campaigns.admin.reports.view import ReportView
from campaigns.models import Mailing
from campaigns.reports import figures
from campaigns.reports.figures import Figures
from campaigns.reports.scope import Scope


class MailingReportView(ReportView):
    usual = ALWAYS
    without = ("owner", "status")
    has_failures = True

    def has_permission(self) -> bool:
        return access.can(self.request.user, "view", self.mailing)

    @cached_property
    def mailing(self) -> Mailing:
        """The mailing. Raises Http404 where there is none, and for whoever may not see it."""
        key = str(self.kwargs["object_id"])
        found = access.visible(self.request.user, Mailing.objects.all())
        mailing = found.filter(pk=key).first() if key.isdecimal() and len(key) < 19 else None
        if mailing is None:
            raise Http404
        return mailing

    @property
    def name(self) -> str:  # type: ignore[override]
        return f"mailing-{self.mailing.pk}"

    @property
    def title(self) -> str:
        return _("Report: %s") % self.mailing

    def identity(self) -> tuple[Any, ...]:
        # A name stands in the title also where there is no attempt to tell of its change.
        return (*super().identity(), self.mailing.name)

    def attempts(self) -> Any:
        return super().attempts().filter(mailing=self.mailing)

    def _by(self, scope: Scope) -> dict[int, Figures]:
        return figures.by_attempt(scope)

    def _main(self, found: dict[int, Figures], total: Figures) -> Table:
        return report_tables.attempts(found, total)


class MailingReport(Scoped):
    """Gives the mailings their reports."""

    def get_urls(self) -> list[URLPattern]:
        return [*object_urls(self, report=self.report_view, cacheable=True), *super().get_urls()]

    def report_view(self, request: HttpRequest, object_id: str) -> HttpResponseBase:
        """The report, for whoever may see the mailing."""
        return MailingReportView.as_view(admin_site=self.admin_site)(request, object_id=object_id)
