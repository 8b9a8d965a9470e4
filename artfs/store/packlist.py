"""The packs of a store as their files tell: what the index's tables of packs, chunks and nodes are made from."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from artfs.catalog import PackRow
from artfs.chunks.packfile import named_pack, opened
from artfs.chunks.scan import Damage, read_footer, scan_records
from artfs.errors import IntegrityError
from artfs.format.pack import FooterEntry, PackKind, RecordKind

__all__ = ["PackContents", "pack_contents", "pack_paths"]


class PackContents(NamedTuple):
    """What one pack holds.

    Attributes:
        pack: Its id.
        row: What the index keeps of it.
        entries: Its records, with locations as the index keeps them; those that are whole if the footer is not sound.
        damages: What kept others from being told; none if the footer is sound.
    """

    pack: bytes
    row: PackRow
    entries: list[FooterEntry]
    damages: list[Damage]


def pack_paths(packs: Path) -> list[Path]:
    """The pack files under their right names, in order."""
    return sorted(path for path in packs.glob("*/*.pack") if _is_in_place(path))


def _is_in_place(path: Path) -> bool:
    try:
        return named_pack(path).hex()[:2] == path.parent.name
    except IntegrityError:
        return False


def pack_contents(path: Path) -> PackContents:
    """List a pack by its footer, or by its records where the footer cannot be used.

    Raises:
        IntegrityError: The file is missing.
        StorageError: The system failed to read.
    """
    damages: list[Damage] = []
    try:
        entries = read_footer(path)
    except IntegrityError as error:
        damages.append(Damage("P10", 0, str(error)))
        entries = []
        for found in scan_records(path):
            if isinstance(found, Damage):
                damages.append(found)
            else:
                entries.append(found)
    with opened(path) as file:
        try:
            kind = file.header().kind
        except IntegrityError:
            nodes = any(entry.kind == RecordKind.NODE for entry in entries)
            kind = PackKind.NODES if nodes else PackKind.DATA
        return PackContents(named_pack(path), PackRow(kind, file.size, len(entries)), entries, damages)
