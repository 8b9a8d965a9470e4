"""The file of one object in the cache: its bytes with holes, and behind them the hash of each block.

    0 .. size                 the object's bytes at their own offsets, as far as they were fetched
    blocks * 16 KiB .. end    the map: 16 bytes for each block of 16 KiB, zeros for one that was not fetched

The bytes are written before their hashes, and nothing is synced. After a power cut, a kill, a full disk or a flipped
bit a hash does not fit its block, which then counts as not fetched. A hash is the BLAKE3 of the block, keyed by the
object's key, so a block of another object never fits.
"""

from __future__ import annotations

import os
from typing import Final

from blake3 import blake3

from artfs.closing import Closing
from artfs.files.writes import punch_hole, pwrite_all
from artfs.format.digest import Data

__all__ = ["BLOCK_SIZE", "CachedObject"]

BLOCK_SIZE: Final = 16 << 10
_HASH_SIZE: Final = 16
_ABSENT: Final = bytes(_HASH_SIZE)


class CachedObject(Closing):
    """The open file of one object in the cache. Processes may read and write it side by side.

    Args:
        descriptor: Of the file; it is closed with the object.
        key: The object's key.
        size: The object's length in bytes.
    """

    def __init__(self, descriptor: int, key: bytes, size: int) -> None:
        self._descriptor = descriptor
        self._key = key
        self.size = size
        self._map_offset = -(-size // BLOCK_SIZE) * BLOCK_SIZE

    @property
    def is_in_place(self) -> bool:
        """False if the file was removed from the cache since it was opened."""
        return os.fstat(self._descriptor).st_nlink > 0

    def read(self, start: int, end: int) -> Data | None:
        """Read a range and prove it; None if any of it is absent or damaged.

        Args:
            start: Offset of the first byte.
            end: Offset after the last byte, at most the object's size.
        """
        first, last = _blocks(start, end)
        hashes = self._hashes(first, last)
        if hashes is None:
            return None
        offset = first * BLOCK_SIZE
        data = memoryview(os.pread(self._descriptor, min(last * BLOCK_SIZE, self.size) - offset, offset))
        if _hash_blocks(data, self._key) != hashes:
            return None
        return data[start - offset : end - offset]

    def missing(self, start: int, end: int, *, prove: bool = False) -> list[tuple[int, int]]:
        """Return the parts of a range that are absent, in order: each from the start of a block to the end of one.

        Args:
            start: Offset of the first byte.
            end: Offset after the last byte.
            prove: Blocks that do not fit their hashes count as absent too.
        """
        first, last = _blocks(start, min(end, self.size))
        found = os.pread(self._descriptor, (last - first) * _HASH_SIZE, self._map_offset + first * _HASH_SIZE)
        parts: list[tuple[int, int]] = []
        for block in range(first, last):
            at = (block - first) * _HASH_SIZE
            expected = found[at : at + _HASH_SIZE]
            here = block * BLOCK_SIZE
            after = min(here + BLOCK_SIZE, self.size)
            is_there = len(expected) == _HASH_SIZE and expected != _ABSENT
            if is_there and prove:
                is_there = _hash_blocks(os.pread(self._descriptor, after - here, here), self._key) == expected
            if is_there:
                continue
            if parts and parts[-1][1] == here:
                parts[-1] = parts[-1][0], after
            else:
                parts.append((here, after))
        return parts

    def has(self, offset: int) -> bool:
        """Return whether the map says that the block at an offset was fetched."""
        return self._hashes(offset // BLOCK_SIZE, offset // BLOCK_SIZE + 1) is not None

    def write(self, start: int, data: Data) -> None:
        """Put fetched bytes in their place.

        Args:
            start: Their offset, the start of a block.
            data: Whole blocks; the object's last one may be shorter.

        Raises:
            OSError: The system refused; then the blocks count as absent, or are proved.
        """
        hashes = _hash_blocks(data, self._key)
        pwrite_all(self._descriptor, data, start)
        pwrite_all(self._descriptor, hashes, self._map_offset + start // BLOCK_SIZE * _HASH_SIZE)

    def drop(self, start: int, end: int) -> None:
        """Give the room of a range back; its blocks are absent then.

        Args:
            start: Offset of the first byte, the start of a block.
            end: Offset after the last byte, the end of a block.
        """
        first, last = _blocks(start, end)
        pwrite_all(self._descriptor, bytes((last - first) * _HASH_SIZE), self._map_offset + first * _HASH_SIZE)
        punch_hole(self._descriptor, start, end - start)

    def touch(self) -> None:
        """Note that the object was used now."""
        os.utime(self._descriptor)

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    def _hashes(self, first: int, last: int) -> bytes | None:
        """Return the hashes of blocks; None if one was not fetched."""
        length = (last - first) * _HASH_SIZE
        hashes = os.pread(self._descriptor, length, self._map_offset + first * _HASH_SIZE)
        if len(hashes) < length or any(hashes.startswith(_ABSENT, at) for at in range(0, length, _HASH_SIZE)):
            return None
        return hashes


def _blocks(start: int, end: int) -> tuple[int, int]:
    """Return the first block of a range and the one after its last."""
    return start // BLOCK_SIZE, max(start // BLOCK_SIZE, -(-end // BLOCK_SIZE))


def _hash_blocks(data: Data, key: bytes) -> bytes:
    view = memoryview(data)
    return b"".join(
        blake3(view[at : at + BLOCK_SIZE], key=key).digest(_HASH_SIZE) for at in range(0, len(view), BLOCK_SIZE)
    )
