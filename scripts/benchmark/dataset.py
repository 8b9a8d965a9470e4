"""The data set: the same bytes, names and times at every run, made where the measurement happens."""

from __future__ import annotations

import os
import random
from dataclasses import dataclass
from pathlib import Path

_SEED = 20240301
_OLD = 1_700_000_000  # every file's mtime: long before any store looks at it, so that nothing is "racy"
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is made and read."""

    files: int
    directories: int
    smallest_file: int
    largest_file: int
    big: int
    table: int
    crowd: int  # files of the version that is one huge directory
    versions: int  # of an artifact with a long history
    nodes: int  # versions and runs of a graph
    passes: int  # over all small files or entries, when warm
    random_reads: int


FULL = Sizes(
    files=10_000,
    directories=100,
    smallest_file=20_000,
    largest_file=60_000,
    big=1 << 30,
    table=300_000_000,
    crowd=1_000_000,
    versions=100_000,
    nodes=10_000,
    passes=4,
    random_reads=8_000,
)

QUICK = Sizes(
    files=60,
    directories=4,
    smallest_file=2_000,
    largest_file=60_000,
    big=5 << 20,
    table=2_000_000,
    crowd=3_000,
    versions=2_500,
    nodes=200,
    passes=2,
    random_reads=200,
)


@dataclass(frozen=True, slots=True)
class DataSet:
    """Where the data lies: `data/small/<directory>/<file>`, `data/big.bin` and `table/table.csv` below `root`."""

    root: Path
    sizes: Sizes
    names: tuple[str, ...]  # of the small files, relative to `data`
    small_bytes: int

    @property
    def data(self) -> Path:
        """Return what becomes the artifact `data`: small files and the big one."""
        return self.root / "data"

    @property
    def table(self) -> Path:
        """Return what becomes the artifact `table`."""
        return self.root / "table"

    @property
    def small_entries(self) -> int:
        """Return how many entries a walk of `data/small` finds."""
        return self.sizes.files + self.sizes.directories


def make(root: Path, sizes: Sizes) -> DataSet:
    """Write the data set below `root`, which must not exist yet, and have it on the disk before returning."""
    names, small_bytes = _write_small_files(root / "data", sizes)
    _write_random_file(root / "data" / "big.bin", sizes.big)
    _write_table(root / "table" / "table.csv", sizes.table)
    for directory, _, files in os.walk(root):
        for file in files:
            os.utime(Path(directory, file), (_OLD, _OLD))
    os.sync()
    return DataSet(root, sizes, names, small_bytes)


def _write_small_files(root: Path, sizes: Sizes) -> tuple[tuple[str, ...], int]:
    """Write files of random bytes: what a JPEG is to a chunker and a compressor."""
    source = random.Random(_SEED)
    names, total = [], 0
    for number in range(sizes.files):
        name = f"small/class_{number % sizes.directories:03d}/image_{number:06d}.jpg"
        if number < sizes.directories:
            (root / name).parent.mkdir(parents=True)
        content = source.randbytes(source.randrange(sizes.smallest_file, sizes.largest_file))
        (root / name).write_bytes(content)
        names.append(name)
        total += len(content)
    return tuple(names), total


def _write_random_file(path: Path, size: int) -> None:
    """Write one large file of random bytes: a model's weights."""
    source = random.Random(_SEED + 1)
    with path.open("wb") as file:
        for start in range(0, size, _BLOCK):
            file.write(source.randbytes(min(_BLOCK, size - start)))


def _write_table(path: Path, size: int) -> None:
    """Write a CSV of about `size` bytes: it compresses about 2.5 times, and no two parts of it are alike."""
    path.parent.mkdir(parents=True)
    source = random.Random(_SEED + 2)
    places = ["Bergen", "Oslo", "Reykjavik", "Stockholm", "Tromso", "Turku", "Uppsala", "Vaasa"]
    written = number = 0
    with path.open("w", encoding="ascii", newline="") as file:
        written += file.write("id,time,place,sensor,temperature,pressure,valid\n")
        while written < size:
            rows = []
            for _ in range(2_000):
                draw = source.getrandbits(62)
                number += 1
                rows.append(
                    f"{number},{_OLD + 7 * number},{places[draw & 7]},s{draw >> 3 & 1023:04d},"
                    f"{(draw >> 13 & 0xFFFF) / 1000 - 25:.3f},{950 + (draw >> 29 & 0xFFFFF) / 10000:.4f},{draw >> 61}\n"
                )
            written += file.write("".join(rows))
