"""Letters day by day as bars, drawn on the server; the page has the same as a table."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, log10

from campaigns.reports.days import Day

# The drawing is stretched to its place: so high is the highest bar, and so wide each day with its gap.
HEIGHT, WIDTH, GAP = 1000, 100, 16


@dataclass(frozen=True)
class Part:
    colour: str
    top: int
    height: int


@dataclass(frozen=True)
class Bar:
    """One day: where its bar begins, and what is stacked in it, from below."""

    day: Day
    left: int
    parts: list[Part]


@dataclass(frozen=True)
class Chart:
    days: list[Day]

    @property
    def total(self) -> int:
        return sum(day.sent for day in self.days)

    @property
    def top(self) -> int:
        """What the height of the drawing stands for: a round number that no day exceeds."""
        most = max([day.total for day in self.days] or [0])
        if most <= 10:
            return 10
        step = int(10 ** int(log10(most))) // 2
        return ceil(most / step) * step

    @property
    def bars(self) -> list[Bar]:
        return [Bar(day, place * WIDTH + GAP // 2, list(self._parts(day))) for place, day in enumerate(self.days)]

    @property
    def width(self) -> int:
        return len(self.days) * WIDTH

    @property
    def bar_width(self) -> int:
        return WIDTH - GAP

    @property
    def height(self) -> int:
        return HEIGHT

    def _parts(self, day: Day) -> Iterator[Part]:
        top = HEIGHT
        for colour, count in (("success", day.sent), ("danger", day.errors), ("warning", day.unconfirmed)):
            if count:
                height = max(1, HEIGHT * count // self.top)
                top -= height
                yield Part(colour, top, height)
