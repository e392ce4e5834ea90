"""The tables that reports are made of."""

from typing import Any

from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import User
from campaigns.admin.reports.tables import Bar, Column, Row, Table
from campaigns.models import Mailing, MailingAttempt
from campaigns.models.log import Status
from campaigns.reports.days import Day
from campaigns.reports.failures import Failure, Failures
from campaigns.reports.figures import Figures
from campaigns.reports.rollups import Domain, Reply

# So many failures, at the most, are in a file.
MOST_IN_FILE = 10_000


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


def _launched(figures: Figures) -> list[int]:
    return [figures.attempts, figures.recipients]


def _bar(sent: int, errors: int, unconfirmed: int, others: int) -> Bar:
    return Bar(sent + errors + unconfirmed + others, sent, errors, unconfirmed, others)


def _bar_of(figures: Figures) -> Bar:
    return _bar(figures.sent, figures.errors, figures.unconfirmed, figures.skipped + figures.cancelled)


def outcomes(total: Figures) -> Table:
    """A row per outcome."""
    counts = [
        (_("Sent"), total.sent, "success"),
        (_("Errors"), total.errors, "danger"),
        (_("Unconfirmed"), total.unconfirmed, "warning"),
        (_("Skipped"), total.skipped, "default"),
        (_("Cancelled"), total.cancelled, "default"),
    ]
    rows = [
        Row([title, count, 100 * count / total.done], bar=Bar(total.done, **{colour: count}))
        for title, count, colour in counts
        if count
    ]
    columns = [Column("outcome", _("Outcome"), "text"), Column("letters", _("Letters"))]
    columns.append(Column("share", _("Share"), "percent"))
    return Table("outcomes", _("Outcomes"), columns, rows, nothing=_nothing())


def mailings(found: dict[int, Figures], total: Figures) -> Table:
    """A row per mailing; there may be 10,000, which is why they are no objects."""
    named = list(Mailing.objects.filter(pk__in=found).order_by().values_list("pk", "name", "status", "owner"))
    owners = User.objects.only("full_name", "email").in_bulk({owner for *_mailing, owner in named})
    people = {key: str(owner) for key, owner in owners.items()}
    statuses = {value: str(label) for value, label in Mailing.Status.choices}
    rows = [
        Row(
            [name, statuses[status], people[owner], *_launched(figures), *_of(figures), figures.last_run],
            key,
            _bar_of(figures),
        )
        for key, name, status, owner in named
        for figures in [found[key]]
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
    return Table(
        *("mailings", _("Mailings"), columns, rows),
        nothing=_nothing(),
        total=_sum(total, 2),
        leads_to="admin:campaigns_mailing_report",
    )


def attempts(found: dict[int, Figures], total: Figures) -> Table:
    """A row per attempt of a mailing, the latest first."""
    known = MailingAttempt.objects.filter(pk__in=found).order_by("-pk")
    known = known.only("dry_run", "test", "status", "created_at", "total")
    rows = [
        Row(
            [str(attempt), str(attempt.get_status_display()), attempt.created_at, attempt.total, *_of(figures)],
            attempt.pk,
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
    leads_to = "admin:campaigns_mailingattempt_change"
    return Table("attempts", _("Attempts"), columns, rows, nothing=_nothing(), leads_to=leads_to)


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
    colours = {Status.ERROR: "danger", Status.UNCONFIRMED: "warning"}
    rows = [
        Row([one.text or "—", str(one.label), one.letters], bar=Bar(most, **{colours[Status(one.status)]: one.letters}))
        for one in found
    ]
    nothing = _("No letter has failed, and none is in doubt.")
    return Table("replies", _("Replies to what failed"), columns, rows, _of_ended(), nothing)


def failures(found: list[Failure], letters: Failures) -> Table:
    """A row per letter; `found` is a part of the letters."""
    columns = [
        Column("email", _("E-mail"), "text"),
        Column("mailing", _("Mailing"), "text"),
        Column("kind", _("Outcome"), "text"),
        Column("reply", _("Reply"), "text"),
        Column("at", _("When"), "time"),
    ]
    rows = [Row([one.email, one.name, one.label, one.detail, one.settled_at], one.row) for one in found]
    hints = [_("Of the attempts that were launched in these days, the latest first.")] if found else []
    nothing = _("No letter has failed, and none is in doubt.")
    if letters.count() > MOST_IN_FILE:
        hints.append(_("A file has the first %s.") % intcomma(MOST_IN_FILE))
    if pruned := letters.pruned:
        removed = ngettext(
            "%s letter can not be listed: the log of its attempt has been removed.",
            "%s letters can not be listed: the log of their attempts has been removed.",
            pruned,
        )
        nothing = removed % intcomma(pruned)
        hints.append(nothing)
    leads_to = "admin:campaigns_mailinglog_change"
    return Table("failures", _("Failures"), columns, rows, " ".join(hints), nothing, leads_to=leads_to)


def _sum(figures: Figures, empty: int) -> Row:
    cells = [_("Together"), *[""] * empty, *_launched(figures), *_of(figures), figures.last_run]
    return Row(cells, bar=_bar_of(figures))


def _of_ended() -> str:
    return _("Of the attempts that were launched in these days and have ended.")


def _nothing() -> str:
    return _("No letter of these days.")
