"""The row about how long the smallest command takes."""

from __future__ import annotations

import sys
import time
from functools import partial

from benchmark.rows import Comparison, Row
from benchmark.workshop import Workshop

_STARTS = 10


def rows(shop: Workshop) -> list[Row]:
    """Return the row about starting."""
    python = partial(milliseconds, shop, [sys.executable, "-c", "pass"])
    contenders = {"artfs": partial(_list_artifacts, shop), "python": python}
    comparisons = (Comparison(below=150), Comparison(against="python"))
    return [Row("start", "`artfs ls` from start to end, warm", "ms", contenders, comparisons)]


def _list_artifacts(shop: Workshop) -> float:
    store = shop.small_store
    return milliseconds(shop, [*shop.settings.artfs, "--store", str(store), "ls"])


def milliseconds(shop: Workshop, command: list[str]) -> float:
    """Return the mean time of one start; the first is not counted."""
    shop.programs.run(command)
    start = time.monotonic()
    for _ in range(_STARTS):
        shop.programs.run(command)
    return (time.monotonic() - start) / _STARTS * 1e3
