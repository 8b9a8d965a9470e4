"""A reader of one object: from the cache, else through the fetcher."""

from __future__ import annotations

from typing import Final

from artfs.closing import Closing
from artfs.format.digest import Data
from artfs.objects.cache import Cache, CachedObject
from artfs.objects.fetcher.fetcher_client import FetcherClient
from artfs.objects.remote_object import RemoteObject

__all__ = ["ObjectReader"]

_LOOK_AHEAD: Final = 16 << 20
"""The fetcher is told of a read from the cache when so far behind it nothing is fetched yet."""
_LARGEST_STEP: Final = 1 << 20
"""In a long sequence the fetcher is told once in so many bytes: it fetches many times as many ahead."""


class ObjectReader(Closing):
    """Reads ranges of one state of an object. One thread uses it at a time.

    Args:
        cache: Where it looks first.
        fetcher: Whom it asks for what is not there.
        remote: The object.
    """

    def __init__(self, cache: Cache, fetcher: FetcherClient, remote: RemoteObject) -> None:
        self._cache = cache
        self._fetcher = fetcher
        self._remote = remote
        self._opened: CachedObject | None = None
        self._hits = 0
        self._hit_bytes = 0
        self._sequence_start = 0
        self._told = 0

    def read(self, offset: int, size: int) -> Data:
        """Read a range, shorter only at the object's end; size 0 only proves that it is in this state.

        Raises:
            ReferenceGoneError: There is no such object or version any more.
            ReferenceChangedError: It is in another state.
            SourceError: It is refused, or did not come in time.
        """
        remote = self._remote
        end = min(offset + size, remote.size)
        if not size or not remote.size:
            self._fetcher.read(remote, 0, 0)
            return b""
        if offset >= end:
            return b""
        data = self._cached(offset, end)
        if data is not None:
            self._hits += 1
            self._hit_bytes += len(data)
            self._tell(offset, end)
            return data
        data = self._fetcher.read(remote, offset, end)
        if data is None:
            data = self._cached(offset, end)
        if data is None:  # evicted at once, or the disk does not keep what is written to it
            data = self._fetcher.read(remote, offset, end, in_reply=True)
        return data or b""

    def close(self) -> None:
        """Close the file of the cache, and count the reads that it answered."""
        if self._hits:
            self._cache.counters.add(hits=self._hits, hit_bytes=self._hit_bytes)
            self._hits = self._hit_bytes = 0
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    def _tell(self, start: int, end: int) -> None:
        """Tell the fetcher of a read from the cache that may make it fetch ahead; in a longer sequence, more rarely."""
        step = end - self._told
        if not 0 <= step <= end - start + _LARGEST_STEP:
            self._sequence_start = start
        elif step < min(_LARGEST_STEP, (end - self._sequence_start) // 8):
            return
        self._told = end
        size = self._remote.size
        if self._opened is not None and end < size and not self._opened.has(min(end + _LOOK_AHEAD, size) - 1):
            self._fetcher.hint(self._remote, start, end)

    def _cached(self, start: int, end: int) -> Data | None:
        """Read from the cache; None if it is not there."""
        if self._opened is not None:
            data = self._opened.read(start, end)
            if data is not None or self._opened.is_in_place:
                return data
            self._opened.close()
        self._opened = self._cache.open(self._remote)
        return None if self._opened is None else self._opened.read(start, end)
