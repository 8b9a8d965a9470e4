"""Records of a draft's redo log (FORMAT.md, "Redo log"): encoded, and found again beside damage.

    header   20 bytes   magic `ATRL`, version, 3 zero bytes, epoch (8), CRC-32 of the bytes before
    record   28 bytes   magic `ATRR`, length of the payload (4), check of the record before (4), boot (4), synced (8),
                        check (4): CRC-32 of all of the record, begun with the header's and the record's offset
             payload    msgpack

- The check of a record stands for itself: it is sound at its offset in its log alone, whatever is before it. So sound
  records are found behind damaged bytes. A record that states another check than that of the sound one before it was
  written behind something else, and ends the log.
- A power cut may leave a hole in what was never synced, and nothing behind a hole is replayed then. A hole is damage if
  it was synced, by what a record behind it states, or if such a record was written since the machine started.
- In version 1 a record is length (4), check (4) and payload; a check continues that of the record before. Nothing can
  be found behind damage.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Final, NamedTuple, TypeAlias

import msgspec

from artfs.drafts.db.schema import damaged_rows
from artfs.format.msgpack import DECODE_ERRORS
from artfs.procfs import boot_id

__all__ = [
    "HEADER_SIZE",
    "MAGIC",
    "VERSION",
    "Changes",
    "LogDamage",
    "LogFormat",
    "LogPosition",
    "Replayed",
    "format_of",
    "has_sound_check",
]

Changes: TypeAlias = Sequence[tuple[bytes, bytes | None]]
"""Keys and their values; None removes a row."""

MAGIC: Final = b"ATRL"
VERSION: Final = 2
_RECORD_MAGIC: Final = b"ATRR"
_HEADER: Final = struct.Struct("<4sB3xQ")
_CHECK: Final = struct.Struct("<I")
_OFFSET: Final = struct.Struct("<Q")
_HEAD: Final = struct.Struct("<4sIIIQ")
_FIRST_HEAD: Final = struct.Struct("<II")
HEADER_SIZE: Final = _HEADER.size + _CHECK.size

_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(list[tuple[bytes, bytes | None]]).decode


class LogPosition(NamedTuple):
    """A position between two records.

    Attributes:
        end: Offset after the record before.
        check: Check of the record before.
    """

    end: int
    check: int


class LogDamage(NamedTuple):
    """Damaged bytes of a log that sound records follow: offset of the first, and offset after the last."""

    start: int
    end: int


class Replayed(NamedTuple):
    """One step of a replay.

    Attributes:
        found: The changes of a record, or damage between two.
        position: The position behind.
        synced: So many bytes of the log were durable when the record was written.
    """

    found: Changes | LogDamage
    position: LogPosition
    synced: int


class _Sound(NamedTuple):
    """A record that is whole and sound at its offset."""

    payload: bytes
    before: int
    boot: int
    synced: int
    position: LogPosition


@cache
def _this_boot() -> int:
    return zlib.crc32(boot_id().encode())


def has_sound_check(header: bytes) -> bool:
    """Return whether a header is whole, with the check that it should have."""
    return len(header) == HEADER_SIZE and header[-_CHECK.size :] == _CHECK.pack(zlib.crc32(header[: -_CHECK.size]))


def format_of(descriptor: int, name: str, epoch: int) -> LogFormat:
    """The format that a log is of: what its header says, or else that of its first record."""
    header = os.pread(descriptor, HEADER_SIZE, 0)
    first = LogFormat(name, epoch, 1)
    if header == first.header:
        return first
    if not has_sound_check(header) and next(first.replay(descriptor), None) is not None:
        return first
    return LogFormat(name, epoch, VERSION)


class LogFormat:
    """Format of one log.

    Args:
        name: Of its file, for messages.
        epoch: That of the file's name, not of its header.
        version: 1 or 2.

    Attributes:
        header: What the file begins with.
        first: Position of the first record.
    """

    def __init__(self, name: str, epoch: int, version: int = VERSION) -> None:
        head = _HEADER.pack(MAGIC, version, epoch)
        seed = zlib.crc32(head)
        self.header = head + _CHECK.pack(seed)
        self.first = LogPosition(HEADER_SIZE, seed)
        self._name = name
        self._version = version
        self._seed = seed

    def encode(self, changes: Changes, at: LogPosition, synced: int) -> tuple[bytes, int]:
        """Encode a record; return it with its check.

        Args:
            changes: What it has.
            at: Position of the record.
            synced: So many bytes of the log are durable.
        """
        payload = _encode(changes)
        if self._version == 1:
            check = _first_check(payload, at.check)
            return _FIRST_HEAD.pack(len(payload), check) + payload, check
        head = _HEAD.pack(_RECORD_MAGIC, len(payload), at.check, _this_boot(), synced)
        check = self._check(head, payload, at.end)
        return b"".join((head, _CHECK.pack(check), payload)), check

    def _check(self, head: bytes, payload: bytes, offset: int) -> int:
        return zlib.crc32(payload, zlib.crc32(head, zlib.crc32(_OFFSET.pack(offset), self._seed)))

    def replay(self, descriptor: int) -> Iterator[Replayed]:
        """Yield the changes of all sound records, and what is damaged between them.

        Raises:
            IntegrityError: A record is sound, and no list of changes.
            OSError: The system refused.
        """
        if self._version == 1:
            yield from self._replay_first(descriptor)
            return
        at = self.first
        size = os.fstat(descriptor).st_size
        synced = 0
        while at.end < size:
            record = self._sound_at(descriptor, at.end, size)
            if record is None:
                record = self._behind_damage(descriptor, at.end, size)
                if record is None:
                    return
                start = record.position.end - len(record.payload) - _HEAD.size - _CHECK.size
                yield Replayed(LogDamage(at.end, start), LogPosition(start, record.before), synced)
            elif record.before != at.check:
                return
            yield Replayed(self._decoded(record.payload, at.end), record.position, record.synced)
            at, synced = record.position, record.synced

    def _sound_at(self, descriptor: int, offset: int, size: int) -> _Sound | None:
        """Read the record at an offset; None if there is no sound one."""
        stated = os.pread(descriptor, _HEAD.size + _CHECK.size, offset)
        if len(stated) != _HEAD.size + _CHECK.size:
            return None
        head = stated[: _HEAD.size]
        magic, length, before, boot, synced = _HEAD.unpack(head)
        begin = offset + len(stated)
        if magic != _RECORD_MAGIC or not length or begin + length > size:
            return None
        payload = os.pread(descriptor, length, begin)
        (check,) = _CHECK.unpack(stated[_HEAD.size :])
        if check != self._check(head, payload, offset):
            return None
        return _Sound(payload, before, boot, synced, LogPosition(begin + length, check))

    def _behind_damage(self, descriptor: int, offset: int, size: int) -> _Sound | None:
        """Find the first sound record behind bytes that are none; None if they are the end that a power cut left."""
        rest = os.pread(descriptor, size - offset, offset)
        first = None
        at = rest.find(_RECORD_MAGIC, 1)
        while at >= 0:
            record = self._sound_at(descriptor, offset + at, size)
            if record is None:
                at = rest.find(_RECORD_MAGIC, at + 1)
                continue
            first = first or record
            if record.synced > offset or record.boot == _this_boot():
                return first
            at = rest.find(_RECORD_MAGIC, record.position.end - offset)
        return None

    def _replay_first(self, descriptor: int) -> Iterator[Replayed]:
        """Replay a log of version 1, up to the first record that is not sound."""
        at = self.first
        size = os.fstat(descriptor).st_size
        while at.end + _FIRST_HEAD.size <= size:
            length, check = _FIRST_HEAD.unpack(os.pread(descriptor, _FIRST_HEAD.size, at.end))
            end = at.end + _FIRST_HEAD.size + length
            if not length or end > size:
                return
            payload = os.pread(descriptor, length, at.end + _FIRST_HEAD.size)
            if check != _first_check(payload, at.check):
                return
            changes = self._decoded(payload, at.end)
            at = LogPosition(end, check)
            yield Replayed(changes, at, 0)

    def _decoded(self, payload: bytes, offset: int) -> Changes:
        try:
            return _decode(payload)
        except DECODE_ERRORS as error:
            raise damaged_rows(f"{self._name}, offset {offset}: {error}") from error


def _first_check(payload: bytes, before: int) -> int:
    return zlib.crc32(payload, zlib.crc32(_CHECK.pack(len(payload)), before))
