"""Rows of a run's history: chosen by keys, a number of them, as JSON, as curves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from artfs.catalog import to_json
from artfs.documents.document import Document

if TYPE_CHECKING:
    from artfs.format.steps import Row

__all__ = ["curves", "sampled", "step_document", "wanted_rows"]

_MOST_CURVES: Final = 200


def wanted_rows(rows: list[Row], keys: Sequence[str] | None, besides: Sequence[str] = ()) -> list[Row]:
    """Return the rows that have all of some keys, with these alone.

    Args:
        rows: The rows.
        keys: The keys; None: all, and every row.
        besides: Keys that need not be in a row, and are in what is returned.
    """
    if keys is None:
        return rows
    named = dict.fromkeys((*besides, *keys))
    return [{key: row[key] for key in named if key in row} for row in rows if all(key in row for key in keys)]


def sampled(rows: list[Row], most: int) -> list[Row]:
    """Return at most so many rows, at equal distances, with the first and the last."""
    if len(rows) <= most:
        return rows
    if most < 2:
        return rows[:most]
    return [rows[place * (len(rows) - 1) // (most - 1)] for place in range(most)]


def step_document(row: Row) -> Document:
    """Return a row as JSON; numbers that are infinite or NaN as a summary has them."""
    document: Document = to_json(row, "history")
    return document


def curves(rows: list[Row], most: int) -> Document:
    """Return the curves of the values that are numbers, as points of step, seconds of the run, and value.

    Args:
        rows: The rows.
        most: The most points of a curve: of more, the least and the greatest of each stretch are taken.
    """
    points: dict[str, list[tuple[int, float, float]]] = {}
    for row in rows:
        for key, value in row.items():
            if isinstance(value, int | float) and not key.startswith("_") and math.isfinite(value):
                points.setdefault(key, []).append((row["_step"], row["_runtime"], value))
    chosen = sorted(points)[:_MOST_CURVES]
    return {
        "curves": [{"key": key, "points": _extremes(points[key], most)} for key in chosen],
        "left_out": len(points) - len(chosen),
    }


def _extremes(points: list[tuple[int, float, float]], most: int) -> list[tuple[int, float, float]]:
    """Return at most so many points, among them the first, the last, and the peaks between."""
    stretches = most // 2 - 1
    if len(points) <= most or stretches < 1:
        return points[:most]
    kept = [0]
    for number in range(stretches):
        places = range(1 + number * (len(points) - 2) // stretches, 1 + (number + 1) * (len(points) - 2) // stretches)
        low = min(places, key=lambda place: points[place][2])
        high = max(places, key=lambda place: points[place][2])
        kept += sorted({low, high})
    return [points[place] for place in (*kept, len(points) - 1)]
