"""What rows share, made when the first of them asks for it: the data set, a store of it, a squashfs image."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from benchmark import dataset
from benchmark.dataset import DataSet, Sizes
from benchmark.mounts import detach
from benchmark.programs import Programs


@dataclass(frozen=True, slots=True)
class Settings:
    """What the command line asked for."""

    artfs: list[str]
    sizes: Sizes
    rounds: int
    workers: int | None


class Workshop:
    """One work directory, everything in it, and the way to clean it away."""

    def __init__(self, work: Path, settings: Settings) -> None:
        """Use `work`, an empty directory, for everything."""
        self.work = work
        self.settings = settings
        self.programs = Programs(work / "home")
        self.point = work / "mount"
        self.drafts = work / "drafts"
        self._husks = 0

    @cached_property
    def data(self) -> DataSet:
        """Return the data set, made now."""
        return dataset.make(self.work / "source", self.settings.sizes)

    @cached_property
    def store(self) -> Path:
        """Return a store that holds the data set as `data:v0` and `table:v0`."""
        store = self.fresh("store")
        for name, path in (("data", self.data.data), ("table", self.data.table)):
            self.artfs(store, "put", path, "-n", name)
        os.sync()
        return store

    @cached_property
    def small_store(self) -> Path:
        """Return a store with a few artifacts."""
        store = self.fresh("small-store")
        for number in range(5):
            self.artfs(store, "put", __file__, "-n", f"artifact-{number}")
        return store

    @cached_property
    def crowd(self) -> Path:
        """Return a store that holds a huge flat directory, as `crowd.py` describes it."""
        store = self.fresh("crowd")
        program = Path(__file__).with_name("crowd.py")
        self.programs.run([sys.executable, program, "make", store, str(self.settings.sizes.crowd)])
        os.sync()
        return store

    @cached_property
    def many(self) -> Path:
        """Return a store that holds an artifact with many versions, `many`."""
        return self._history("many", self.settings.sizes.versions)

    @cached_property
    def lineage(self) -> Path:
        """Return a store that holds as many versions as runs that made them, each of one before it."""
        return self._history("lineage", self.settings.sizes.nodes // 2, "--runs")

    def _history(self, name: str, versions: int, *options: str) -> Path:
        store = self.fresh(name)
        program = Path(__file__).with_name("history.py")
        self.programs.run([sys.executable, program, store, str(versions), *options])
        return store

    @cached_property
    def image(self) -> Path:
        """Return a squashfs image of the data set: the usual layout, and zstd, which unpacks quicker than gzip."""
        image = self.work / "source.squashfs"
        image.unlink(missing_ok=True)
        self.programs.run(["mksquashfs", self.data.root, image, "-comp", "zstd", "-no-progress"])
        os.sync()
        return image

    def warmed(self, part: str) -> Path:
        """Return the path of a part of the data set, `data` or `table` or one below, which is in the page cache now."""
        part_path = self.data.root / part
        buffer = [bytearray(1 << 20)]
        for path in _files(part_path):
            file = os.open(path, os.O_RDONLY)
            while os.readv(file, buffer):
                pass
            os.close(file)
        return part_path

    def artfs(self, store: Path, *arguments: str | Path) -> str:
        """Run one artfs command on a store and return what it prints."""
        return self.programs.run([*self.settings.artfs, "--store", store, *arguments])

    def fresh(self, name: str) -> Path:
        """Return a path in the work directory at which nothing is."""
        path = self.work / name
        remove(path)
        return path

    def discard(self, path: Path) -> None:
        """Empty all files of a tree and take it out of the way: its room is free, its inodes go at the end of the run.

        For minutes after many files were removed, ext4 is several times slower at making others, since it looks at each
        inode that was in use lately (`recently_deleted` in its ialloc.c): the next contender would pay for that.
        """
        if not path.exists():
            return
        for file in _files(path):
            os.truncate(file, 0)
        husks = self.work / "husks"
        husks.mkdir(exist_ok=True)
        path.rename(husks / str(self._husks))
        self._husks += 1
        os.sync()

    def clean(self) -> None:
        """End every process, take away every mount, delete every file."""
        detach(self.work)
        self.programs.end_all()
        remove(self.work)


def _files(path: Path) -> Iterator[Path]:
    """Yield the files of a tree, or the one that the path leads to."""
    if not path.is_dir():
        yield path
    for directory, _, names in os.walk(path):
        for name in names:
            yield Path(directory, name)


def remove(path: Path) -> None:
    """Delete a directory if it is there, and write that back, so that no later measurement pays for it."""
    if path.exists():
        shutil.rmtree(path)
        os.sync()


def installed(program: str) -> bool:
    """Tell whether a program can be run."""
    return shutil.which(program) is not None
