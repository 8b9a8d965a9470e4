"""Check one pack: the invariants P1 to P12 of `artfs/docs/FORMAT.md`, for fsck."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from artfs.chunks.codec import decode
from artfs.chunks.pack_storage import pack_name
from artfs.chunks.packfile import PackFile, end_of
from artfs.chunks.recover import Damage, scan_records
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

_RECORD_KIND: Final = {PackKind.DATA: RecordKind.CHUNK, PackKind.NODES: RecordKind.NODE}


def check_pack(file: PackFile, read_data: bool) -> Iterator[Damage]:
    """Check one pack; a sound one yields nothing.

    Args:
        file: The pack.
        read_data: Read the data too and compare it with the digests, not only what describes it.

    Raises:
        StorageError: The system failed to read.
    """
    kind: PackKind | None = None
    try:
        header = file.header()
        kind = header.kind
        if header.pack != file.pack or file.name != pack_name(file.pack):
            yield Damage("P1", 0, "the pack has another pack's name")
    except IntegrityError as error:
        yield Damage("P2", 0, str(error))
    for entry in _entries(file):
        if isinstance(entry, Damage):
            yield entry
            continue
        if kind is not None and entry.kind != _RECORD_KIND[kind]:
            yield Damage("P12", entry.location.offset, "not a kind of record that belongs into this pack")
        head, damages = _checked_head(file, entry)
        yield from damages
        yield from _check_padding(file, entry)
        if read_data:
            yield from _check_data(file, entry, head)


def _entries(file: PackFile) -> Iterator[FooterEntry | Damage]:
    """List the records by the footer, or by their own heads where that is not sound (P3, P9, P10)."""
    invariant, offset = "P9", file.size
    try:
        trailer = file.trailer()
        invariant, offset = "P10", trailer.footer_offset
        yield from file.footer(trailer)
    except IntegrityError as error:
        yield Damage(invariant, offset, str(error))
        yield from scan_records(file)


def _checked_head(file: PackFile, entry: FooterEntry) -> tuple[RecordHead | None, list[Damage]]:
    """Read a record's head and block table (P4, P5), and compare them with the footer's entry (P11)."""
    where, digest = entry.location, entry.digest
    try:
        head, table = file.record_at(where.offset)
    except IntegrityError as error:
        return None, [Damage("P4", where.offset, str(error), digest)]
    damages = []
    says = (digest, where.codec, entry.kind, where.plain_len, where.stored_len)
    if (head.digest, head.codec, head.kind, head.plain_len, head.stored_len) != says:
        damages.append(Damage("P11", where.offset, "the footer describes another record", digest))
    if table and table_digest(table) != head.digest:
        damages.append(Damage("P5", where.offset + HEAD_SIZE, "the block table has another digest", digest))
    return head, damages


def _data_at(location: Location) -> int:
    return location.offset + HEAD_SIZE + stored_table_size(location.codec, location.plain_len)


def _check_padding(file: PackFile, entry: FooterEntry) -> Iterator[Damage]:
    """Check the bytes between a record's data and the next record (P8)."""
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
