"""The page of what was found wrong with a mailing before it is sent, with those whom it concerns."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import action

from campaigns import access
from campaigns.admin.base import Scoped
from campaigns.admin.downloads import as_csv
from campaigns.imports.rows import neutralised
from campaigns.models import Mailing, Recipient
from campaigns.preflight import Finding, findings

FINDING, NEW_ONLY, PAGE = "finding", "new", "page"
FIRST, PER_PAGE = 5, 50
COLUMNS = ("email", "full_name", "comment")


@dataclass(frozen=True)
class Shown:
    """A finding, and those of its recipients whom the person may see."""

    finding: Finding
    visible: QuerySet[Recipient]
    count: int

    @property
    def first(self) -> QuerySet[Recipient]:
        return self.visible[:FIRST]

    @property
    def more(self) -> bool:
        return self.count > FIRST

    @property
    def hidden(self) -> int:
        return self.finding.count - self.count


class MailingPreflight(Scoped):
    """Shown to whoever may see the mailing; recipients whom that person may not see are counted, not named."""

    actions_detail: Any = ("preflight",)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.preflight_export)
        export = path("<path:object_id>/preflight/export/", view, name="campaigns_mailing_preflight_export")
        return [export, *super().get_urls()]

    @action(description=gettext_lazy("Preflight"), url_path="preflight", icon="fact_check")
    def preflight(self, request: HttpRequest, object_id: str) -> HttpResponse:
        mailing = self._checked_mailing(request, object_id)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Preflight: %s") % mailing,
            "page_name": _("Preflight"),
            "opts": self.opts,
            "original": mailing,
            "new_only": NEW_ONLY in request.GET,
            "sent_before": mailing.attempts.real().begun().exists(),
        }
        if code := request.GET.get(FINDING):
            shown = _shown(request, _with_rows(request, mailing, code))
            page = Paginator(shown.visible, PER_PAGE).get_page(request.GET.get(PAGE))
            return TemplateResponse(request, "campaigns/preflight_rows.html", {**context, "shown": shown, "page": page})
        found = [_shown(request, finding) for finding in _found(request, mailing)]
        blocking = sum(shown.finding.blocking for shown in found)
        return TemplateResponse(request, "campaigns/preflight.html", {**context, "found": found, "blocking": blocking})

    def preflight_export(self, request: HttpRequest, object_id: str) -> StreamingHttpResponse:
        """The recipients of one finding as CSV, written while they are read."""
        mailing = self._checked_mailing(request, object_id)
        finding = _with_rows(request, mailing, request.GET.get(FINDING, ""))
        rows = _shown(request, finding).visible.values_list(*COLUMNS)
        return as_csv(request, _lines(rows), f"preflight-{mailing.pk}")

    def _checked_mailing(self, request: HttpRequest, object_id: str) -> Mailing:
        mailing: Mailing = self.get_object(request, object_id)
        if not self.has_view_permission(request, mailing):
            raise PermissionDenied
        return mailing


def _found(request: HttpRequest, mailing: Mailing) -> list[Finding]:
    return findings(mailing, new_only=NEW_ONLY in request.GET)


def _with_rows(request: HttpRequest, mailing: Mailing, code: str) -> Finding:
    """The finding of that code. Raises Http404 when it is not there (any more), or is about nobody in particular."""
    for finding in _found(request, mailing):
        if finding.code == code and finding.rows is not None:
            return finding
    raise Http404


def _shown(request: HttpRequest, finding: Finding) -> Shown:
    if finding.rows is None:
        # Nobody is to be named, so nobody is left out.
        return Shown(finding, Recipient.objects.none(), finding.count)
    if access.sees_all(request.user, Recipient):
        return Shown(finding, finding.rows, finding.count)
    visible = access.visible_among(request.user, finding.rows)
    return Shown(finding, visible, visible.count())


def _lines(rows: QuerySet[Recipient, tuple[str, ...]]) -> Iterator[Sequence[str]]:
    yield COLUMNS
    for row in rows.iterator():
        yield [neutralised(cell) for cell in row]
