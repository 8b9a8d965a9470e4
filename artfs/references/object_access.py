"""Access to objects elsewhere: the user's cache, and the fetcher that fills it, both opened at the first use."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from artfs.closing import Closing
from artfs.objects.remote_object import FoundObject, RemoteObject

if TYPE_CHECKING:
    from artfs.objects.cache import Cache
    from artfs.objects.fetcher.fetcher_client import FetcherClient
    from artfs.objects.fetcher.object_reader import ObjectReader

__all__ = ["ObjectAccess"]


class ObjectAccess(Closing):
    """Reads and finds objects for threads, also after a fork. It starts nothing before something is not in the cache.

    Args:
        variables: The environment.
    """

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self._lock = threading.Lock()
        self._opened: tuple[Cache, FetcherClient] | None = None

    @property
    def cache(self) -> Cache:
        """The user's cache."""
        return self._open()[0]

    @property
    def fetcher(self) -> FetcherClient:
        """The fetcher's client."""
        return self._open()[1]

    def reader(self, remote: RemoteObject) -> ObjectReader:
        """Open an object for reading."""
        from artfs.objects.fetcher.object_reader import ObjectReader  # noqa: PLC0415 # as below

        return ObjectReader(*self._open(), remote)

    def find(self, uri: str, *, checksum: bool) -> Iterator[FoundObject]:
        """Yield what a URI leads to; see `ObjectClient.find`."""
        for page in self.fetcher.find(uri, checksum=checksum):
            yield from page

    def close(self) -> None:
        """Close the cache and the connections to the fetcher, which ends soon after its last client."""
        if self._opened is not None:
            for each in self._opened:
                each.close()
            self._opened = None

    def _open(self) -> tuple[Cache, FetcherClient]:
        from artfs.objects.cache import Cache  # noqa: PLC0415 # for references elsewhere alone
        from artfs.objects.fetcher.fetcher_client import FetcherClient  # noqa: PLC0415
        from artfs.objects.fetcher.settings import FetcherSettings  # noqa: PLC0415

        with self._lock:
            if self._opened is None:
                settings = FetcherSettings.of_environment(self._variables)
                self._opened = Cache(settings.directory, settings.budget), FetcherClient(settings)
            return self._opened
