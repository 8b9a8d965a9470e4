"""The cache directory: the objects in it, their room, and its bound."""

from __future__ import annotations

import errno
import logging
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from artfs.closing import Closing
from artfs.errors import StorageError
from artfs.format.digest import Data
from artfs.objects.cache.cached_object import BLOCK_SIZE, CachedObject
from artfs.objects.cache.counters import Counters
from artfs.objects.cache.eviction import KEEP_SUFFIX, cached_files, evict_oldest, exclusively, remove
from artfs.objects.remote_object import RemoteObject

__all__ = ["Cache", "CacheUse"]

_LARGEST_DEFAULT: Final = 50 << 30
_FREE_PART: Final = 20
"""A twentieth of the disk stays free."""
_PAGE: Final = 4096
_MAX_OPEN: Final = 128
_LEFT_AROUND: Final = 40 << 20
"""So much stays before and behind what is written when an object alone is larger than the cache: its reader is behind
by as much as is fetched ahead."""
_FULL_SECONDS: Final = 1.0
"""When there was no room and nothing could go for it, nothing is looked for again for so long."""
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CacheUse:
    """What a cache holds, and what it did since it was made.

    Attributes:
        budget: Bytes that it may take on the disk.
        used_bytes: Bytes that it takes.
        objects: Objects that it has something of.
        kept: Objects that are held against eviction.
        kept_bytes: Bytes that they take.
        hits: Reads that it answered.
        hit_bytes: Their bytes.
        requests: Requests that were made to servers.
        fetched_bytes: Bytes that came of them.
    """

    budget: int
    used_bytes: int
    objects: int
    kept: int
    kept_bytes: int
    hits: int
    hit_bytes: int
    requests: int
    fetched_bytes: int


