"""Look through whole packs without the index: to rebuild it, and for fsck.

`read_footer` is what a rebuild normally needs. Where the footer is lost, `scan_records` finds every record that is whole, also
behind damage. `check_pack` holds one pack against the invariants P1 to P13 of `artfs/docs/FORMAT.md`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from artfs.chunks.codec import decode
from artfs.errors import IntegrityError, StorageError
from artfs.format.digest import digest as digest_of
from artfs.format.digest import table_digest
from artfs.format.pack import (
    ALIGNMENT,
    HEAD_SIZE,
    HEADER_SIZE,
    PACK_ID_SIZE,
    RECORD_MAGIC,
    TRAILER_SIZE,
    FooterEntry,
    Location,
    PackHeader,
    PackKind,
    RecordHead,
    RecordKind,
    Trailer,
    decode_footer,
    decode_header,
    decode_trailer,
    parse_head,
    record_size,
    stored_table_size,
)

__all__ = ["Damage", "check_pack", "read_footer", "scan_records"]

_WINDOW = 1 << 20
_RECORD_KINDS = {PackKind.DATA: RecordKind.CHUNK, PackKind.NODES: RecordKind.NODE}


class Damage(msgspec.Struct, frozen=True):
    """Something that is not as the format has it.

    Attributes:
        invariant: Which, as in "P4".
        offset: Where in the file it begins.
        message: What is wrong.
        digest: Of the chunk or node that cannot be read for it, if one is known.
    """

    invariant: str
    offset: int
    message: str
    digest: bytes | None = None


class _PackFile:
    """An open pack file."""

    def __init__(self, path: Path, fd: int) -> None:
        self.path = path
        self.size = os.fstat(fd).st_size
        self._fd = fd

    def bytes_at(self, offset: int, size: int) -> bytes:
        """Return the bytes there: fewer where the file ends."""
        try:
            return os.pread(self._fd, max(0, min(size, self.size - offset)), offset)
        except OSError as error:
            raise StorageError.of(error, f"reading {self.path}") from error

    def header(self) -> PackHeader:
        """Return the header (P2)."""
        return decode_header(self.bytes_at(0, HEADER_SIZE))

    def trailer(self) -> Trailer:
        """Return the trailer (P10)."""
        offset = max(0, self.size - TRAILER_SIZE)
        return decode_trailer(self.bytes_at(offset, TRAILER_SIZE), self.size)

    def footer(self, pack: bytes) -> list[FooterEntry]:
        """Return the footer's entries (P10, P11)."""
        trailer = self.trailer()
        footer = self.bytes_at(trailer.footer_offset, self.size - TRAILER_SIZE - trailer.footer_offset)
        if digest_of(footer) != trailer.footer_digest:
            raise IntegrityError("pack footer damaged")
        entries = decode_footer(pack, footer)
        end = trailer.footer_offset
        if entries and _end_of(entries[-1].location) != end or not entries and end != HEADER_SIZE:
            raise IntegrityError("pack footer does not tell of all records")
        return entries

    def record_at(self, offset: int) -> tuple[RecordHead, bytes]:
        """Return the head of the record there, and its block table (P4)."""
        front = self.bytes_at(offset, HEAD_SIZE)
        head, data_at = parse_head(front)
        if data_at > len(front):
            front = self.bytes_at(offset, data_at)
            head, data_at = parse_head(front)
        if data_at > len(front):
            raise IntegrityError("block table cut off")
        return head, front[HEAD_SIZE:]


@contextmanager
def _opened(path: Path) -> Iterator[_PackFile]:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise IntegrityError(f"{path}: the pack is missing") from error
    except OSError as error:
        raise StorageError.of(error, f"opening {path}") from error
    try:
        yield _PackFile(path, fd)
    finally:
        os.close(fd)


def read_footer(path: Path) -> list[FooterEntry]:
    """Return what a pack's footer says it holds.

    Raises:
        IntegrityError: Header, trailer or footer are not sound, or the file has another pack's name.
        StorageError: The system failed to read.
    """
    with _opened(path) as file:
        try:
            header = file.header()
            if header.pack != _named_pack(path):
                raise IntegrityError("the pack has another pack's name")
            return file.footer(header.pack)
        except IntegrityError as error:
            raise IntegrityError(f"{path}: {error}") from error


def scan_records(path: Path) -> Iterator[FooterEntry | Damage]:
    """Find the records of a pack whose footer cannot be used, by their own heads.

    A record is reported when its head and block table are sound and the file is long enough for it; its data is not read.
    Behind damage the scan goes on at the next sound head. The pack's id is taken from the file's name.
    """
    pack = _named_pack(path)
    with _opened(path) as file:
        end = _records_end(file)
        at = HEADER_SIZE
        while at < end:
            try:
                entry = _entry_at(file, pack, at, end)
            except IntegrityError as error:
                next_at = _next_record(file, pack, at, end)
                yield Damage("P4", at, f"{error}; the next whole record is at {next_at}")
                at = next_at
            else:
                yield entry
                at = _end_of(entry.location)


