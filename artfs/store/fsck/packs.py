"""Check all pack files (P1 to P12), without the index."""

from __future__ import annotations

import errno
from collections.abc import Collection, Iterator
from pathlib import Path

from artfs.chunks.check import check_pack
from artfs.chunks.packfile import named_pack, opened
from artfs.errors import ArtfsError, IntegrityError, StorageError
from artfs.format.pack import PackKind
from artfs.store.fsck.finding import BadRecords, Finding, Part
from artfs.store.layout import Layout
from artfs.store.progress import Progress

__all__ = ["check_packs"]


def check_packs(
    layout: Layout,
    bad: BadRecords,
    progress: Progress,
    *,
    read_data: bool,
    read_nodes: bool = False,
    only: Collection[Path] | None = None,
) -> Iterator[Finding]:
    """Check every pack there is, whether the index knows it (yet) or not.

    Args:
        layout: Of the store.
        bad: Is filled with what is damaged.
        progress: Is told of every pack.
        read_data: Whether to read the data too, or only what describes it.
        read_nodes: Whether to read that of node packs in any case.
        only: Check no others.

    Raises:
        StorageError: The system failed to read, with anything but an input/output error: that is damage.
    """
    sizes = {path: size for path, size in _sizes(layout).items() if only is None or path in only}
    progress.total(len(sizes), sum(sizes.values()))
    for path, size in sizes.items():
        yield from _check(layout, path, bad, read_data or (read_nodes and _has_nodes(path)))
        progress.advance(1, size)


def _sizes(layout: Layout) -> dict[Path, int]:
    found = {}
    for path in sorted(layout.packs.glob("*/*.pack")):
        try:
            found[path] = path.stat().st_size
        except FileNotFoundError:
            continue  # its writer gave up
    return found


def _has_nodes(path: Path) -> bool:
    """Whether it is a node pack, as far as that can be told."""
    try:
        with opened(path) as file:
            return file.header().kind == PackKind.NODES
    except ArtfsError:
        return True


def _check(layout: Layout, path: Path, bad: BadRecords, read_data: bool) -> Iterator[Finding]:
    name = path.relative_to(layout.root)
    try:
        pack = named_pack(path)
    except IntegrityError as error:
        bad.files[path] = [Finding("P1", Part.PACK, str(error))]
        yield from bad.files[path]
        return
    found: list[Finding] = []
    try:
        for damage in check_pack(path, read_data):
            bad.packs.add(pack)
            if damage.digest is not None:
                bad.digests.setdefault(damage.digest, set()).add(pack)
            bad.places.add((pack, damage.offset))
            message = damage.message.removeprefix(f"{path}: ")
            found.append(Finding(damage.invariant, Part.PACK, f"{name}, offset {damage.offset}: {message}"))
            yield found[-1]
    except IntegrityError:
        if path.exists():  # else its writer gave up; if the index knows it, C9 says so
            raise
    except StorageError as error:
        if error.errno != errno.EIO:
            raise
        bad.packs.add(pack)
        yield Finding("P6", Part.PACK, f"{name} cannot be read to its end: {error}")
    else:
        if found:
            bad.files[path] = found
