"""The measured runs as a table for people and as JSON."""

import json
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import source
from result import Run
from scenarios import Scenario

HEADINGS = ("", "scenario", "messages", "messages/s", "min-max", "of the limit", "CPU us/message", "peak MB", "")


@dataclass(frozen=True)
class Line:
    """One contender in one scenario: medians over its runs."""

    name: str
    scenario: Scenario
    runs: list[Run]
    limit: float | None
    note: str

    @property
    def per_second(self) -> float:
        return median(run.per_second for run in self.runs)

    @property
    def ratio(self) -> float | None:
        return self.per_second / self.limit if self.limit else None

    def as_json(self) -> dict[str, object]:
        return {
            "name": self.name,
            "scenario": self.scenario.name,
            "per_second": round(self.per_second, 1),
            "ratio_to_limit": None if self.ratio is None else round(self.ratio, 4),
            "cpu_us": round(median(run.cpu_us for run in self.runs), 1),
            "peak_mb": round(max(run.peak_mb for run in self.runs), 1),
        }

    def as_row(self) -> tuple[str, ...]:
        rates = [run.per_second for run in self.runs]
        return (
            self.name,
            self.scenario.name,
            f"{self.runs[-1].messages:,}",
            f"{self.per_second:,.0f}",
            f"{min(rates):,.0f}-{max(rates):,.0f}",
            "" if self.ratio is None else f"{100 * self.ratio:.1f} %",
            f"{median(run.cpu_us for run in self.runs):,.1f}",
            f"{max(run.peak_mb for run in self.runs):,.0f}",
            self._remark(),
        )

    def _remark(self) -> str:
        bound = self.scenario.bound if not self.scenario.rtt_ms else None
        share = f"{100 * self.per_second / bound:.1f} % of connections / delay" if bound else ""
        return ", ".join(filter(None, (self.note, share)))


class Results:
    """All runs so far. A contender with several settings counts by the best of them."""

    def __init__(self) -> None:
        self._runs: dict[tuple[str, str], dict[str, list[Run]]] = defaultdict(lambda: defaultdict(list))
        self._scenarios: dict[str, Scenario] = {}

    def add(self, name: str, scenario: Scenario, run: Run, note: str = "") -> None:
        self._scenarios[scenario.name] = scenario
        self._runs[scenario.name, name][note].append(run)

    def lines(self) -> list[Line]:
        limits = {
            scenario: self._line(name, self._scenarios[scenario], None).per_second
            for scenario, name in self._runs
            if name == source.NAME
        }
        return [self._line(name, self._scenarios[where], limits.get(where)) for where, name in self._runs]

    def of(self, name: str, scenario: Scenario) -> list[Run]:
        return [run for runs in self._runs[scenario.name, name].values() for run in runs]

    def _line(self, name: str, scenario: Scenario, limit: float | None) -> Line:
        settings = self._runs[scenario.name, name].items()
        best = max(settings, key=lambda item: median(run.per_second for run in item[1]))
        return Line(name, scenario, best[1], limit, note=best[0])


def table(lines: list[Line]) -> str:
    """Numbers to the right, words to the left."""
    rows = [HEADINGS, *(line.as_row() for line in lines)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    sides = (str.ljust, str.ljust, *([str.rjust] * 6), str.ljust)
    return "\n".join(
        "  ".join(side(word, width) for side, word, width in zip(sides, row, widths, strict=True)).rstrip()
        for row in rows
    )


def write_json(file: Path, lines: list[Line]) -> None:
    file.write_text(json.dumps([line.as_json() for line in lines], indent=2) + "\n")
