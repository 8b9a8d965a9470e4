"""What a run opened of a version: a bit for each position, in a file of each worker's own.

A bit that is newly set is written at once, so a worker that is killed loses nothing and there is nothing to flush. Each
worker has files of its own, so none waits for another; a reader puts the files of a version together.

    0   magic           b"artfsrun"
    8   version         its serial, u64
    16  first           when the first open was, u64, nanoseconds since 1970
    24  checksum        of bytes 0 to 23, the first 8 bytes of their BLAKE3
    32  bits            position 8 * i + j is bit j (of value 1 << j) of byte i; what lies past the end is 0
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from artfs.format.digest import digest

__all__ = ["Opened", "OpenedFile", "read_opened"]

_HEADER: Final = struct.Struct("<8sQQ")
_MAGIC: Final = b"artfsrun"
_SIZE: Final = 32


@dataclass(slots=True)
class Opened:
    """What was opened of a version.

    Attributes:
        serial: The version's.
        first_ns: When it was first.
        bits: Which positions, put together as in a file.
    """

    serial: int
    first_ns: int
    bits: int

    @property
    def count(self) -> int:
        """How many entries."""
        return self.bits.bit_count()

    def positions(self) -> Iterator[int]:
        """Which, in order."""
        data = self.bits.to_bytes((self.bits.bit_length() + 7) // 8, "little")
        for at, byte in enumerate(data):
            if byte:
                yield from (8 * at + bit for bit in range(8) if byte >> bit & 1)


class OpenedFile:
    """A file that is being written, of one version by one worker.

    Args:
        directory: `opened` of the run.
        serial: The version's.
        writer: Names the worker, as no other.
        now_ns: The time.

    Raises:
        OSError: It cannot be made; FileNotFoundError: the run has ended and is folded.
    """

    def __init__(self, directory: Path, serial: int, writer: str, now_ns: int) -> None:
        path = directory / f"{serial}.{writer}"
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            data = os.pread(self._descriptor, os.fstat(self._descriptor).st_size, 0)
            if _decode(data) is None:
                os.pwrite(self._descriptor, _encode(serial, now_ns), 0)
        except OSError:
            os.close(self._descriptor)
            raise
        self._bits = bytearray(data[_SIZE:])

    def add(self, position: int) -> None:
        """Note that a position was opened.

        Raises:
            OSError: It cannot be written; it is as if it had not been asked for.
        """
        at = position >> 3
        bit = 1 << (position & 7)
        bits = self._bits
        if at >= len(bits):
            bits.extend(bytes(max(at + 1 - len(bits), len(bits))))
        if not bits[at] & bit:
            os.pwrite(self._descriptor, bytes((bits[at] | bit,)), _SIZE + at)
            bits[at] |= bit

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


def read_opened(directory: Path) -> list[Opened]:
    """What is in a run's directory `opened`, by version in the order of time.

    A file without a whole header has nothing in it yet; one that is damaged is left out.
    """
    found: dict[int, Opened] = {}
    try:
        names = os.listdir(directory)
    except FileNotFoundError:
        return []
    for name in names:
        try:
            read = _decode((directory / name).read_bytes())
        except FileNotFoundError:  # somebody else has folded it
            continue
        if read is None:
            continue
        known = found.setdefault(read.serial, read)
        known.bits |= read.bits
        known.first_ns = min(known.first_ns, read.first_ns)
    return sorted(found.values(), key=lambda opened: (opened.first_ns, opened.serial))


def _encode(serial: int, now_ns: int) -> bytes:
    header = _HEADER.pack(_MAGIC, serial, now_ns)
    return header + digest(header)[:8]


def _decode(data: bytes) -> Opened | None:
    if len(data) < _SIZE or digest(data[:24])[:8] != data[24:_SIZE] or data[:8] != _MAGIC:
        return None
    _magic, serial, first_ns = _HEADER.unpack(data[:24])
    return Opened(serial, first_ns, int.from_bytes(data[_SIZE:], "little"))
