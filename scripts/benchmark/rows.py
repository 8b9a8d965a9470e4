"""A row: what is measured, on whom, and what is expected of it."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from benchmark.errors import BenchError, SkippedError

Measure = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Comparison:
    """One line of the report: a contender's figure, alone or divided by another contender's."""

    subject: str = "artfs"
    against: str | None = None
    at_least: float | None = None
    at_most: float | None = None
    below: float | None = None  # as `at_most`, without the limit itself

    @property
    def expected(self) -> str:
        """Return the expectation as the report prints it."""
        for sign, limit in ((">=", self.at_least), ("<=", self.at_most), ("<", self.below)):
            if limit is not None:
                return f"{sign} {limit:g}"
        return ""

    def met(self, figure: float) -> bool | None:
        """Tell whether a figure (or ratio) is as expected; None where nothing is."""
        if self.at_least is not None:
            return figure >= self.at_least
        if self.at_most is not None:
            return figure <= self.at_most
        return figure < self.below if self.below is not None else None


@dataclass(frozen=True, slots=True)
class Row:
    """One thing to measure.

    `contenders` maps a name to a function that measures once, from nothing, and returns a figure in `unit`.
    """

    name: str
    title: str
    unit: str
    contenders: Mapping[str, Measure]
    comparisons: tuple[Comparison, ...]
    skipped: str | None = None


@dataclass(slots=True)
class Figures:
    """What a row gave: one figure per round and contender, or why there is none."""

    row: Row
    rounds: dict[str, list[float]] = field(default_factory=dict)
    skipped: str | None = None
    failed: str | None = None

    def median(self, contender: str) -> float:
        """Return the median over the rounds."""
        return statistics.median(self.rounds[contender])

    def ratio(self, comparison: Comparison) -> float | None:
        """Return the quotient of the two medians."""
        if comparison.against is None:
            return None
        return self.median(comparison.subject) / self.median(comparison.against)

    def ratios(self, comparison: Comparison) -> list[float]:
        """Return the quotient in each round: how far they lie apart tells how far to trust their median."""
        if comparison.against is None:
            return []
        pairs = zip(self.rounds[comparison.subject], self.rounds[comparison.against], strict=True)
        return [subject / against for subject, against in pairs]

    def met(self, comparison: Comparison) -> bool | None:
        """Tell whether what was expected of a comparison came true."""
        ratio = self.ratio(comparison)
        return comparison.met(self.median(comparison.subject) if ratio is None else ratio)


def measure(row: Row, rounds: int, say: Callable[[str], None]) -> Figures:
    """Measure every contender once a round; the first of a round is the last of the next: drift hits all alike."""
    figures = Figures(row, skipped=row.skipped)
    if row.skipped:
        return figures
    names = list(row.contenders)
    figures.rounds = {name: [] for name in names}
    try:
        for number in range(rounds):
            first = number % len(names)
            for name in names[first:] + names[:first]:
                say(f"{row.name}: round {number + 1} of {rounds}, {name}")
                figures.rounds[name].append(row.contenders[name]())
    except SkippedError as error:
        figures.skipped = str(error)
    except BenchError as error:
        figures.failed = str(error)
    return figures