def _named_pack(path: Path) -> bytes:
    """Return the id of the pack of that file name (P1)."""
    try:
        pack = bytes.fromhex(path.stem)
    except ValueError:
        pack = b""
    if len(pack) != PACK_ID_SIZE or path.name != f"{pack.hex()}.pack":
        raise IntegrityError(f"{path} is not named like a pack")
    return pack


def _records_end(file: _PackFile) -> int:
    """Where the records end: at the footer if that is known."""
    try:
        return file.trailer().footer_offset
    except IntegrityError:
        return file.size


def _entry_at(file: _PackFile, pack: bytes, at: int, end: int) -> FooterEntry:
    head, _ = file.record_at(at)
    location = Location(pack, at, head.stored_len, head.plain_len, head.codec)
    if _end_of(location) > end:
        raise IntegrityError("record cut off")
    return FooterEntry(head.digest, location, head.kind)


def _next_record(file: _PackFile, pack: bytes, damaged: int, end: int) -> int:
    """Return where the next whole record begins, or the end."""
    at = damaged + ALIGNMENT
    while at < end:
        window = file.bytes_at(at, _WINDOW)
        found = window.find(RECORD_MAGIC)
        while found >= 0:
            if (at + found) % ALIGNMENT == 0 and _is_whole(file, pack, at + found, end):
                return at + found
            found = window.find(RECORD_MAGIC, found + 1)
        at += _WINDOW  # a multiple of ALIGNMENT, as heads are: no magic lies across two windows
    return end


def _is_whole(file: _PackFile, pack: bytes, at: int, end: int) -> bool:
    try:
        _entry_at(file, pack, at, end)
    except IntegrityError:
        return False
    return True


def _end_of(location: Location) -> int:
    return location.offset + record_size(location.codec, location.plain_len, location.stored_len)


def check_pack(path: Path, read_data: bool) -> Iterator[Damage]:
    """Hold one pack against the format; a sound one yields nothing.

    Args:
        path: Of the pack, under its final name.
        read_data: Whether to read the data too and compare it with the digests, or only what describes it.

    Raises:
        StorageError: The system failed to read.
    """
    try:
        pack = _named_pack(path)
    except IntegrityError as error:
        yield Damage("P1", 0, str(error))
        return
    with _opened(path) as file:
        kind: PackKind | None = None
        try:
            header = file.header()
            kind = header.kind
            if header.pack != pack or path.parent.name != pack.hex()[:2]:
                yield Damage("P1", 0, "the pack has another pack's name")
        except IntegrityError as error:
            yield Damage("P2", 0, str(error))
        try:
            entries: list[FooterEntry | Damage] = list(file.footer(pack))
        except IntegrityError as error:
            yield Damage("P10", file.size, f"{error}")
            entries = list(scan_records(path))
        for entry in entries:
            yield from (entry,) if isinstance(entry, Damage) else _check_record(file, entry, kind, read_data)


def _check_record(file: _PackFile, entry: FooterEntry, kind: PackKind | None, read_data: bool) -> Iterator[Damage]:
    """Check the record that a footer entry tells of."""
    where, digest = entry.location, entry.digest
    try:
        head, table = file.record_at(where.offset)
    except IntegrityError as error:
        yield Damage("P4", where.offset, str(error), digest)
    else:
        if (head.digest, head.codec, head.kind, head.plain_len, head.stored_len) != (
            (digest, where.codec, entry.kind, where.plain_len, where.stored_len)
        ):
            yield Damage("P12", where.offset, "the footer tells of another record", digest)
        if table and table_digest(table) != head.digest:
            yield Damage("P6", where.offset, "the block table has another digest", digest)
    if kind is not None and entry.kind != _RECORD_KINDS[kind]:
        yield Damage("P13", where.offset, "a record of this kind does not belong into this pack", digest)
    data_at = where.offset + HEAD_SIZE + stored_table_size(where.codec, where.plain_len)
    padding_at = data_at + where.stored_len
    if any(file.bytes_at(padding_at, _end_of(where) - padding_at)):
        yield Damage("P9", padding_at, "the padding is not zero")
    if read_data:
        try:
            plain = decode(where.codec, file.bytes_at(data_at, where.stored_len), where.plain_len)
        except IntegrityError as error:
            yield Damage("P8", data_at, str(error), digest)
        else:
            if digest_of(plain) != digest:
                yield Damage("P7", data_at, "the data has another digest", digest)
