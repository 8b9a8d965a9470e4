"""Rows about drafts: copying into one, the commit after it, and a small change of a large version."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import cached_property, partial
from pathlib import Path

from benchmark import mounts
from benchmark.errors import BenchError, SkippedError
from benchmark.rows import Comparison, Row
from benchmark.workshop import Workshop

_NULL = Path(__file__).with_name("nullfs.py")
_PATIENCE_SECONDS = 60
_EDITED = "file_0000007.txt"

Target = Callable[[], AbstractContextManager[Path]]
"""Gives an empty directory to copy into, ready when it is entered and gone afterwards."""


def rows(shop: Workshop) -> list[Row]:
    """Return the rows about drafts."""
    stage = _Staging(shop)
    found = []
    for part, title, unit, expected in (
        ("big", "the big file", "MB/s", 0.5),
        ("small", "the small files", "files/s", 0.35),
    ):
        source = partial(stage.source, part)
        artfs = partial(stage.copy, part, stage.draft)
        native = partial(stage.copy, part, stage.native)
        null = partial(stage.copy, part, stage.null)
        found += [
            Row(
                f"stage-{part}",
                f"copy {title} into a draft, until all is on the disk",
                unit,
                {"artfs": artfs, stage.disk: native, "null mount": null},
                (
                    Comparison(against=stage.disk, at_least=expected),
                    Comparison(against="null mount"),
                    Comparison(subject="null mount", against=stage.disk),
                ),
            ),
            Row(
                f"stage-{part}-peer",
                f"copy {title}, beside pyfuse3's passthrough example",
                unit,
                {"artfs": artfs, "passthrough": partial(stage.copy, part, stage.passthrough)},
                (Comparison(against="passthrough"),),
            ),
            Row(
                f"stage-{part}-commit",
                f"the commit after copying {title}, in hundredths of the copy's time",
                "%",
                {"artfs": partial(stage.commit_share, source)},
                (Comparison(below=10),),
            ),
        ]
    limits = (("seconds", "stage-million", "s", 0.3), ("bytes", "stage-million-bytes", "kB", 1000))
    return found + [
        Row(
            name,
            f"stage, change one file of {shop.settings.sizes.crowd:,} and commit: {what}",
            unit,
            {"artfs": partial(stage.change_one, what)},
            (Comparison(below=limit),),
        )
        for what, name, unit, limit in limits
    ]


class _Staging:
    def __init__(self, shop: Workshop) -> None:
        self._shop = shop
        self._copies = 0

    @property
    def disk(self) -> str:
        """What the native file system is called in the report."""
        return "native"

    def source(self, part: str) -> Path:
        """The files to be copied."""
        data = self._shop.data
        return data.data / ("big.bin" if part == "big" else "small")

    def copy(self, part: str, target: Target) -> float:
        """Copy, and return how many files or megabytes a second that were, the sync of the disk included."""
        source = self.source(part)
        amount = _megabytes(source) if part == "big" else _files(source)
        with target() as directory:
            os.sync()
            start = time.monotonic()
            self._shop.programs.run(["cp", "-r", source, directory])
            os.sync()
            return amount / (time.monotonic() - start)

    def commit_share(self, source: Callable[[], Path]) -> float:
        """Copy into a draft, then commit; return the commit's time in hundredths of the copy's."""
        path = source()
        with self.draft() as directory:
            os.sync()
            start = time.monotonic()
            self._shop.programs.run(["cp", "-r", path, directory])
            os.sync()
            copied = time.monotonic()
            self._shop.programs.run([*self._shop.settings.artfs, "commit", directory])
            return 100 * (time.monotonic() - copied) / (copied - start)

    @contextlib.contextmanager
    def native(self) -> Iterator[Path]:
        """A directory on the disk. It stays till the end: ext4 is slow to make files where many were just removed."""
        self._copies += 1
        directory = self._shop.fresh(f"copy-{self._copies}")
        directory.mkdir()
        yield directory

    @contextlib.contextmanager
    def draft(self) -> Iterator[Path]:
        """A new draft in a new store."""
        self._copies += 1
        store = self._shop.fresh(f"staged-{self._copies}")
        with self._mounted(store) as stage:
            directory = stage / "data"
            directory.mkdir()
            yield directory

    @contextlib.contextmanager
    def _mounted(self, store: Path) -> Iterator[Path]:
        shop, stage = self._shop, self._shop.work / "stage"
        stage.mkdir(exist_ok=True)
        start: list[str | Path] = [*shop.settings.artfs, "--store", store]
        if not store.exists():
            shop.programs.run([*start, "init"])
        mount = [*start, "mount", shop.point, "--staging", stage]
        with mounts.mounted(shop.programs, mount, shop.point, [*start, "umount", shop.point, stage]):
            yield stage

    @contextlib.contextmanager
    def null(self) -> Iterator[Path]:
        """A mount that discards all."""
        with self._served([sys.executable, str(_NULL)], "--writeback") as point:
            yield point

    @contextlib.contextmanager
    def passthrough(self) -> Iterator[Path]:
        """pyfuse3's example, over a directory on the disk."""
        self._copies += 1
        mirrored = self._shop.fresh(f"mirrored-{self._copies}")
        mirrored.mkdir()
        with self._served([sys.executable, str(self._example), str(mirrored)]) as point:
            yield point

    @contextlib.contextmanager
    def _served(self, command: list[str], *more: str) -> Iterator[Path]:
        """Run a file system in the foreground, given its mountpoint, and unmount it."""
        point = self._shop.work / "null"
        point.mkdir(exist_ok=True)
        server = subprocess.Popen([*command, str(point), *more], stderr=subprocess.DEVNULL)
        try:
            end = time.monotonic() + _PATIENCE_SECONDS
            while not os.path.ismount(point):
                if server.poll() is not None or time.monotonic() > end:
                    raise BenchError(f"{command[-1]} mounted nothing")
                time.sleep(0.002)
            yield point
        finally:
            mounts.detach(point)
            server.terminate()
            server.wait(_PATIENCE_SECONDS)

    @cached_property
    def _example(self) -> Path:
        """The passthrough example of the installed pyfuse3, from its source distribution."""
        version = importlib.metadata.version("pyfuse3")
        place = self._shop.fresh("pyfuse3")
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "-q",
            "--no-deps",
            "--no-binary",
            "pyfuse3",
            "-d",
            str(place),
        ]
        done = subprocess.run([*command, f"pyfuse3=={version}"], capture_output=True, check=False, timeout=300)
        found = next(place.glob("*.tar.gz"), None)
        if done.returncode or found is None:
            raise SkippedError(f"pyfuse3 {version} cannot be downloaded as source, which has the example")
        with tarfile.open(found) as archive:
            archive.extractall(place, filter="data")
        example = next(place.glob("*/examples/passthroughfs.py"), None)
        if example is None:
            raise SkippedError(f"the source of pyfuse3 {version} has no passthrough example")
        return example

    def change_one(self, what: str) -> float:
        """Open a draft of the crowd, change one file, commit; return the time, or what all processes wrote."""
        shop, store = self._shop, self._shop.crowd
        with self._mounted(store) as stage:
            before = self._written()
            start = time.monotonic()
            shop.artfs(store, "stage", "crowd", "--from", "v1")
            (stage / "crowd" / _EDITED).write_bytes(b"changed %d\n" % time.time_ns())
            shop.programs.run([*shop.settings.artfs, "commit", stage / "crowd"])
            seconds = time.monotonic() - start
            written = self._written() - before
            shop.artfs(store, "discard", str(stage / "crowd"))
        return seconds if what == "seconds" else written / 1000

    def _written(self) -> int:
        """Bytes that the daemons handed to write calls so far."""
        total = 0
        for process in self._shop.programs.running():
            fields = dict(line.split(": ") for line in Path(f"/proc/{process}/io").read_text().splitlines())
            total += int(fields["wchar"])
        return total


def _files(root: Path) -> int:
    return sum(len(files) for _directory, _directories, files in os.walk(root))


def _megabytes(path: Path) -> float:
    return path.stat().st_size / 1e6
