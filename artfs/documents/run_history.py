"""Rows of a run's history: chosen by keys, a number of them, as JSON, as curves."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from artfs.catalog import to_json
from artfs.documents.document import Document

if TYPE_CHECKING:
    from artfs.format.steps import Row

__all__ = ["curves", "sampled", "step_document", "wanted_rows", "with_last_values"]

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


def with_last_values(summary: Mapping[str, Any], rows: list[Row]) -> dict[str, Any]:
    """Return the summary that a run would have stored if it had not been killed.

    Args:
        summary: As it was stored last. What it keeps of a metric as a dictionary (`define_metric`) stays.
        rows: The history. A key with dots, which the summary does not have, is one in dictionaries.
    """
    last: dict[str, Any] = {}
    for row in rows:
        last |= row
    found = copy.deepcopy(dict(summary))
    for name, value in last.items():
        place: Any = found
        parts = name.split(".")
        if name in found or "" in parts:
            parts = [name]
        for part in parts[:-1]:
            place = place.setdefault(part, {}) if isinstance(place, dict) else place
        if name[:1] != "_" and isinstance(place, dict) and not isinstance(place.get(parts[-1]), dict):
            place[parts[-1]] = value
    return found


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