class Cache(Closing):
    """A user's cache. Threads may share it; processes open their own.

    Args:
        directory: Of the cache; it is made if it is not there.
        budget: Bytes that it may take on the disk. None: half of what is free without it, at most 50 GiB.

    Raises:
        StorageError: The directory cannot be used.
    """

    def __init__(self, directory: Path, budget: int | None = None) -> None:
        self.directory = directory
        self._objects = directory / "objects"
        self._given_budget = budget
        self._written: OrderedDict[bytes, CachedObject] = OrderedDict()
        self._lock = threading.Lock()
        self._full_until = 0.0
        self._being_written = 0
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._objects.mkdir(mode=0o700, exist_ok=True)
            if directory.stat().st_uid != os.geteuid():
                raise StorageError(
                    f"the cache {directory} is another user's: choose one with $ARTFS_CACHE", errno.EPERM
                )
            self.counters = Counters(directory / "counters")
        except OSError as error:
            raise StorageError.of(error, f"using the cache {directory}", os.fspath(directory)) from error

    @property
    def budget(self) -> int:
        """Bytes that the cache may take on the disk."""
        if self._given_budget is not None:
            return self._given_budget
        disk = os.statvfs(self._objects)
        return min(_LARGEST_DEFAULT, (disk.f_bavail * disk.f_frsize + self.counters.get()["used_bytes"]) // 2)

    def open(self, remote: RemoteObject) -> CachedObject | None:
        """Open what the cache has of an object, and note that it is used; None if there is nothing.

        Raises:
            StorageError: The system refused.
        """
        key = remote.key()
        try:
            opened = CachedObject(os.open(self._path(key), os.O_RDWR | os.O_CLOEXEC), key, remote.size)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StorageError.of(error, f"reading the cache {self.directory}") from error
        opened.touch()
        return opened

    def store(self, remote: RemoteObject, start: int, data: Data) -> bool:
        """Put bytes of an object into the cache; others make room for it. Return False if there is no room.

        Args:
            remote: The object.
            start: Offset of the bytes, the start of a block.
            data: Whole blocks; the object's last one may be shorter.
        """
        key = remote.key()
        room = -(-len(data) // _PAGE) * _PAGE + _PAGE
        for wanted in (room, 8 * room):
            try:
                with self._counted_as_written(wanted):
                    if not self._make_room(wanted, key, remote.size, start):
                        return False
                    self._put(key, remote.size, start, data)
            except OSError as error:
                self.counters.add(used_bytes=-wanted)
                if error.errno not in _FULL:
                    _log.error("the cache %s cannot be written: %s", self.directory, error)
                    return False
            else:
                self.counters.add(used_bytes=room - wanted)
                return True
        return False

    def keep(self, remote: RemoteObject, keep: bool) -> None:
        """Hold an object against eviction, or do so no longer.

        Raises:
            StorageError: The system refused.
        """
        mark = self._path(remote.key()) + KEEP_SUFFIX
        try:
            if keep:
                os.makedirs(os.path.dirname(mark), mode=0o700, exist_ok=True)
                os.close(os.open(mark, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
            else:
                with suppress(FileNotFoundError):
                    os.unlink(mark)
        except OSError as error:
            raise StorageError.of(error, f"writing the cache {self.directory}") from error

    def forget(self, remote: RemoteObject) -> bool:
        """Remove what the cache has of an object, also of one that is kept; return True if it had anything.

        Raises:
            StorageError: The system refused.
        """
        path = self._path(remote.key())
        try:
            with exclusively(self.directory / "evict.lock"):
                room = os.stat(path).st_blocks * 512
                remove(path)
                self.counters.add(used_bytes=-room)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise StorageError.of(error, f"writing the cache {self.directory}") from error
        return True

    def clear(self, *, kept: bool) -> int:
        """Remove all objects; return the bytes that were freed.

        Args:
            kept: Those that are held against eviction too.

        Raises:
            StorageError: The system refused.
        """
        freed = left = 0
        try:
            with exclusively(self.directory / "evict.lock"):
                for file in cached_files(self._objects):
                    if file.kept and not kept:
                        left += file.room
                        continue
                    if file.kept:
                        os.unlink(file.path + KEEP_SUFFIX)
                    remove(file.path)
                    freed += file.room
                self.counters.set_used(left)
        except OSError as error:
            raise StorageError.of(error, f"clearing the cache {self.directory}") from error
        return freed

    def use(self) -> CacheUse:
        """Count what the cache holds."""
        files = list(cached_files(self._objects))
        kept = [file.room for file in files if file.kept]
        counts = self.counters.get() | {"used_bytes": sum(file.room for file in files)}
        return CacheUse(self.budget, objects=len(files), kept=len(kept), kept_bytes=sum(kept), **counts)

    def close(self) -> None:
        """Close the files."""
        for opened in self._written.values():
            opened.close()
        self._written.clear()
        self.counters.close()

    @contextmanager
    def _counted_as_written(self, room: int) -> Iterator[None]:
        """Count bytes that a block writes, which a look at the files may not find yet."""
        with self._lock:
            self._being_written += room
        try:
            yield
        finally:
            with self._lock:
                self._being_written -= room

    def _path(self, key: bytes) -> str:
        name = key.hex()
        return os.path.join(self._objects, name[:2], name[2:])

    def _put(self, key: bytes, size: int, start: int, data: Data) -> None:
        with self._lock:
            opened = self._written.pop(key, None)
        if opened is not None and not opened.is_in_place:
            opened.close()
            opened = None
        if opened is None:
            path = self._path(key)
            os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
            opened = CachedObject(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), key, size)
        try:
            opened.write(start, data)
        except OSError:
            opened.close()
            raise
        with self._lock:
            surplus = [self._written.pop(key)] if key in self._written else []  # another thread's
            self._written[key] = opened
            if len(self._written) > _MAX_OPEN:
                surplus.append(self._written.popitem(last=False)[1])
        for each in surplus:
            each.close()

    def _make_room(self, room: int, key: bytes, size: int, start: int) -> bool:
        """Count bytes that are about to be written, evict others for them; return False if there is no room."""
        lacking = self._lacking(self.counters.add(used_bytes=room)["used_bytes"], room)
        if lacking <= 0:
            return True
        if time.monotonic() < self._full_until:
            self.counters.add(used_bytes=-room)
            return False
        with exclusively(self.directory / "evict.lock"):
            lacking = self._lacking(self.counters.get()["used_bytes"], room)  # another may have made room meanwhile
            if lacking <= 0:
                return True
            left = 0
            for _again in range(2):  # at first by the count, which may be off
                freed, left = evict_oldest(self._objects, lacking + self.budget // 10, self._path(key))
                # With what this process is about to write. What another one is, is within what is freed beyond need.
                left += self._being_written - room
                lacking = self._lacking(left + room, room)
                if lacking <= 0 or not freed:
                    break
            if lacking > 0:
                left -= self._shrink(key, size, start)
            self.counters.set_used(left + room)
            if self._lacking(left + room, room) <= 0:
                return True
            self.counters.set_used(left)
            self._full_until = time.monotonic() + _FULL_SECONDS
            return False

    def _lacking(self, used: int, room: int) -> int:
        """Return by how much the cache would be too large, or the disk too full."""
        disk = os.statvfs(self._objects)
        free = (disk.f_bavail - disk.f_blocks // _FREE_PART) * disk.f_frsize
        return max(used - self.budget, room - free)

    def _shrink(self, key: bytes, size: int, start: int) -> int:
        """Give back the room of an object that is larger than the cache, but for what is around an offset."""
        path = self._path(key)
        if not os.path.exists(path) or os.path.exists(path + KEEP_SUFFIX):
            return 0
        with CachedObject(os.open(path, os.O_RDWR | os.O_CLOEXEC), key, size) as opened:
            before = os.stat(path).st_blocks
            around = min(_LEFT_AROUND, self.budget // 4) // BLOCK_SIZE * BLOCK_SIZE
            if start > around:
                opened.drop(0, start - around)
            if start + around < size:
                opened.drop(start + around, size)
            return (before - os.stat(path).st_blocks) * 512
