"""An object store in memory."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

from artfs.errors import IntegrityError
from artfs.remotes.remote import ListedObject, check_name

__all__ = ["MemoryRemote"]


class MemoryRemote:
    """A `Remote` whose objects are in a dict."""

    url = "memory://store"
    where = url

    def __init__(self) -> None:
        self.objects: dict[str, tuple[bytes, int]] = {}
        self._lock = threading.Lock()

    def create(self, name: str, data: bytes) -> bool:
        check_name(name)
        with self._lock:
            if name in self.objects:
                return False
            self.objects[name] = (bytes(data), time.time_ns())
            return True

    def put(self, name: str, data: bytes) -> None:
        check_name(name)
        with self._lock:
            self.objects[name] = (bytes(data), time.time_ns())

    def get(self, name: str, start: int = 0, end: int | None = None) -> bytes | None:
        check_name(name)
        if name not in self.objects:
            return None
        data, _changed = self.objects[name]
        if end is not None and end > len(data):
            raise IntegrityError(f"{name} has {len(data)} bytes")
        return data[start:end]

    def list(self, prefix: str, after: str = "") -> Iterator[ListedObject]:
        for name in sorted(self.objects):
            if name.startswith(prefix) and name > after:
                data, changed = self.objects[name]
                yield ListedObject(name, len(data), changed)

    def delete(self, name: str) -> None:
        check_name(name)
        self.objects.pop(name, None)
