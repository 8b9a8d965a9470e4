"""A pack file opened to be looked through as a whole, without the index."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from artfs.errors import IntegrityError, StorageError
from artfs.format.digest import digest
from artfs.format.pack import (
    HEAD_SIZE,
    HEADER_SIZE,
    PACK_ID_SIZE,
    TABLE_IN_INDEX,
    TRAILER_SIZE,
    Codec,
    FooterEntry,
    Location,
    PackHeader,
    RecordHead,
    Trailer,
    decode_footer,
    decode_header,
    decode_trailer,
    indexed_table,
    parse_head,
    record_size,
)

__all__ = ["PackFile", "end_of", "named_pack", "opened"]


class PackFile:
    """An open pack file: its parts, each checked as far as it can be by itself.

    All methods raise IntegrityError where the part is not sound, and StorageError where the system failed to read.
    """

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
        """Return the header."""
        return decode_header(self.bytes_at(0, HEADER_SIZE))

    def trailer(self) -> Trailer:
        """Return the trailer."""
        return decode_trailer(self.bytes_at(max(0, self.size - TRAILER_SIZE), TRAILER_SIZE), self.size)

    def footer(self, pack: bytes, trailer: Trailer) -> list[FooterEntry]:
        """Return the footer's entries, which tell of all bytes between header and footer."""
        footer = self.bytes_at(trailer.footer_offset, self.size - TRAILER_SIZE - trailer.footer_offset)
        if digest(footer) != trailer.footer_digest:
            raise IntegrityError("pack footer damaged")
        entries = decode_footer(pack, footer)
        if (end_of(entries[-1].location) if entries else HEADER_SIZE) != trailer.footer_offset:
            raise IntegrityError("pack footer does not tell of all records")
        return entries

    def record_at(self, offset: int) -> tuple[RecordHead, bytes]:
        """Return the head of the record there, and its block table."""
        front = self.bytes_at(offset, HEAD_SIZE)
        head, data_at = parse_head(front)
        if data_at > HEAD_SIZE:
            front = self.bytes_at(offset, data_at)
            if len(front) < data_at:
                raise IntegrityError("block table cut off")
            parse_head(front)
        return head, front[HEAD_SIZE:]

    def with_table(self, entry: FooterEntry) -> FooterEntry:
        """Return a footer's entry with the block table that a location keeps, unless the record's head is damaged."""
        where = entry.location
        if where.codec != Codec.RAW or where.plain_len <= TABLE_IN_INDEX:
            return entry
        try:
            _, table = self.record_at(where.offset)
        except IntegrityError:
            return entry  # the chunk can still be read as a whole
        return FooterEntry(entry.digest, msgspec.structs.replace(where, table=table), entry.kind)

    def entry_at(self, pack: bytes, offset: int, end: int) -> FooterEntry:
        """Return where the record there is and what it holds; it must not reach beyond `end`."""
        head, table = self.record_at(offset)
        table = indexed_table(head.plain_len, table)
        location = Location(pack, offset, head.stored_len, head.plain_len, head.codec, table)
        if end_of(location) > end:
            raise IntegrityError("record cut off")
        return FooterEntry(head.digest, location, head.kind)


@contextmanager
def opened(path: Path) -> Iterator[PackFile]:
    """Open a pack.

    Raises:
        IntegrityError: It is missing.
        StorageError: The system failed to open it.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise IntegrityError(f"{path}: the pack is missing") from error
    except OSError as error:
        raise StorageError.of(error, f"opening {path}") from error
    try:
        yield PackFile(path, fd)
    finally:
        os.close(fd)


def end_of(location: Location) -> int:
    """Return where the record there ends, padding included."""
    return location.offset + record_size(location.codec, location.plain_len, location.stored_len)


def named_pack(path: Path) -> bytes:
    """Return the id of the pack of that file name.

    Raises:
        IntegrityError: Packs do not have such names.
    """
    try:
        pack = bytes.fromhex(path.stem)
    except ValueError:
        pack = b""
    if len(pack) != PACK_ID_SIZE or path.name != f"{pack.hex()}.pack":
        raise IntegrityError(f"{path} is not named like a pack")
    return pack
