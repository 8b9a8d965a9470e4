"""Inventory of packs and of their records, from which the tables of the index are made."""

from __future__ import annotations

from typing import NamedTuple

from artfs.catalog import PackRow
from artfs.chunks.pack_storage import PackStorage, pack_name, parse_pack_name
from artfs.chunks.packfile import PackFile
from artfs.chunks.recover import Damage, read_footer, scan_records
from artfs.chunks.writer import SealedPack
from artfs.errors import IntegrityError, StorageError
from artfs.format.pack import FooterEntry, PackKind, RecordKind

__all__ = ["PackContents", "index_rows", "list_names", "list_packs", "pack_contents"]


class PackContents(NamedTuple):
    """The contents of one pack.

    Attributes:
        pack: Its id.
        row: Its row in the index.
        entries: Its records, with locations as the index keeps them; those that are whole if the footer is not sound.
        damages: What kept other records from being listed; empty if the footer is sound.
    """

    pack: bytes
    row: PackRow
    entries: list[FooterEntry]
    damages: list[Damage]


def list_names(storage: PackStorage) -> dict[str, int]:
    """Return the bytes of each pack by name, also of misplaced packs and of files that are none.

    Raises:
        StorageError: The system failed to list.
    """
    try:
        return storage.list()
    except OSError as error:
        raise StorageError.of(error, "listing the packs") from error


def list_packs(storage: PackStorage) -> dict[bytes, int]:
    """Return the bytes of each pack that is in its place, by id.

    Raises:
        StorageError: The system failed to list.
    """
    found = {}
    for name, size in list_names(storage).items():
        try:
            pack = parse_pack_name(name)
        except IntegrityError:
            continue
        if name == pack_name(pack):
            found[pack] = size
    return found


def pack_contents(storage: PackStorage, pack: bytes) -> PackContents:
    """List a pack by its footer, or by its records where the footer cannot be used.

    Raises:
        IntegrityError: The pack is missing.
        StorageError: The system failed to read.
    """
    file = PackFile(storage, pack_name(pack))
    damages: list[Damage] = []
    try:
        entries = read_footer(file)
    except IntegrityError as error:
        damages.append(Damage("P10", 0, str(error)))
        entries = []
        for found in scan_records(file):
            if isinstance(found, Damage):
                damages.append(found)
            else:
                entries.append(found)
    try:
        kind = file.header().kind
    except IntegrityError:
        nodes = any(entry.kind == RecordKind.NODE for entry in entries)
        kind = PackKind.NODES if nodes else PackKind.DATA
    return PackContents(pack, PackRow(kind, file.size, len(entries)), entries, damages)


def index_rows(packs: list[SealedPack]) -> list[tuple[bytes, PackRow]]:
    """Return the index's rows for packs that were written."""
    return [(pack.pack, PackRow(pack.kind, pack.size, pack.count)) for pack in packs]
