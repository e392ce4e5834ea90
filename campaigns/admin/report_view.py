"""What the pages of all reports have in common: what they depend on, their figures, tables and files."""

from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import blake2b
from typing import Any, ClassVar
from urllib.parse import urlencode

from django.contrib.messages import get_messages
from django.core.paginator import Paginator
from django.db import connection
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.cache import add_never_cache_headers
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.generic import TemplateView
from unfold.views import UnfoldSiteViewMixin

from backoffice import answers
from backoffice.answers import Stamp
from backoffice.caching import ClientCacheMixin, code_version
from campaigns import access
from campaigns.admin import report_files, report_tables, stop_switch
from campaigns.admin.base import person
from campaigns.admin.chart import Chart
from campaigns.admin.report_form import USUAL, ReportForm
from campaigns.admin.tables import Table
from campaigns.models import Mailing, MailingAttempt
from campaigns.reports import failures, figures, rollups
from campaigns.reports.figures import Figures
from campaigns.reports.period import Period
from campaigns.reports.scope import Scope

PER_PAGE = 50
# So many days, at the most, have bars of their own: 366 took 100 ms to write, most of the page.
MOST_BARS = 120
EXPORTS = ("csv", "xlsx")
EXPORT, TABLE, SORT, PAGE = "export", "table", "sort", "page"


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
        asked = {name: self.request.GET.get(name, "") for name in (*self.form.fields, SORT, PAGE)}
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
        return answers.stamp(self.key, self.scope.version)

    def stamp(self) -> Stamp:
        return self._stamp

    def identity(self) -> tuple[Any, ...]:
        stopped = stop_switch.in_force(self.request)
        return (self.key, str(person(self.request)), stopped and stopped.pk)

    def is_kept(self) -> bool:
        # A page that tells what the person has just done is for once.
        return super().is_kept() and EXPORT not in self.request.GET and not len(get_messages(self.request))

    # The answer

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if asked := request.GET.get(EXPORT):
            return self._file(asked)
        body, outcome = answers.kept(self.key, self._stamp.version, self._body)
        context = self.get_context_data(body=body, form=self.form, files=self._files(), **kwargs)
        response = self.render_to_response(context)
        if outcome == "stale":
            add_never_cache_headers(response)
        response.headers["X-Report-Cache"] = outcome
        return response

    def _body(self) -> str:
        found = self._by(self.scope)
        total = figures.total(found.values())
        bars = figures.by_day(self.scope.within(self._whole().last_days(MOST_BARS)))
        main = self._sorted(self._main(found, total))
        page = Paginator(main.rows, PER_PAGE).get_page(self.request.GET.get(PAGE))
        context = {
            "tiles": self._tiles(total),
            "chart": Chart(bars),
            "most_bars": MOST_BARS if len(bars) == MOST_BARS else None,
            "period": self.scope.period,
            "main": replace(main, rows=list(page)),
            "page": page,
            "newer": self._link(page=str(page.number - 1)),
            "older": self._link(page=str(page.number + 1)),
            "others": self._others(),
        }
        return render_to_string("campaigns/report_body.html", context)

    def _by(self, scope: Scope) -> dict[int, Figures]:
        return figures.by_mailing(scope)

    def _main(self, found: dict[int, Figures], total: Figures) -> Table:
        return report_tables.mailings(found, total)

    def _others(self) -> list[Table]:
        tables = [
            report_tables.domains(rollups.domains(self.scope)),
            report_tables.replies(rollups.replies(self.scope)),
        ]
        if self.has_failures and self.request.user.has_perm("campaigns.view_mailinglog"):
            tables.append(report_tables.failures(failures.latest(self.scope), failures.MOST))
        return tables

    def _whole(self) -> Period:
        """The days of the report, also where it has no first one."""
        return self.scope.period.starting(figures.first_day(self.scope))

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

    def _sorted(self, table: Table) -> Table:
        """The rows in the order that the address asks for, and links to the other orders."""
        asked = self.request.GET.get(SORT, "")
        names = [column.name for column in table.columns]
        order = asked if asked.lstrip("-") in names else "-last_run" if "last_run" in names else ""
        if not order:
            return table
        place, backwards = names.index(order.lstrip("-")), order.startswith("-")
        rows = sorted(table.rows, key=lambda row: _comparable(row.cells[place]), reverse=backwards)
        orders = {column.name: self._link(sort=_next(column, order)) for column in table.columns}
        return replace(table, rows=rows, orders=orders, order=order)

    # Files

    def _file(self, asked: str) -> HttpResponseBase:
        if asked not in EXPORTS:
            raise Http404
        name = f"{self.name}-{self.scope.period.last.isoformat()}"
        if asked == "xlsx":
            return report_files.as_workbook(self._tables(), name)
        wanted = self.request.GET.get(TABLE)
        tables = {table.name: table for table in self._tables()}
        if wanted and wanted not in tables:
            raise Http404
        return report_files.as_csv(tables[wanted] if wanted else next(iter(tables.values())), name)

    def _tables(self) -> list[Table]:
        found = self._by(self.scope)
        main = self._sorted(self._main(found, figures.total(found.values())))
        return [main, report_tables.days(figures.by_day(self.scope.within(self._whole()))), *self._others()]

    def _files(self) -> list[tuple[str, str]]:
        return [(kind.upper(), self._link(export=kind)) for kind in EXPORTS]

    def _link(self, **changes: str) -> str:
        kept = {SORT: self.request.GET[SORT]} if SORT in self.request.GET else {}
        return "?" + urlencode({**self.form.query, **kept, **changes})


def _comparable(value: Any) -> tuple[bool, Any]:
    return (value is not None, value.casefold() if isinstance(value, str) else value or 0)


def _next(column: Any, order: str) -> str:
    """Figures begin with the greatest, texts with A; a second press turns the order."""
    if order.lstrip("-") == column.name:
        return column.name if order.startswith("-") else f"-{column.name}"
    return column.name if column.kind == "text" else f"-{column.name}"
