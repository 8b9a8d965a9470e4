"""Caches of decompressed chunks: of one process, and shared by all processes of a mount."""

from __future__ import annotations

import fcntl
import mmap
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from struct import Struct
from typing import Final, Protocol, TypeVar

from artfs.errors import InvalidInputError
from artfs.format.digest import (
    BLOCK_HASH_SIZE,
    BLOCK_SIZE,
    DIGEST_SIZE,
    Data,
    block_hashes,
    table_digest,
    table_size,
)

__all__ = ["ChunkCache", "ChunkLRU", "Fill", "SharedChunkCache", "touch"]

_T = TypeVar("_T")

Fill = Callable[[], tuple[Data, bytes]]
"""Makes the whole plain bytes of a chunk and their block table, both verified."""

_WAYS: Final = 8  # slots in a set, unless there are fewer or a few left over
_LOCKS: Final = 4096
_STAMP: Final = Struct("<Q")  # when a slot was last used, in nanoseconds since boot: the same clock in every process
_STAMP_AT: Final = DIGEST_SIZE
_TABLE_AT: Final = 64
_NO_DIGEST: Final = bytes(DIGEST_SIZE)


class ChunkCache(Protocol):
    """Keeps the plain bytes of compressed chunks."""

    def get_or_fill(self, digest: bytes, plain_len: int, start: int, length: int, fill: Fill) -> Data:
        """Return `length` bytes from `start` on of the chunk that `digest` names, verified.

        Args:
            digest: Of the chunk.
            plain_len: Its length.
            start: Where the wanted bytes begin; the range is within the chunk and not empty.
            length: Bytes wanted.
            fill: Called when they are not cached. Its exceptions pass through. It must not call this method.
        """
        ...


def touch(cached: OrderedDict[bytes, _T], key: bytes) -> None:
    """Mark an item as used just now; another thread may have dropped it meanwhile."""
    try:  # noqa: SIM105 - a suppress() would cost more than all the rest, in each request of a mount
        cached.move_to_end(key)
    except KeyError:
        pass


class ChunkLRU:
    """The chunks of which one process read parts last. Threads may share it: lookups take no lock.

    Without it a file that is read line by line is decompressed once for each part. What is here was verified as it came
    in, and is this process's own.

    Args:
        budget: Bytes to keep at the most, but for one chunk.
    """

    def __init__(self, budget: int = 16 << 20) -> None:
        self._free = budget
        self._lock = threading.Lock()  # taken to add chunks and to drop them
        self._plain: OrderedDict[bytes, Data] = OrderedDict()

    def get_or_fill(self, digest: bytes, plain_len: int, start: int, length: int, fill: Fill) -> Data:
        """See `ChunkCache`."""
        plain = self._plain.get(digest)
        if plain is None:
            plain = fill()[0]
            with self._lock:
                if digest not in self._plain:
                    self._plain[digest] = plain
                    self._free -= plain_len
                while self._free < 0 and len(self._plain) > 1:
                    self._free += len(self._plain.popitem(last=False)[1])
        else:
            touch(self._plain, digest)
        return memoryview(plain)[start : start + length]


