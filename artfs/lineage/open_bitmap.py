"""Open bitmaps: a bit for each position of a version that a run has opened.

Each worker writes files of its own, so none waits for another; readers join the files of a version. A newly set bit is
written at once, so a killed worker loses nothing and there is nothing to flush.

    0   magic           b"artfsrun"
    8   version         its serial, u64
    16  first           the time of the first open, u64, nanoseconds since 1970
    24  checksum        of bytes 0 to 23, the first 8 bytes of their BLAKE3
    32  bits            position 8 * i + j is bit j (of value 1 << j) of byte i; bits past the end are 0
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from artfs.files.store_files import open_file
from artfs.format.digest import digest

__all__ = ["OpenBitmap", "OpenBitmapFile", "read_open_bitmaps"]

_HEADER: Final = struct.Struct("<8sQQ")
_MAGIC: Final = b"artfsrun"
_SIZE: Final = 32


@dataclass(slots=True)
class OpenBitmap:
    """The positions of a version that were opened.

    Attributes:
        serial: The version's serial.
        first_ns: The time of the first open.
        bits: The positions, in the bit order of a file.
    """

    serial: int
    first_ns: int
    bits: int

    @property
    def count(self) -> int:
        """Number of positions."""
        return self.bits.bit_count()

    def positions(self) -> Iterator[int]:
        """Yield the positions in order."""
        data = self.bits.to_bytes((self.bits.bit_length() + 7) // 8, "little")
        for at, byte in enumerate(data):
            if byte:
                yield from (8 * at + bit for bit in range(8) if byte >> bit & 1)


class OpenBitmapFile:
    """The bitmap file of one version that one worker writes.

    Args:
        directory: `opened` of the run.
        serial: The version's serial.
        writer: A name that no other worker has.
        now_ns: The time.

    Raises:
        OSError: It cannot be created; FileNotFoundError: the run has ended and is flushed.
    """

    def __init__(self, directory: Path, serial: int, writer: str, now_ns: int) -> None:
        path = directory / f"{serial}.{writer}"
        self._descriptor = open_file(path, os.O_RDWR | os.O_CREAT)
        try:
            data = os.pread(self._descriptor, os.fstat(self._descriptor).st_size, 0)
            if _decode(data) is None:
                os.pwrite(self._descriptor, _encode(serial, now_ns), 0)
        except BaseException:
            os.close(self._descriptor)
            raise
        self._bits = bytearray(data[_SIZE:])

    def add(self, position: int) -> None:
        """Set the bit of a position; if it is set already, that costs no write.

        Raises:
            OSError: It cannot be written; the bit is not set.
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


def read_open_bitmaps(directory: Path) -> list[OpenBitmap]:
    """Read a run's directory `opened`: a bitmap for each version, in the order of time.

    A file without a whole header has nothing in it yet; a damaged one is left out.
    """
    found: dict[int, OpenBitmap] = {}
    try:
        names = os.listdir(directory)
    except FileNotFoundError:
        return []
    for name in names:
        try:
            read = _decode((directory / name).read_bytes())
        except FileNotFoundError:  # another process has flushed the run
            continue
        if read is None:
            continue
        known = found.setdefault(read.serial, read)
        known.bits |= read.bits
        known.first_ns = min(known.first_ns, read.first_ns)
    return sorted(found.values(), key=lambda bitmap: (bitmap.first_ns, bitmap.serial))


def _encode(serial: int, now_ns: int) -> bytes:
    header = _HEADER.pack(_MAGIC, serial, now_ns)
    return header + digest(header)[:8]


def _decode(data: bytes) -> OpenBitmap | None:
    if len(data) < _SIZE or digest(data[:24])[:8] != data[24:_SIZE] or data[:8] != _MAGIC:
        return None
    _magic, serial, first_ns = _HEADER.unpack(data[:24])
    return OpenBitmap(serial, first_ns, int.from_bytes(data[_SIZE:], "little"))
