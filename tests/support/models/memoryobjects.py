"""Objects in memory, as an object store has them, and the handler of their scheme (`mem:`)."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from urllib.parse import quote, unquote

from artfs.errors import InvalidInputError, ReferenceChangedError, ReferenceGoneError
from artfs.format.reference import Reference
from artfs.references import Found

__all__ = ["MemoryObjects", "MemoryReader"]

_TOP = "mem://bucket/"


class MemoryObjects:
    """A bucket, and a handler that identifies its objects by ETag, as those of object stores will.

    Attributes:
        reads: Ranges that were asked for, of any object.
        readers: Number of readers that are open.
    """

    def __init__(self) -> None:
        self._objects: dict[str, bytes] = {}
        self._lock = threading.Lock()
        self.reads: list[tuple[int, int]] = []
        self.readers = 0

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

    def open(self, reference: Reference) -> MemoryReader:
        with self._lock:
            self.readers += 1
        return MemoryReader(self, reference)

    def closed(self) -> None:
        with self._lock:
            self.readers -= 1

    def get(self, reference: Reference, offset: int, size: int) -> bytes:
        with self._lock:
            self.reads.append((offset, size))
            data = self._objects.get(unquote(reference.uri.removeprefix(_TOP)))
        if data is None:
            raise ReferenceGoneError(f"{reference.uri} is gone")
        if len(data) != reference.size or (reference.etag is not None and reference.etag != _etag(data)):
            raise ReferenceChangedError(f"{reference.uri} changed")
        return data[offset : offset + size]


class MemoryReader:
    """A reader that reads nothing ahead."""

    def __init__(self, objects: MemoryObjects, reference: Reference) -> None:
        self._objects = objects
        self._reference = reference
        self._open = True

    def read(self, offset: int, size: int) -> bytes:
        assert self._open
        return self._objects.get(self._reference, offset, size)

    def close(self) -> None:
        assert self._open
        self._open = False
        self._objects.closed()


def _etag(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