class SharedChunkCache:
    """A cache in anonymous shared memory, for one thread of each process of a mount.

    Without it every worker decompresses the same chunk for itself: CSV read through four workers was 2.4 times slower
    than through one.

    The memory is mapped before the fork and divided into slots; a chunk may lie in any slot of its set.

    - No lock guards reading, and nothing in a slot is trusted: its block table must hash to the digest that is asked
      for, and each block to its entry of the table. A slot that is torn by a writer, left behind by a killed one, or
      damaged, is merely a miss.
    - A chunk is filled by one process at a time, so that the others wait for it instead of decompressing it too. The
      lock is a POSIX record lock on a byte of a memory file, which the kernel drops when its owner dies. It guards
      nothing else: two that fill different chunks may choose the same slot, and what they leave there is a miss for one
      of them or for both.

    Args:
        budget: Bytes of memory to use at the most; taken from the system as slots are filled.
        slot_size: The longest chunk that is kept: `max_size` of the store's chunking. Longer ones are passed through.
    """

    def __init__(self, budget: int, slot_size: int = 2 << 20) -> None:
        page = mmap.PAGESIZE
        self._slot_size = slot_size
        self._stride = (_TABLE_AT + table_size(slot_size) + slot_size + page - 1) // page * page
        slots = budget // self._stride
        if not slots:
            raise InvalidInputError(f"the cache needs at least {self._stride} bytes, not {budget}")
        self._sets = max(1, slots // _WAYS)
        self._ways = slots // self._sets
        self._memory = mmap.mmap(-1, self._sets * self._ways * self._stride)
        self._locks = os.memfd_create("artfs-plain-cache-locks", os.MFD_CLOEXEC)

    def close(self) -> None:
        """Unmap the memory in this process."""
        self._memory.close()
        os.close(self._locks)

    def get_or_fill(self, digest: bytes, plain_len: int, start: int, length: int, fill: Fill) -> Data:
        """See `ChunkCache`."""
        if plain_len > self._slot_size:
            return memoryview(fill()[0])[start : start + length]
        number = int.from_bytes(digest[:8], "little") % self._sets
        first = number * self._ways
        slots = range(first * self._stride, (first + self._ways) * self._stride, self._stride)
        found = self._find(slots, digest, plain_len, start, length)
        if found is None:
            with self._filling(digest):
                found = self._find(slots, digest, plain_len, start, length)
                if found is None:
                    plain, table = fill()
                    self._store(slots, digest, plain, table)
                    found = memoryview(plain)[start : start + length]
        return found

    def _find(self, slots: range, digest: bytes, plain_len: int, start: int, length: int) -> Data | None:
        """Return the bytes if one of the slots has them, verified."""
        for slot in slots:
            if self._memory[slot : slot + DIGEST_SIZE] == digest:
                found = self._verified(slot, digest, plain_len, start, length)
                if found is not None:
                    _STAMP.pack_into(self._memory, slot + _STAMP_AT, time.monotonic_ns())
                    return found
        return None

    def _verified(self, slot: int, digest: bytes, plain_len: int, start: int, length: int) -> Data | None:
        """Copy the blocks that the range touches, and verify the copy by the digest."""
        first = start // BLOCK_SIZE
        last = (start + length - 1) // BLOCK_SIZE
        at = first * BLOCK_SIZE
        end = min((last + 1) * BLOCK_SIZE, plain_len)
        table_at = slot + _TABLE_AT
        data_at = table_at + table_size(plain_len)
        table = self._memory[table_at:data_at]
        blocks = self._memory[data_at + at : data_at + end]
        if table:
            wanted = table[first * BLOCK_HASH_SIZE : (last + 1) * BLOCK_HASH_SIZE]
            if table_digest(table) != digest or block_hashes(blocks) != wanted:
                return None
        elif block_hashes(blocks) != digest:
            return None
        return blocks if length == end - at else memoryview(blocks)[start - at : start - at + length]

    def _store(self, slots: range, digest: bytes, plain: Data, table: bytes) -> None:
        """Put a chunk into the slot with a torn copy of it, or else the least recently used one."""
        memory = self._memory

        def worth(slot: int) -> tuple[bool, int]:
            return memory[slot : slot + DIGEST_SIZE] != digest, _STAMP.unpack_from(memory, slot + _STAMP_AT)[0]

        slot = min(slots, key=worth)
        memory[slot : slot + DIGEST_SIZE] = _NO_DIGEST
        data_at = slot + _TABLE_AT + len(table)
        memory[slot + _TABLE_AT : data_at] = table
        memory[data_at : data_at + len(plain)] = plain
        _STAMP.pack_into(memory, slot + _STAMP_AT, time.monotonic_ns())
        memory[slot : slot + DIGEST_SIZE] = digest

    @contextmanager
    def _filling(self, digest: bytes) -> Iterator[None]:
        """Keep the lock of one chunk."""
        at = int.from_bytes(digest[-8:], "little") % _LOCKS
        fcntl.lockf(self._locks, fcntl.LOCK_EX, 1, at)
        try:
            yield
        finally:
            fcntl.lockf(self._locks, fcntl.LOCK_UN, 1, at)
