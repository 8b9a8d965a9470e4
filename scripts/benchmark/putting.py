"""Rows about storing: everything at once, the same again, and what compresses."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmark.rows import Comparison, Row
from benchmark.workshop import Workshop, installed, remove

Step = Callable[[], object]


def rows(shop: Workshop) -> list[Row]:
    """Return the rows about storing."""
    put = {"artfs": partial(_put_artfs, shop, "data"), "cp -r": partial(_put_native, shop, "data")}
    again = {"artfs": _Again(shop, _artfs_step)}
    if installed("borg"):
        put["borg"] = partial(_put_borg, shop)
        again["borg"] = _Again(shop, _borg_step)
    if installed("restic"):
        put["restic"] = partial(_put_restic, shop)
        again["restic"] = _Again(shop, _restic_step)
    others = [name for name in ("borg", "restic") if name in put]
    table = {"artfs": partial(_put_artfs, shop, "table"), "cp -r": partial(_put_native, shop, "table")}
    return [
        Row(
            "put",
            "put small files and the big file, until all is on the disk",
            "s",
            put,
            (
                Comparison(against="cp -r", at_most=1.0),
                *(Comparison(against=name) for name in others),
                *(Comparison(subject=name, against="cp -r") for name in others),
            ),
        ),
        Row("put-table", "put the CSV, until all is on the disk", "s", table, (Comparison(against="cp -r"),)),
        Row(
            "put-again",
            "put the same again, unchanged",
            "s",
            again,
            (Comparison(below=0.3), *(Comparison(against=name) for name in others)),
        ),
    ]


def timed(step: Step) -> float:
    """Return the seconds until a step and all that it wrote are done; nothing else waits to be written before."""
    os.sync()
    start = time.monotonic()
    step()
    os.sync()
    return time.monotonic() - start


def _put_native(shop: Workshop, part: str) -> float:
    source, copy = shop.warmed(part), shop.fresh("copy")
    try:
        return timed(lambda: shop.programs.run(["cp", "-r", source, copy]))
    finally:
        shop.discard(copy)


def _put_artfs(shop: Workshop, part: str) -> float:
    source, store = shop.warmed(part), shop.fresh("put-artfs")
    try:
        return timed(_artfs_step(shop, store, source))
    finally:
        remove(store)


def _put_borg(shop: Workshop) -> float:
    source, store = shop.warmed("data"), shop.fresh("put-borg")
    try:
        return timed(_borg_step(shop, store, source))
    finally:
        remove(store)
        remove(shop.work / "home" / "borg")  # its list of known files


def _put_restic(shop: Workshop) -> float:
    source, store = shop.warmed("data"), shop.fresh("put-restic")
    try:
        return timed(_restic_step(shop, store, source))
    finally:
        remove(store)
        remove(shop.work / "home" / "restic")


def _artfs_step(shop: Workshop, store: Path, source: Path) -> Step:
    """Make a store and return what puts the source into it."""
    shop.programs.run([*shop.settings.artfs, "init", store])
    return lambda: shop.artfs(store, "put", source, "-n", "data")


def _borg_step(shop: Workshop, store: Path, source: Path) -> Step:
    """Make a repository, unencrypted, else with borg's defaults, and return what makes an archive in it."""
    shop.programs.run(["borg", "init", "--encryption", "none", store])
    numbers = itertools.count()
    return lambda: shop.programs.run(["borg", "create", f"{store}::{next(numbers)}", source])


def _restic_step(shop: Workshop, store: Path, source: Path) -> Step:
    """Make a repository with restic's defaults and return what makes a snapshot in it."""
    shop.programs.run(["restic", "init", "--quiet", "--repo", store])
    return lambda: shop.programs.run(["restic", "backup", "--quiet", "--repo", store, source])


class _Again:
    """Stores once, unmeasured, when first asked; then measures the same step again and again."""

    def __init__(self, shop: Workshop, make: Callable[[Workshop, Path, Path], Step]) -> None:
        self._shop = shop
        self._make = make
        self._step: Step | None = None

    def __call__(self) -> float:
        source = self._shop.warmed("data")
        if self._step is None:
            step = self._make(self._shop, self._shop.fresh(f"again{self._make.__name__}"), source)
            step()
            self._step = step
        return timed(self._step)
