"""Objects that are kept in memory, as an object store has them, and the handler of their scheme (`mem:`)."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from urllib.parse import quote, unquote

from artfs.errors import InvalidInputError, ReferenceChangedError, ReferenceGoneError
from artfs.format.reference import Reference
from artfs.references import Found

__all__ = ["MemoryObjects"]

_TOP = "mem://bucket/"


class MemoryObjects:
    """A bucket, and a handler that identifies its objects by ETag, as those of object stores will.

    Attributes:
        reads: Ranges that were asked for, of any object.
    """

    def __init__(self) -> None:
        self._objects: dict[str, bytes] = {}
        self._lock = threading.Lock()
        self.reads: list[tuple[int, int]] = []

    @property
    def handler(self) -> MemoryObjects:
        return self

    def uri(self, path: str) -> str:
        return _TOP + quote(path)

    def put(self, path: str, data: bytes) -> None:
        with self._lock:
            self._objects[path] = data

    def remove(self, path: str) -> None:
        with self._lock:
            del self._objects[path]

    def find(self, uri: str, *, checksum: bool) -> Iterator[Found]:
        key = unquote(uri.removeprefix(_TOP))
        with self._lock:
            below = {path: data for path, data in self._objects.items() if path == key or path.startswith(f"{key}/")}
        if not below:
            raise InvalidInputError(f"{uri} leads to nothing")
        for path in sorted(below):
            etag = _etag(below[path]) if checksum else None
            reference = Reference(self.uri(path), len(below[path]), etag=etag)
            yield Found(path[len(key) + 1 :], path.rpartition("/")[2], reference)

    def read(self, reference: Reference, offset: int, size: int) -> bytes:
        with self._lock:
            self.reads.append((offset, size))
            data = self._objects.get(unquote(reference.uri.removeprefix(_TOP)))
        if data is None:
            raise ReferenceGoneError(f"{reference.uri} is gone")
        if len(data) != reference.size or (reference.etag is not None and reference.etag != _etag(data)):
            raise ReferenceChangedError(f"{reference.uri} changed")
        return data[offset : offset + size]


def _etag(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
