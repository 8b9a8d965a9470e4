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
from artfs.format.pack import HEAD_SIZE, FooterEntry, PackKind, RecordKind, stored_table_size

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
            yield from _check_head(file, entry)
            yield from _check_data(file, entry, read_data)


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


def _check_head(file: PackFile, entry: FooterEntry) -> Iterator[Damage]:
    """Check a record's head and block table (P4, P5), and that they are what the footer says (P11)."""
    where, digest = entry.location, entry.digest
    try:
        head, table = file.record_at(where.offset)
    except IntegrityError as error:
        yield Damage("P4", where.offset, str(error), digest)
        return
    says = (digest, where.codec, entry.kind, where.plain_len, where.stored_len)
    if (head.digest, head.codec, head.kind, head.plain_len, head.stored_len) != says:
        yield Damage("P11", where.offset, "the footer tells of another record", digest)
    if table and table_digest(table) != head.digest:
        yield Damage("P5", where.offset + HEAD_SIZE, "the block table has another digest", digest)


def _check_data(file: PackFile, entry: FooterEntry, read_data: bool) -> Iterator[Damage]:
    """Check the data of a record (P6, P7) and the padding behind it (P8)."""
    where, digest = entry.location, entry.digest
    data_at = where.offset + HEAD_SIZE + stored_table_size(where.codec, where.plain_len)
    padding_at = data_at + where.stored_len
    if any(file.bytes_at(padding_at, end_of(where) - padding_at)):
        yield Damage("P8", padding_at, "the padding is not zero")
    if not read_data:
        return
    try:
        plain = decode(where.codec, file.bytes_at(data_at, where.stored_len), where.plain_len)
    except IntegrityError as error:
        yield Damage("P7", data_at, str(error), digest)
    else:
        if digest_of(plain) != digest:
            yield Damage("P6", data_at, "the data has another digest", digest)
