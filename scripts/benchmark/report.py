"""The report: a line per comparison, or everything as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from benchmark.rows import Comparison, Figures

_COLUMNS = ("subject", "figure", "against", "figure", "ratio", "of the rounds", "expected", "")
_RIGHT = {1, 3, 4}


def as_table(facts: Mapping[str, str], rounds: int, results: Sequence[Figures]) -> str:
    """Return the report for people."""
    lines = [f"{name + ':':<13}{value}" for name, value in facts.items()]
    lines += [f"{'figures:':<13}medians of {rounds} alternating round{'s' if rounds > 1 else ''}", ""]
    blocks = [(figures, _cells(figures)) for figures in results]
    every = [_COLUMNS, *(cells for _, block in blocks for cells in block)]
    widths = [max(len(cells[column]) for cells in every) for column in range(len(_COLUMNS))]
    lines += ["  " + _padded(_COLUMNS, widths)]
    for figures, block in blocks:
        lines += [f"{figures.row.name}: {figures.row.title} ({figures.row.unit})"]
        if figures.failed or figures.skipped:
            lines += [f"  FAILED: {figures.failed}" if figures.failed else f"  not measured: {figures.skipped}"]
        lines += ["  " + _padded(cells, widths) for cells in block]
    return "\n".join(lines) + "\n"


def as_json(facts: Mapping[str, str], rounds: int, results: Sequence[Figures]) -> str:
    """Return the report for programs: every figure of every round."""
    return json.dumps(
        {"facts": dict(facts), "rounds": rounds, "rows": [_row_as_json(figures) for figures in results]}, indent=2
    )


def _cells(figures: Figures) -> list[tuple[str, ...]]:
    if figures.failed or figures.skipped:
        return []
    return [_line(figures, comparison) for comparison in figures.row.comparisons]


def _line(figures: Figures, comparison: Comparison) -> tuple[str, ...]:
    ratio, ratios = figures.ratio(comparison), figures.ratios(comparison)
    met = figures.met(comparison)
    return (
        comparison.subject,
        _figure(figures.median(comparison.subject)),
        comparison.against or "",
        _figure(figures.median(comparison.against)) if comparison.against else "",
        "" if ratio is None else f"{ratio:.2f}",
        f"{min(ratios):.2f}-{max(ratios):.2f}" if len(ratios) > 1 else "",
        comparison.expected,
        "" if met is None else ("yes" if met else "NO"),
    )


def _figure(value: float) -> str:
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _padded(cells: Sequence[str], widths: Sequence[int]) -> str:
    pairs = enumerate(zip(cells, widths, strict=True))
    return "  ".join(
        f"{cell:>{width}}" if column in _RIGHT else f"{cell:<{width}}" for column, (cell, width) in pairs
    ).rstrip()


def _row_as_json(figures: Figures) -> dict[str, object]:
    measured = not (figures.failed or figures.skipped)
    return {
        "name": figures.row.name,
        "title": figures.row.title,
        "unit": figures.row.unit,
        "skipped": figures.skipped,
        "failed": figures.failed,
        "rounds": figures.rounds,
        "medians": {name: figures.median(name) for name in figures.rounds} if measured else {},
        "comparisons": [_comparison_as_json(figures, each) for each in figures.row.comparisons] if measured else [],
    }


def _comparison_as_json(figures: Figures, comparison: Comparison) -> dict[str, object]:
    return {
        "subject": comparison.subject,
        "against": comparison.against,
        "ratio": figures.ratio(comparison),
        "expected": comparison.expected or None,
        "met": figures.met(comparison),
    }
