"""A pack examined as a whole, without the index: its header, records, footer and trailer."""

from __future__ import annotations

import msgspec

from artfs.chunks.pack_storage import PackStorage, parse_pack_name
from artfs.errors import IntegrityError, StorageError
from artfs.format.digest import digest
from artfs.format.pack import (
    HEAD_SIZE,
    HEADER_SIZE,
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

__all__ = ["PackFile", "end_of"]


class PackFile:
    """A pack opened to be examined: its parts, each checked as far as it can be by itself.

    All methods raise IntegrityError where the part is not sound, and StorageError where the system failed to read.

    Args:
        storage: Where the pack is.
        name: Its name there, in its place or not.

    Attributes:
        name: As given.
        address: What messages call it.
        pack: The id in the name.
        size: In bytes.

    Raises:
        IntegrityError: The pack is missing or not named like a pack.
        StorageError: The system failed to open it.
    """

    def __init__(self, storage: PackStorage, name: str) -> None:
        self.name = name
        self.address = storage.address(name)
        self.pack = parse_pack_name(name)
        try:
            self._opened = storage.open(name)
            self.size = self._opened.size
        except FileNotFoundError as error:
            raise IntegrityError(f"{self.address}: the pack is missing") from error
        except OSError as error:
            raise StorageError.of(error, f"opening {self.address}") from error

    def bytes_at(self, offset: int, size: int) -> bytes:
        """Return the bytes there: fewer where the pack ends."""
        try:
            return self._opened.read(max(0, min(size, self.size - offset)), offset)
        except FileNotFoundError as error:
            raise IntegrityError("the pack is missing") from error
        except OSError as error:
            raise StorageError.of(error, f"reading {self.address}") from error

    def header(self) -> PackHeader:
        """Return the header."""
        return decode_header(self.bytes_at(0, HEADER_SIZE))

    def trailer(self) -> Trailer:
        """Return the trailer."""
        return decode_trailer(self.bytes_at(max(0, self.size - TRAILER_SIZE), TRAILER_SIZE), self.size)

    def footer(self, trailer: Trailer) -> list[FooterEntry]:
        """Return the footer's entries, which describe all bytes between header and footer."""
        footer = self.bytes_at(trailer.footer_offset, self.size - TRAILER_SIZE - trailer.footer_offset)
        if digest(footer) != trailer.footer_digest:
            raise IntegrityError("pack footer damaged")
        entries = decode_footer(self.pack, footer)
        if (end_of(entries[-1].location) if entries else HEADER_SIZE) != trailer.footer_offset:
            raise IntegrityError("pack footer does not describe all records")
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
        """Add to a footer's entry the block table that the index keeps, unless the head is damaged."""
        where = entry.location
        if where.codec != Codec.RAW or where.plain_len <= TABLE_IN_INDEX:
            return entry
        try:
            _, table = self.record_at(where.offset)
        except IntegrityError:
            return entry  # the chunk can still be read as a whole
        return FooterEntry(entry.digest, msgspec.structs.replace(where, table=table), entry.kind)

    def entry_at(self, offset: int, end: int) -> FooterEntry:
        """Return the entry of the record there, which must not reach beyond `end`."""
        head, table = self.record_at(offset)
        table = indexed_table(head.plain_len, table)
        location = Location(self.pack, offset, head.stored_len, head.plain_len, head.codec, table)
        if end_of(location) > end:
            raise IntegrityError("record cut off")
        return FooterEntry(head.digest, location, head.kind)


def end_of(location: Location) -> int:
    """Return the end of the record there, padding included."""
    return location.offset + record_size(location.codec, location.plain_len, location.stored_len)
