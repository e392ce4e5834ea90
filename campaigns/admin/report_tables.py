"""The tables that reports are made of."""

from collections.abc import Iterable
from typing import Any

from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from campaigns.admin.meter import stacked
from campaigns.admin.tables import Column, Row, Table
from campaigns.models import Mailing, MailingAttempt
from campaigns.reports.days import Day
from campaigns.reports.failures import Failure
from campaigns.reports.figures import Figures
from campaigns.reports.rollups import Domain, Reply


def _outcomes() -> list[Column]:
    return [
        Column("sent", _("Sent")),
        Column("errors", _("Errors")),
        Column("unconfirmed", _("Unconfirmed")),
        Column("skipped", _("Skipped")),
        Column("cancelled", _("Cancelled")),
        Column("success", _("Success"), "percent"),
    ]


def _of(figures: Figures) -> list[Any]:
    return [
        figures.sent,
        figures.errors,
        figures.unconfirmed,
        figures.skipped,
        figures.cancelled,
        figures.success,
    ]


def _bar(sent: int, errors: int, unconfirmed: int, others: int) -> SafeString:
    counts = [(sent, "success"), (errors, "danger"), (unconfirmed, "warning"), (others, "default")]
    return stacked(counts, sent + errors + unconfirmed + others)


def _bar_of(figures: Figures) -> SafeString:
    return _bar(figures.sent, figures.errors, figures.unconfirmed, figures.skipped + figures.cancelled)


def mailings(found: dict[int, Figures], total: Figures) -> Table:
    """A row per mailing."""
    named = Mailing.objects.filter(pk__in=found).select_related("owner").only("name", "status", "owner")
    rows = [
        Row(
            [
                mailing.name,
                str(mailing.get_status_display()),
                str(mailing.owner),
                figures.attempts,
                figures.recipients,
                *_of(figures),
                figures.last_run,
            ],
            reverse("admin:campaigns_mailing_report", args=[mailing.pk]),
            _bar_of(figures),
        )
        for mailing in named
        for figures in [found[mailing.pk]]
    ]
    columns = [
        Column("name", _("Mailing"), "text"),
        Column("status", _("Status"), "text"),
        Column("owner", _("Owner"), "text"),
        Column("attempts", _("Attempts")),
        Column("recipients", _("Recipients")),
        *_outcomes(),
        Column("last_run", _("Last run"), "time"),
    ]
    return Table("mailings", _("Mailings"), columns, rows, nothing=_("No letter of these days."), total=_sum(total, 2))


def attempts(found: dict[int, Figures], total: Figures) -> Table:
    """A row per attempt of a mailing, the latest first."""
    known = MailingAttempt.objects.filter(pk__in=found).order_by("-pk").defer("body", "body_html")
    rows = [
        Row(
            [str(attempt), str(attempt.get_status_display()), attempt.created_at, attempt.total, *_of(figures)],
            reverse("admin:campaigns_mailingattempt_change", args=[attempt.pk]),
            _bar_of(figures),
        )
        for attempt in known
        for figures in [found[attempt.pk]]
    ]
    columns = [
        Column("attempt", _("Attempt"), "text"),
        Column("status", _("Status"), "text"),
        Column("launched", _("Launched"), "time"),
        Column("recipients", _("Recipients")),
        *_outcomes(),
    ]
    return Table("attempts", _("Attempts"), columns, rows, nothing=_("No letter of these days."))


def days(found: list[Day]) -> Table:
    columns = [Column("day", _("Day"), "day"), *_outcomes()[:3]]
    return Table("days", _("Days"), columns, [Row([day.date, day.sent, day.errors, day.unconfirmed]) for day in found])


def domains(found: list[Domain]) -> Table:
    columns = [Column("domain", _("Domain"), "text"), Column("letters", _("Letters")), *_outcomes()[:3]]
    rows = [
        Row(
            [one.name or _("%s others") % one.domains, one.total, one.sent, one.errors, one.unconfirmed],
            bar=_bar(one.sent, one.errors, one.unconfirmed, one.total - one.sent - one.errors - one.unconfirmed),
        )
        for one in found
    ]
    return Table("domains", _("Domains"), columns, rows, _of_ended(), _("No attempt has ended."))


def replies(found: list[Reply]) -> Table:
    columns = [Column("reply", _("Reply"), "text"), Column("kind", _("Outcome"), "text"), Column("n", _("Letters"))]
    most = max((one.letters for one in found), default=1)
    rows = [
        Row([one.text or "—", str(one.label), one.letters], bar=stacked([(one.letters, "danger")], most))
        for one in found
    ]
    nothing = _("No letter has failed, and none is in doubt.")
    return Table("replies", _("Replies to what failed"), columns, rows, _of_ended(), nothing)


def failures(found: Iterable[Failure], most: int) -> Table:
    columns = [
        Column("email", _("E-mail"), "text"),
        Column("mailing", _("Mailing"), "text"),
        Column("kind", _("Outcome"), "text"),
        Column("reply", _("Reply"), "text"),
        Column("at", _("When"), "time"),
    ]
    rows = [
        Row(
            [one.email, one.name, one.label, one.detail, one.settled_at],
            reverse("admin:campaigns_mailinglog_change", args=[one.row]),
        )
        for one in found
    ]
    hint = _("At most %s, of the latest attempts that were launched in these days.") % most
    return Table("failures", _("Failures"), columns, rows, hint, _("No letter has failed, and none is in doubt."))


def _sum(figures: Figures, empty: int) -> Row:
    cells = [_("Together"), *[""] * empty, figures.attempts, figures.recipients, *_of(figures), figures.last_run]
    return Row(cells, bar=_bar_of(figures))


def _of_ended() -> str:
    return _("Of the attempts that were launched in these days and have ended.")
