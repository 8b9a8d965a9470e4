"""Rows about the Python API: what it takes to import it, to log many files with it, and to find a version."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmark.putting import timed
from benchmark.rows import Comparison, Row
from benchmark.starting import milliseconds
from benchmark.workshop import Workshop, remove

_USER = Path(__file__).with_name("apiuser.py")
Step = Callable[[Path, Path], None]
"""Stores a directory: given the store, and the directory."""

_SMALL = "data/small"


def rows(shop: Workshop) -> list[Row]:
    """Return the rows about the API."""
    steps: dict[str, Step] = {
        "add_dir": partial(_script, shop, "dir"),
        "add_file": partial(_script, shop, "files"),
        "artfs put": partial(_command, shop),
    }
    first = {name: partial(_first, shop, step) for name, step in steps.items()}
    again = {name: _Again(shop, name.split()[-1], step) for name, step in steps.items() if name != "add_file"}
    importing = {
        "import artfs": partial(milliseconds, shop, [sys.executable, "-c", "import artfs"]),
        "and its names": partial(milliseconds, shop, [sys.executable, "-c", "from artfs import Api, Artifact, init"]),
        "python": partial(milliseconds, shop, [sys.executable, "-c", "pass"]),
    }
    return [
        Row(
            "api-log",
            f"a script that adds {shop.settings.sizes.files:,} files and logs them, until all is on the disk",
            "s",
            first,
            (
                Comparison("add_dir", against="artfs put", at_most=1.3),
                Comparison("add_file", against="artfs put", at_most=1.3),
            ),
        ),
        Row(
            "api-log-again",
            "the same scripts once more, with nothing changed",
            "s",
            again,
            (Comparison("add_dir", against="artfs put", at_most=1.3),),
        ),
        Row(
            "api-import",
            "a Python that imports, from start to end, warm",
            "ms",
            importing,
            (
                Comparison("import artfs", below=60),
                Comparison("import artfs", against="python"),
                Comparison("and its names", against="python"),
            ),
        ),
        Row(
            "api-artifact",
            "`Api().artifact(ref)`, with the store open",
            "ms",
            {"artfs": partial(_look_up, shop)},
            (Comparison(below=5),),
        ),
        Row(
            "run-log",
            "a call of `run.log` with ten values",
            "us",
            {"artfs": partial(_log_steps, shop, 0)},
            (Comparison(below=50),),
        ),
        Row(
            "run-history",
            f"what the history of {shop.settings.sizes.versions:,} such steps takes in the store",
            "MB",
            {"artfs": partial(_log_steps, shop, 1)},
            (Comparison(below=30),),
        ),
    ]


def _first(shop: Workshop, step: Step) -> float:
    """Return how long a step takes with an empty store."""
    source, store = shop.warmed(_SMALL), shop.fresh("api-log")
    try:
        shop.programs.run([*shop.settings.artfs, "init", store])
        return timed(lambda: step(store, source))
    finally:
        remove(store)


class _Again:
    """Takes a step once, unmeasured, when first asked; then measures the same step in that store again and again."""

    def __init__(self, shop: Workshop, name: str, step: Step) -> None:
        self._shop = shop
        self._name = name
        self._step = step
        self._store: Path | None = None

    def __call__(self) -> float:
        source = self._shop.warmed(_SMALL)
        if self._store is None:
            store = self._shop.fresh(f"api-again-{self._name}")
            self._shop.programs.run([*self._shop.settings.artfs, "init", store])
            self._step(store, source)
            self._store = store
        used = self._store
        return timed(lambda: self._step(used, source))


def _script(shop: Workshop, how: str, store: Path, source: Path) -> None:
    shop.programs.run([sys.executable, _USER, how, store, source])


def _command(shop: Workshop, store: Path, source: Path) -> None:
    shop.artfs(store, "put", source, "-n", "small")


def _look_up(shop: Workshop) -> float:
    return float(shop.programs.run([sys.executable, _USER, "artifact", shop.small_store, "artifact-3:latest"]))


def _log_steps(shop: Workshop, figure: int) -> float:
    store = shop.fresh("run-log")
    try:
        printed = shop.programs.run([sys.executable, _USER, "steps", store, str(shop.settings.sizes.versions)])
        return float(printed.split()[figure])
    finally:
        remove(store)
