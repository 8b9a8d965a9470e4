"""Rows about drafts: copying into one, the commit after it, and a small change of a large version."""

from __future__ import annotations

import contextlib
import itertools
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

from benchmark import machine, mounts
from benchmark.example import Example
from benchmark.rows import Comparison, Measure, Row
from benchmark.workshop import Workshop, remove

_NULL = Path(__file__).with_name("nullfs.py")
_EDITED = "file_0001234.txt"
_SETTLING_SECONDS = 2.0  # within which a daemon that is left alone does what it put off

Target = Callable[[], AbstractContextManager[Path]]
"""Gives an empty directory to copy into; what is in it is gone afterwards."""


def rows(shop: Workshop) -> list[Row]:
    """Return the rows about drafts."""
    targets = _Targets(shop)
    big = _copying(shop, targets, "big", "the big file", 0.5)
    small = _copying(shop, targets, "small", "the small files", 0.35)
    change = f"open a draft of {shop.settings.sizes.crowd:,} files, change one, commit"
    limits: list[tuple[str, str, str, Callable[[Workshop], float], float]] = [
        ("stage-million", change, "s", _change_seconds, 0.3),
        ("stage-million-bytes", "what that writes, commands and daemon together", "kB", _change_kilobytes, 1000),
    ]
    return [
        *big,
        *small,
        *(
            Row(name, title, unit, {"artfs": partial(measure, shop)}, (Comparison(below=limit),))
            for name, title, unit, measure, limit in limits
        ),
    ]


# ------------------------------------------------------------------------------------------------------------ copying


def _copying(shop: Workshop, targets: _Targets, part: str, title: str, expected: float) -> list[Row]:
    """Return the rows about copying a part of the data set."""
    native = machine.file_system(shop.work)
    unit = "MB/s" if part == "big" else "files/s"

    def speed(target: Target) -> Measure:
        return lambda: _amount(shop, part) / _copy(shop, part, target)

    artfs = speed(targets.draft)
    steps = _CopyAndCommit(shop, part, targets.draft)
    return [
        Row(
            f"stage-{part}",
            f"copy {title} into a draft, until all is on the disk",
            unit,
            {"artfs": artfs, native: speed(targets.native), "null mount": speed(targets.null)},
            (
                Comparison(against=native, at_least=expected),
                Comparison(against="null mount"),
                Comparison("null mount", native),
            ),
        ),
        Row(
            f"stage-{part}-peer",
            "the same beside pyfuse3's passthrough example",
            unit,
            {"artfs": artfs, "passthrough": speed(targets.passthrough)},
            (Comparison(against="passthrough"),),
        ),
        Row(
            f"stage-{part}-commit",
            "the commit after that, as a share of the copy's time",
            "s",
            {"commit": partial(steps.seconds, "commit"), "copy": partial(steps.seconds, "copy")},
            (Comparison("commit", "copy", below=0.1),),
        ),
    ]


def _amount(shop: Workshop, part: str) -> float:
    """Return how many megabytes or files a copy is."""
    return shop.data.sizes.big / 1e6 if part == "big" else float(shop.data.sizes.files)


def _copy(shop: Workshop, part: str, target: Target) -> float:
    """Copy, and return the seconds until all is on the disk."""
    source = _source(shop, part)
    with target() as directory:
        return _timed_copy(shop, source, directory)


def _source(shop: Workshop, part: str) -> Path:
    return shop.warmed("data/big.bin" if part == "big" else "data/small")


def _timed_copy(shop: Workshop, source: Path, directory: Path) -> float:
    """Copy with nothing else waiting to be written; what the kernel keeps for a FUSE mount goes to the disk too."""
    os.sync()
    start = time.monotonic()
    shop.programs.run(["cp", "-r", source, directory])
    machine.write_back(directory)
    machine.write_back(shop.work)
    return time.monotonic() - start


