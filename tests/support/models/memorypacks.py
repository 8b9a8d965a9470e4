"""Packs that are kept in memory, as an object store has them: whole objects by name."""

from __future__ import annotations

import os
import re
import threading
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Final

from artfs.chunks.pack_storage import NewPack, OpenPack, pack_name
from artfs.format.digest import Data
from artfs.format.pack import PackKind

__all__ = ["MemoryPackStorage"]

_PACK: Final = re.compile(r"packs/[^/]*/[^/]*\.pack")


class MemoryPackStorage:
    """The packs of one store in this process.

    Args:
        packs: Those that are there from the beginning, by name.

    Attributes:
        packs: What was published or planted, by name.
        quarantined: What was set aside, and the notes, by their new names.
    """

    def __init__(self, packs: dict[str, bytes] | None = None) -> None:
        self.packs = dict(packs or {})
        self.quarantined: dict[str, bytes] = {}
        self._changed = threading.Condition()
        self._shared = 0
        self._exclusive = False

    def address(self, name: str) -> str:
        return f"memory:{name}"

    def is_available(self) -> bool:
        return True

    def size_limit(self, kind: PackKind) -> int:  # noqa: ARG002 # as in a directory
        return 512 << 20

    def list(self) -> dict[str, int]:
        return {name: len(data) for name, data in sorted(self.packs.items()) if _PACK.fullmatch(name)}

    def open(self, name: str) -> OpenPack:
        return _Opened(self._get(name))

    def create(self, scratch: Path) -> NewPack:  # noqa: ARG002 # nothing unfinished outlives the process
        return _New(self)

    def remove(self, name: str) -> None:
        self._get(name)
        del self.packs[name]

    def quarantine(self, name: str, note: str) -> str:
        data = self._get(name)
        stem, number = name.rpartition("/")[2].removesuffix(".pack"), 1
        target = f"quarantine/{stem}"
        while f"{target}.pack" in self.quarantined:
            number += 1
            target = f"quarantine/{stem}.{number}"
        self.quarantined |= {f"{target}.txt": note.encode(), f"{target}.pack": data}
        del self.packs[name]
        return f"{target}.pack"

    def lock(self, *, exclusive: bool, wait: bool) -> AbstractContextManager[object]:
        with self._changed, ExitStack() as lock:
            if not self._changed.wait_for(lambda: self._is_free(exclusive), None if wait else 0):
                raise BlockingIOError
            self._shared += not exclusive
            self._exclusive = exclusive
            lock.callback(self._unlock, exclusive)
            return lock.pop_all()

    def _is_free(self, exclusive: bool) -> bool:
        return not self._exclusive and not (exclusive and self._shared)

    def _unlock(self, exclusive: bool) -> None:
        with self._changed:
            self._shared -= not exclusive
            self._exclusive = False
            self._changed.notify_all()

    def _get(self, name: str) -> bytes:
        try:
            return self.packs[name]
        except KeyError:
            raise FileNotFoundError(name) from None


class _Opened:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self.size = len(data)

    def read(self, size: int, offset: int, /) -> bytes:
        return self._data[offset : offset + size]


class _New:
    def __init__(self, storage: MemoryPackStorage) -> None:
        self.pack = os.urandom(16)
        self._storage = storage
        self._data = bytearray()

    def append(self, data: Data, /) -> None:
        self._data += data

    def wait(self) -> None:
        pass

    def publish(self) -> None:
        self._storage.packs[pack_name(self.pack)] = bytes(self._data)

    def discard(self) -> None:
        self._storage.packs.pop(pack_name(self.pack), None)
