"""Check of all packs (P1 to P12), without the index."""

from __future__ import annotations

import errno
from collections.abc import Collection, Iterator

from artfs.chunks.check_pack import check_pack
from artfs.chunks.pack_storage import PackStorage, parse_pack_name
from artfs.chunks.packfile import PackFile
from artfs.errors import ArtfsError, IntegrityError, StorageError
from artfs.format.pack import PackKind
from artfs.store.fsck.finding import BadRecords, Finding, Part
from artfs.store.pack_inventory import list_names
from artfs.store.progress import Progress

__all__ = ["check_packs"]


def check_packs(
    storage: PackStorage,
    bad: BadRecords,
    progress: Progress,
    *,
    read_data: bool,
    read_nodes: bool = False,
    only: Collection[str] | None = None,
) -> Iterator[Finding]:
    """Check every pack, also those that the index does not know (yet).

    Args:
        storage: Where the packs are.
        bad: Receives what is damaged.
        progress: Counts the packs.
        read_data: Read the data too, not only what describes it.
        read_nodes: Read that of node packs in any case.
        only: Names of packs; others are not checked.

    Raises:
        StorageError: The system failed to read, with anything but an input/output error: that is damage.
    """
    sizes = {name: size for name, size in list_names(storage).items() if only is None or name in only}
    progress.total(len(sizes), sum(sizes.values()))
    for name, size in sizes.items():
        yield from _check(storage, name, bad, read_data, read_nodes)
        progress.advance(1, size)


def _check(storage: PackStorage, name: str, bad: BadRecords, read_data: bool, read_nodes: bool) -> Iterator[Finding]:
    try:
        pack = parse_pack_name(name)
    except IntegrityError as error:
        bad.names[name] = [Finding("P1", Part.PACK, str(error))]
        yield from bad.names[name]
        return
    found: list[Finding] = []
    try:
        file = PackFile(storage, name)
        for damage in check_pack(file, read_data or (read_nodes and _has_nodes(file))):
            bad.packs.add(pack)
            if damage.digest is not None:
                bad.digests.setdefault(damage.digest, set()).add(pack)
            bad.places.add((pack, damage.offset))
            found.append(Finding(damage.invariant, Part.PACK, f"{name}, offset {damage.offset}: {damage.message}"))
            yield found[-1]
    except IntegrityError as error:
        if name in list_names(storage):  # no regular file
            bad.packs.add(pack)
            bad.names[name] = [Finding("P1", Part.PACK, str(error))]
            yield bad.names[name][0]
        return  # missing: its writer gave up; if the index knows it, C9 says so
    except StorageError as error:
        if error.errno != errno.EIO:
            raise
        bad.packs.add(pack)
        bad.unreadable.add(name)
        yield Finding("P6", Part.PACK, f"{name} cannot be read to its end: {error}")
    else:
        if found:
            bad.names[name] = found


def _has_nodes(file: PackFile) -> bool:
    """Return whether it is a node pack, as far as its header is readable."""
    try:
        return file.header().kind == PackKind.NODES
    except ArtfsError:
        return True
