"""What the pages of all reports have in common: what they depend on, their figures, tables and files."""

from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import blake2b
from typing import Any, ClassVar, cast
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.messages import get_messages
from django.core.paginator import Page, Paginator
from django.db import connection
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.cache import add_never_cache_headers
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.generic import TemplateView
from unfold.views import UnfoldSiteViewMixin

from backoffice import answers, pages
from backoffice.answers import Stamp
from backoffice.caching import ClientCacheMixin, code_version
from campaigns import access
from campaigns.admin.base import person
from campaigns.admin.chart import Chart
from campaigns.admin.operations import clock, stop_switch
from campaigns.admin.reports import files, report_tables
from campaigns.admin.reports.form import USUAL, ReportForm
from campaigns.admin.reports.tables import Table, turn
from campaigns.models import Mailing, MailingAttempt
from campaigns.reports import days, figures, rollups
from campaigns.reports.failures import Failures
from campaigns.reports.figures import Figures
from campaigns.reports.period import Period
from campaigns.reports.scope import Scope

PER_PAGE = 50
# So many days, at the most, have bars of their own: 366 took 100 ms to write, most of the page.
MOST_BARS = 120
EXPORTS = ("csv", "xlsx")
EXPORT, TABLE, SORT, PAGE, FAILURES = "export", "table", "sort", "page", "failures"


@dataclass(frozen=True)
class Tile:
    """A figure, and what it was on as many days before, where that is compared."""

    title: str
    figure: Any
    before: Any
    compared: bool
    is_share: bool


