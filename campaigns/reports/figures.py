"""What became of letters, added up from the counters of attempts and from the tally: never from the ledger."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Max, Sum

from campaigns.models.mailing import COUNTERS
from campaigns.reports.scope import Scope

ENDS = COUNTERS[1:]


@dataclass(frozen=True)
class Figures:
    """Attempts that were launched on some days with the recipients in them, and letters that came to an end then."""

    attempts: int = 0
    recipients: int = 0
    sent: int = 0
    errors: int = 0
    skipped: int = 0
    unconfirmed: int = 0
    cancelled: int = 0
    last_run: datetime | None = None

    @property
    def done(self) -> int:
        return self.sent + self.errors + self.skipped + self.unconfirmed + self.cancelled

    @property
    def success(self) -> float | None:
        """The sent ones in percent of those that were tried; None: none was."""
        tried = self.sent + self.errors + self.unconfirmed
        return 100 * self.sent / tried if tried else None


def by_mailing(scope: Scope) -> dict[int, Figures]:
    """The figures of each mailing of which something was launched or came to an end."""
    return _by(scope, "mailing", "attempt__mailing")


def by_attempt(scope: Scope) -> dict[int, Figures]:
    """The figures of each attempt that was launched, or of which something came to an end."""
    return _by(scope, "pk", "attempt")


def total(parts: Iterable[Figures]) -> Figures:
    """All of them together."""
    parts = list(parts)
    summed = {name: sum(getattr(part, name) for part in parts) for name in ("attempts", "recipients", *ENDS)}
    return Figures(**summed, last_run=max((part.last_run for part in parts if part.last_run), default=None))


def _by(scope: Scope, of_attempt: str, of_tally: str) -> dict[int, Figures]:
    if scope.period.is_everything:
        return _ever(scope, of_attempt)
    launches = scope.launched().values_list(of_attempt).annotate(Count("pk"), Sum("total"), Max("created_at"))
    ends = scope.tallies().values_list(of_tally).annotate(*(Sum(name) for name in ENDS))
    found: dict[int, dict[str, Any]] = {}
    for key, attempts, recipients, last_run in launches:
        found[key] = {"attempts": attempts, "recipients": recipients, "last_run": last_run}
    for key, *sums in ends:
        found.setdefault(key, {}).update(zip(ENDS, sums, strict=True))
    return {key: Figures(**figures) for key, figures in found.items()}


def _ever(scope: Scope, of_attempt: str) -> dict[int, Figures]:
    """Of all days the counters of the attempts say the same as the tally, which has a row for each minute."""
    sums = (
        scope.launched()
        .values_list(of_attempt)
        .annotate(Count("pk"), Sum("total"), *(Sum(name) for name in ENDS), Max("created_at"))
    )
    return {key: Figures(*figures) for key, *figures in sums}
