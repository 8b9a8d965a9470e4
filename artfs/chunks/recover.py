"""Read the records of a pack without the index, to rebuild the index.

`read_footer` is what a rebuild normally needs. Where the footer is lost, `scan_records` finds every record that is
whole, also behind damage.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from artfs.chunks.packfile import PackFile, end_of
from artfs.errors import IntegrityError
from artfs.format.pack import ALIGNMENT, HEADER_SIZE, RECORD_MAGIC, FooterEntry

__all__ = ["Damage", "read_footer", "scan_records"]

_WINDOW: Final = 1 << 20


class Damage(msgspec.Struct, frozen=True):
    """A place in a pack that is not as the format requires.

    Attributes:
        invariant: The one of `artfs/docs/FORMAT.md` that is broken, as in "P4".
        offset: Where in the pack it begins.
        message: What is wrong.
        digest: Of the chunk or node that cannot be read for it, if one is known.
    """

    invariant: str
    offset: int
    message: str
    digest: bytes | None = None


def read_footer(file: PackFile) -> list[FooterEntry]:
    """Return a pack's records by its footer, with locations as the pack's writer gave them.

    Raises:
        IntegrityError: Header, trailer or footer are not sound, or the file has another pack's name.
        StorageError: The system failed to read.
    """
    try:
        if file.header().pack != file.pack:
            raise IntegrityError("the pack has another pack's name")
        return [file.with_table(entry) for entry in file.footer(file.trailer())]
    except IntegrityError as error:
        raise IntegrityError(f"{file.address}: {error}") from error


def scan_records(file: PackFile) -> Iterator[FooterEntry | Damage]:
    """Find the records of a pack whose footer cannot be used, by their own heads.

    A record is reported when its head and block table are sound and the file is long enough for it; its data is not
    read. Behind damage the scan goes on at the next sound head. The pack's id is taken from the file's name.

    Raises:
        StorageError: The system failed to read.
    """
    end = _records_end(file)
    at = HEADER_SIZE
    while at < end:
        try:
            entry = file.entry_at(at, end)
        except IntegrityError as error:
            next_at = _next_record(file, at, end)
            yield Damage("P4", at, f"{error}; the next whole record is at {next_at}")
            at = next_at
        else:
            yield entry
            at = end_of(entry.location)


def _records_end(file: PackFile) -> int:
    """Return the end of the records: the footer's offset, if that is known."""
    try:
        return file.trailer().footer_offset
    except IntegrityError:
        return file.size


def _next_record(file: PackFile, damaged: int, end: int) -> int:
    """Return the offset of the next whole record, or the end."""
    at = damaged + ALIGNMENT
    while at < end:
        window = file.bytes_at(at, _WINDOW)
        found = window.find(RECORD_MAGIC)
        while found >= 0:
            if (at + found) % ALIGNMENT == 0 and _is_whole(file, at + found, end):
                return at + found
            found = window.find(RECORD_MAGIC, found + 1)
        at += _WINDOW  # a multiple of ALIGNMENT, as heads are: no magic lies across two windows
    return end


def _is_whole(file: PackFile, at: int, end: int) -> bool:
    try:
        file.entry_at(at, end)
    except IntegrityError:
        return False
    return True