class ReportView(UnfoldSiteViewMixin, ClientCacheMixin, TemplateView):
    """A report of the attempts that `attempts` finds. The page is asked for by GET, the files by `?export=`."""

    template_name = "campaigns/report.html"
    name: ClassVar[str]
    usual = USUAL
    without: tuple[str, ...] = ()
    compares = False
    has_failures = False

    def has_permission(self) -> bool:
        return self.request.user.has_perm("campaigns.view_mailing")

    def attempts(self) -> Any:
        """The real attempts that the report is about; those that the person may see."""
        found = access.visible(self.request.user, MailingAttempt.objects.real())
        if owner := self.form.cleaned_data.get("owner"):
            found = found.filter(mailing__owner=owner)
        if status := self.form.cleaned_data.get("status"):
            found = found.filter(mailing__status=status)
        return found

    @cached_property
    def form(self) -> ReportForm:
        hidden = () if access.sees_all(self.request.user, Mailing) else ("owner",)
        return ReportForm(self.request.GET, self.usual, (*self.without, *hidden))

    @cached_property
    def scope(self) -> Scope:
        return Scope(self.attempts(), self.form.chosen)

    # What the answer depends on

    @cached_property
    def key(self) -> str:
        """Under which the answer is kept: nobody else's, and not this person's with another role or other shares."""
        asked = {name: self.request.GET.get(name, "") for name in (*self.form.fields, SORT, PAGE, FAILURES)}
        # Two installations may share a Redis.
        where = (connection.settings_dict["HOST"], connection.settings_dict["NAME"])
        scope = (
            *where,
            person(self.request).pk,
            access.version(person(self.request)),
            self.request.path,
            self.scope.period,
        )
        depends_on = (*scope, get_language(), timezone.get_current_timezone_name(), sorted(asked.items()))
        return f"report:{blake2b(repr((*depends_on, code_version())).encode(), digest_size=16).hexdigest()}"

    @cached_property
    def _stamp(self) -> Stamp:
        return answers.stamp(self.key, self._version)

    def _version(self) -> str:
        late = clock.late(self.request)
        # Its banner says for how long, to the minute.
        return f"{self.scope.version()} {late and late.now.replace(second=0, microsecond=0)}"

    def stamp(self) -> Stamp:
        return self._stamp

    def identity(self) -> tuple[Any, ...]:
        stopped, someone = stop_switch.in_force(self.request), person(self.request)
        return (self.key, someone.full_name, someone.email, stopped and stopped.pk, settings.SENDING_ENABLED)

    def is_kept(self) -> bool:
        # A page that tells what the person has just done is for once.
        return super().is_kept() and EXPORT not in self.request.GET and not len(get_messages(self.request))

    # The answer

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if asked := request.GET.get(EXPORT):
            return self._file(asked)
        if not self.is_kept():
            return pages.answer(request, self._page())
        page, self.outcome = answers.kept(self.key, self.etag, self._page)
        response = pages.answer(request, page)
        if self.outcome == "stale":
            add_never_cache_headers(response)
        return response

    def _page(self) -> str:
        """The whole page: the frame alone takes some 15 ms of the processor."""
        context = self.get_context_data(form=self.form, files=self._files(), **self._report())
        return pages.make(self.request, self.template_name, context)

    def _report(self) -> dict[str, Any]:
        found = self._by(self.scope)
        total = figures.total(found.values())
        bars = days.by_day(self.scope.within(self._whole().last_days(MOST_BARS)))
        main = self._in_order(self._main(found, total))
        return {
            "tiles": self._tiles(total),
            "chart": Chart(bars),
            "most_bars": MOST_BARS if len(bars) == MOST_BARS else None,
            "period": self.scope.period,
            "main": main.page(self.request.GET.get(PAGE), PER_PAGE, lambda page: self._link(page=page)),
            "others": [*self._others(total), *self._failures()],
        }

    def _by(self, scope: Scope) -> dict[int, Figures]:
        return figures.by_mailing(scope)

    def _main(self, found: dict[int, Figures], total: Figures) -> Table:
        return report_tables.mailings(found, total)

    def _in_order(self, table: Table) -> Table:
        return table.in_order(self.request.GET.get(SORT, ""), lambda order: self._link(sort=order))

    def _others(self, total: Figures) -> list[Table]:
        return [
            report_tables.outcomes(total),
            report_tables.domains(rollups.domains(self.scope)),
            report_tables.replies(rollups.replies(self.scope)),
        ]

    def _failures(self) -> list[Table]:
        """A page of them, for whoever may see the log."""
        if not self._shows_failures():
            return []
        found = Failures(self.scope)
        page: Page[Any] = Paginator(cast(Any, found), PER_PAGE).get_page(self.request.GET.get(FAILURES))
        table = report_tables.failures(list(page), found)
        return [replace(table, turn=turn(page, lambda number: f"{self._link(failures=number)}#report-failures"))]

    def _shows_failures(self) -> bool:
        return self.has_failures and self.request.user.has_perm("campaigns.view_mailinglog")

    def _whole(self) -> Period:
        """The days of the report, also where it has no first one."""
        return self.scope.period.starting(days.first_day(self.scope))

    def _tiles(self, now: Figures) -> list[Tile]:
        before = None
        if self.compares and (earlier := self.scope.period.before):
            before = figures.total(self._by(self.scope.within(earlier)).values())
        titles = (
            ("sent", _("Sent")),
            ("success", _("Success")),
            ("errors", _("Errors")),
            ("unconfirmed", _("Unconfirmed")),
            ("skipped", _("Skipped")),
            ("cancelled", _("Cancelled")),
            ("attempts", _("Attempts")),
            ("recipients", _("Recipients")),
        )
        return [
            Tile(title, getattr(now, name), getattr(before, name, None), before is not None, name == "success")
            for name, title in titles
        ]

    # Files

    def _file(self, asked: str) -> HttpResponseBase:
        if asked not in EXPORTS:
            raise Http404
        name = f"{self.name}-{self.scope.period.last.isoformat()}"
        if asked == "xlsx":
            return files.as_workbook(self._tables(), name)
        wanted = self.request.GET.get(TABLE)
        tables = {table.name: table for table in self._tables()}
        if wanted and wanted not in tables:
            raise Http404
        table = tables[wanted] if wanted else next(iter(tables.values()))
        return files.as_csv(self.request, table, name)

    def _tables(self) -> list[Table]:
        found = self._by(self.scope)
        total = figures.total(found.values())
        every_day = days.by_day(self.scope.within(self._whole()))
        tables = [self._in_order(self._main(found, total)), report_tables.days(every_day), *self._others(total)]
        if self._shows_failures():
            letters = Failures(self.scope)
            tables.append(report_tables.failures(letters[0 : report_tables.MOST_IN_FILE], letters))
        return tables

    def _files(self) -> list[tuple[str, str]]:
        return [(kind.upper(), self._link(export=kind)) for kind in EXPORTS]

    def _link(self, **changes: str | int) -> str:
        kept = {SORT: self.request.GET[SORT]} if SORT in self.request.GET else {}
        return "?" + urlencode({**self.form.query, **kept, **changes})