class _CopyAndCommit:
    """Copies into a draft and commits it, and gives out each of the two times once."""

    def __init__(self, shop: Workshop, part: str, draft: Target) -> None:
        self._shop = shop
        self._part = part
        self._draft = draft
        self._measured: dict[str, float] = {}

    def seconds(self, step: str) -> float:
        """Return what `commit` or `copy` took, measured now unless the other was asked for just before."""
        if step not in self._measured:
            self._measured = self._measure()
        return self._measured.pop(step)

    def _measure(self) -> dict[str, float]:
        source = _source(self._shop, self._part)
        with self._draft() as directory:
            copy = _timed_copy(self._shop, source, directory)
            start = time.monotonic()
            self._shop.programs.run([*self._shop.settings.artfs, "commit", directory])
            return {"copy": copy, "commit": time.monotonic() - start}


class _Targets:
    """Where copies go."""

    def __init__(self, shop: Workshop) -> None:
        self._shop = shop
        self._example = Example(shop)
        self._numbers = itertools.count()

    @contextlib.contextmanager
    def native(self) -> Iterator[Path]:
        """Give a directory on the disk."""
        directory = self._shop.fresh(f"native-{next(self._numbers)}")
        directory.mkdir()
        try:
            yield directory
        finally:
            self._shop.discard(directory)

    @contextlib.contextmanager
    def draft(self) -> Iterator[Path]:
        """Give a new draft in a new store."""
        store = self._shop.fresh("staged")
        self._shop.programs.run([*self._shop.settings.artfs, "init", store])
        try:
            with _drafts_mounted(self._shop, store):
                directory = self._shop.drafts / "data"
                directory.mkdir()
                yield directory
        finally:
            remove(store)

    @contextlib.contextmanager
    def null(self) -> Iterator[Path]:
        """Give a mount that discards what is written."""
        with mounts.served(self._shop.programs, [sys.executable, _NULL, self._shop.point], self._shop.point):
            yield self._shop.point

    @contextlib.contextmanager
    def passthrough(self) -> Iterator[Path]:
        """Give a directory on the disk by way of pyfuse3's example, as it comes."""
        program = self._example.program
        mirrored = self._shop.fresh(f"mirrored-{next(self._numbers)}")
        mirrored.mkdir()
        server: list[str | Path] = [sys.executable, program, mirrored, self._shop.point]
        try:
            with mounts.served(self._shop.programs, server, self._shop.point):
                yield self._shop.point
        finally:
            self._shop.discard(mirrored)


def _drafts_mounted(shop: Workshop, store: Path) -> AbstractContextManager[None]:
    settings = shop.settings
    return mounts.artfs_mounted(shop.programs, settings.artfs, store, shop.point, settings.workers, drafts=shop.drafts)


# ----------------------------------------------------------------------------------------------------------- changing


def _change_seconds(shop: Workshop) -> float:
    with _drafts_mounted(shop, shop.crowd):
        start = time.monotonic()
        _change(shop)
        seconds = time.monotonic() - start
        _close(shop)
    return seconds


def _change_kilobytes(shop: Workshop) -> float:
    """Return what every process handed to write calls, the daemon's checkpoint afterwards included."""
    with _drafts_mounted(shop, shop.crowd):
        before = shop.programs.written()
        _change(shop)
        time.sleep(_SETTLING_SECONDS)
        written = shop.programs.written() - before
        _close(shop)
    return written / 1000


def _change(shop: Workshop) -> None:
    """Open a draft of the latest version, write 16 bytes in the middle of one of its files, commit."""
    shop.artfs(shop.crowd, "stage", "crowd")
    with (shop.drafts / "crowd" / _EDITED).open("r+b") as file:
        file.seek(512)
        file.write(b"%016d" % (time.time_ns() % 10**16))
    shop.artfs(shop.crowd, "commit", shop.drafts / "crowd")


def _close(shop: Workshop) -> None:
    shop.artfs(shop.crowd, "discard", shop.drafts / "crowd")
