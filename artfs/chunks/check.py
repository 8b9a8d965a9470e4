"""Hold one pack against the invariants P1 to P12 of `artfs/docs/FORMAT.md`, for fsck."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from artfs.chunks.codec import decode
from artfs.chunks.packfile import PackFile, end_of, named_pack, opened
from artfs.chunks.scan import Damage, scan_records
from artfs.errors import IntegrityError
from artfs.format.digest import digest as digest_of
from artfs.format.digest import table_digest
from artfs.format.pack import (
    HEAD_SIZE,
    FooterEntry,
    Location,
    PackKind,
    RecordHead,
    RecordKind,
    stored_checksum,
    stored_table_size,
)

__all__ = ["check_pack"]

_BELONGS: Final = {PackKind.DATA: RecordKind.CHUNK, PackKind.NODES: RecordKind.NODE}


def check_pack(path: Path, read_data: bool) -> Iterator[Damage]:
    """Check one pack; a sound one yields nothing.

    Args:
        path: Of the pack, under its final name.
        read_data: Whether to read the data too and compare it with the digests, or only what describes it.

    Raises:
        IntegrityError: The file is missing or not named like a pack.
        StorageError: The system failed to read.
    """
    pack = named_pack(path)
    with opened(path) as file:
        kind: PackKind | None = None
        try:
            header = file.header()
            kind = header.kind
            if header.pack != pack or path.parent.name != pack.hex()[:2]:
                yield Damage("P1", 0, "the pack has another pack's name")
        except IntegrityError as error:
            yield Damage("P2", 0, str(error))
        for entry in _entries(file, pack):
            if isinstance(entry, Damage):
                yield entry
                continue
            if kind is not None and entry.kind != _BELONGS[kind]:
                yield Damage("P12", entry.location.offset, "not a kind of record that belongs into this pack")
            head, damages = _checked_head(file, entry)
            yield from damages
            yield from _check_padding(file, entry)
            if read_data:
                yield from _check_data(file, entry, head)


def _entries(file: PackFile, pack: bytes) -> Iterator[FooterEntry | Damage]:
    """Say what the pack holds: by the footer, or by the records themselves where that is not sound (P3, P9, P10)."""
    invariant, offset = "P9", file.size
    try:
        trailer = file.trailer()
        invariant, offset = "P10", trailer.footer_offset
        yield from file.footer(pack, trailer)
    except IntegrityError as error:
        yield Damage(invariant, offset, str(error))
        yield from scan_records(file.path)


def _checked_head(file: PackFile, entry: FooterEntry) -> tuple[RecordHead | None, list[Damage]]:
    """Read a record's head and block table (P4, P5), and compare them with what the footer says (P11)."""
    where, digest = entry.location, entry.digest
    try:
        head, table = file.record_at(where.offset)
    except IntegrityError as error:
        return None, [Damage("P4", where.offset, str(error), digest)]
    damages = []
    says = (digest, where.codec, entry.kind, where.plain_len, where.stored_len)
    if (head.digest, head.codec, head.kind, head.plain_len, head.stored_len) != says:
        damages.append(Damage("P11", where.offset, "the footer tells of another record", digest))
    if table and table_digest(table) != head.digest:
        damages.append(Damage("P5", where.offset + HEAD_SIZE, "the block table has another digest", digest))
    return head, damages


def _data_at(location: Location) -> int:
    return location.offset + HEAD_SIZE + stored_table_size(location.codec, location.plain_len)


def _check_padding(file: PackFile, entry: FooterEntry) -> Iterator[Damage]:
    """Check what lies between a record's data and the next record (P8)."""
    at = _data_at(entry.location) + entry.location.stored_len
    if any(file.bytes_at(at, end_of(entry.location) - at)):
        yield Damage("P8", at, "the padding is not zero")


def _check_data(file: PackFile, entry: FooterEntry, head: RecordHead | None) -> Iterator[Damage]:
    """Check the data of a record (P6, P7)."""
    where, digest = entry.location, entry.digest
    at = _data_at(where)
    stored = file.bytes_at(at, where.stored_len)
    if head is not None and head.stored_checksum != stored_checksum(where.codec, stored):
        yield Damage("P7", at, "the stored data has another checksum", digest)
    try:
        plain = decode(where.codec, stored, where.plain_len)
    except IntegrityError as error:
        yield Damage("P7", at, str(error), digest)
    else:
        if digest_of(plain) != digest:
            yield Damage("P6", at, "the data has another digest", digest)
