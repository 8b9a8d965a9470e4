"""Check all pack files (P1 to P12), without the index."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path

from artfs.chunks.check import check_pack
from artfs.chunks.packfile import named_pack
from artfs.errors import IntegrityError, StorageError
from artfs.store.fsck.finding import BadRecords, Finding, Part
from artfs.store.layout import Layout
from artfs.store.progress import Progress

__all__ = ["check_packs"]


def check_packs(layout: Layout, bad: BadRecords, progress: Progress, *, read_data: bool) -> Iterator[Finding]:
    """Check every pack there is, whether the index knows it (yet) or not.

    Args:
        layout: Of the store.
        bad: Is filled with what is damaged.
        progress: Is told of every pack.
        read_data: Whether to read the data too, or only what describes it.

    Raises:
        StorageError: The system failed to read, with anything but an input/output error: that is damage.
    """
    sizes = _sizes(layout)
    progress.total(len(sizes), sum(sizes.values()))
    for path, size in sizes.items():
        yield from _check(layout, path, bad, read_data)
        progress.advance(1, size)


def _sizes(layout: Layout) -> dict[Path, int]:
    found = {}
    for path in sorted(layout.packs.glob("*/*.pack")):
        try:
            found[path] = path.stat().st_size
        except FileNotFoundError:
            continue  # its writer gave up
    return found


def _check(layout: Layout, path: Path, bad: BadRecords, read_data: bool) -> Iterator[Finding]:
    name = path.relative_to(layout.root)
    try:
        pack = named_pack(path)
    except IntegrityError as error:
        yield Finding("P1", Part.PACK, str(error))
        return
    try:
        for damage in check_pack(path, read_data):
            bad.packs.add(pack)
            if damage.digest is not None:
                bad.digests.add(damage.digest)
            bad.places.add((pack, damage.offset))
            message = damage.message.removeprefix(f"{path}: ")
            yield Finding(damage.invariant, Part.PACK, f"{name}, offset {damage.offset}: {message}")
    except IntegrityError:
        if path.exists():  # else its writer gave up; if the index knows it, C9 says so
            raise
    except StorageError as error:
        if error.errno != errno.EIO:
            raise
        bad.packs.add(pack)
        yield Finding("P6", Part.PACK, f"{name} cannot be read to its end: {error}")
