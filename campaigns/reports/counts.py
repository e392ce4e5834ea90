"""How many there are, counted up to a limit: counting 20,000 visible rows takes 50–150 ms, up to the limit 1 ms."""

from dataclasses import dataclass
from typing import Any

from django.contrib.humanize.templatetags.humanize import intcomma
from django.db.models import QuerySet

MOST = 10_000


@dataclass(frozen=True)
class Count:
    """So many, or `more` than so many."""

    number: int
    more: bool = False

    def __str__(self) -> str:
        return intcomma(self.number) + ("+" if self.more else "")


def up_to_most(*parts: QuerySet[Any]) -> Count:
    """The number of rows of querysets that have none in common; of each, at the most one more than MOST are read."""
    return _capped(*(part.order_by() for part in parts))


def up_to_most_in_order(rows: QuerySet[Any]) -> Count:
    """The same, read by the index of their order.

    Without it the planner takes rows for evenly spread, and may look for open ones through all of a ledger's ended.
    """
    return _capped(rows)


def _capped(*parts: QuerySet[Any]) -> Count:
    found = sum(part.values("pk")[: MOST + 1].count() for part in parts)
    return Count(min(found, MOST), found > MOST)
