"""Rows about the Python API: what it takes to import it, to log many files with it, and to find a version."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

from benchmark.putting import timed
from benchmark.rows import Comparison, Row
from benchmark.starting import milliseconds
from benchmark.workshop import Workshop, remove

_USER = Path(__file__).with_name("apiuser.py")
_SMALL = "data/small"


def rows(shop: Workshop) -> list[Row]:
    """Return the rows about the API."""
    logging = {
        "add_dir": partial(_log, shop, "dir"),
        "add_file": partial(_log, shop, "files"),
        "artfs put": partial(_put, shop),
    }
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
            logging,
            (
                Comparison("add_dir", against="artfs put", at_most=1.3),
                Comparison("add_file", against="artfs put", at_most=1.3),
            ),
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
    ]


def _log(shop: Workshop, how: str) -> float:
    source, store = shop.warmed(_SMALL), shop.fresh("api-log")
    try:
        shop.programs.run([*shop.settings.artfs, "init", store])
        return timed(lambda: shop.programs.run([sys.executable, _USER, how, store, source]))
    finally:
        remove(store)


def _put(shop: Workshop) -> float:
    source, store = shop.warmed(_SMALL), shop.fresh("api-put")
    try:
        shop.programs.run([*shop.settings.artfs, "init", store])
        return timed(lambda: shop.artfs(store, "put", source, "-n", "small"))
    finally:
        remove(store)


def _look_up(shop: Workshop) -> float:
    return float(shop.programs.run([sys.executable, _USER, "artifact", shop.small_store, "artifact-3:latest"]))
