"""Choice among the rows of a run's history: by keys, and a number of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from artfs.format.steps import Row

__all__ = ["sampled", "wanted_rows"]


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
