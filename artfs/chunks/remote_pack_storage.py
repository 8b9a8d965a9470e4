"""Packs of a store at a URL: objects, each written whole by one request, and read by exact ranges.

Writing a pack again would write the same bytes, so a request that was not answered is sent again. Nobody sees a pack
that no journal record names; one whose writer gave up is left for gc, since nobody else may delete.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Final, NoReturn

from artfs.chunks.pack_storage import NewPack, OpenPack, pack_name
from artfs.errors import StoreError
from artfs.format.digest import Data
from artfs.format.pack import PACK_ID_SIZE, PackKind
from artfs.remotes import Remote

__all__ = ["RemotePackStorage"]

_SESSION_SIZE: Final = 8
_SIZE_LIMITS: Final = {PackKind.DATA: 32 << 20, PackKind.NODES: 8 << 20}
_PACK: Final = re.compile(r"packs/[^/]*/[^/]*\.pack")


class RemotePackStorage:
    """See `PackStorage`. Its methods raise StoreError and StorageError of the server too, and these go through as is.

    Args:
        remote: Where the packs are.
        find_size: Returns the bytes of a pack by name, as the journal says; None: it does not, and a list tells.

    Attributes:
        session: Names this writer; the ids of its packs end with it.
    """

    def __init__(self, remote: Remote, find_size: Callable[[str], int | None] = lambda _name: None) -> None:
        self._remote = remote
        self._find_size = find_size
        self.session = secrets.token_bytes(_SESSION_SIZE)

    def address(self, name: str) -> str:
        """See `PackStorage`."""
        return f"{self._remote.url}/{name}"

    def is_available(self) -> bool:
        """See `PackStorage`; a server that is not there answers no request at all."""
        return True

    def size_limit(self, kind: PackKind) -> int:
        """See `PackStorage`; such a pack is one request, and in memory until then."""
        return _SIZE_LIMITS[kind]

    def list(self) -> dict[str, int]:
        """See `PackStorage`."""
        found = {each.name: each.size for each in self._remote.list("packs/") if _PACK.fullmatch(each.name)}
        return dict(sorted(found.items()))

    def open(self, name: str) -> OpenPack:
        """See `PackStorage`. No request is sent for a pack that the journal knows: a read finds out that it is gone."""
        size = self._find_size(name)
        if size is None:
            directory = name.rpartition("/")[0] + "/"
            size = next((found.size for found in self._remote.list(directory, name[:-1]) if found.name == name), None)
        if size is None:
            raise self._missing(name)
        return _OpenObject(self, name, size)

    def whole(self) -> RemotePackStorage:
        """Return a storage of the same packs that fetches each as a whole when it is opened."""
        return _WholePackStorage(self._remote, self._find_size)

    def read(self, name: str, start: int, end: int) -> bytes:
        """Return exactly a range of a pack.

        Raises:
            FileNotFoundError: It is missing.
            IntegrityError: It is shorter.
        """
        data = self._remote.get(name, start, end)
        if data is None:
            raise self._missing(name)
        return data

    def create(self, scratch: Path) -> NewPack:  # noqa: ARG002 # nothing unfinished outlives the process
        """See `PackStorage`."""
        return _NewObject(self._remote, self.session)

    def remove(self, name: str) -> NoReturn:
        """Refuse: others may count on the pack (`docs/SHARED.md`)."""
        raise self._refusal(name)

    def quarantine(self, name: str, note: str) -> NoReturn:  # noqa: ARG002 # refused whatever it is
        """Refuse, as `remove` does."""
        raise self._refusal(name)

    def lock(self, *, exclusive: bool, wait: bool) -> AbstractContextManager[object]:  # noqa: ARG002 # never waits
        """See `PackStorage`; nothing is removed, so only who wants to remove something is refused."""
        if exclusive:
            raise self._refusal("packs/")
        return nullcontext()

    def _missing(self, name: str) -> FileNotFoundError:
        return FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), self.address(name))

    def _refusal(self, name: str) -> StoreError:
        return StoreError(f"{self.address(name)}: this artfs removes and repairs nothing in a store at a URL")


class _WholePackStorage(RemotePackStorage):
    def open(self, name: str) -> OpenPack:
        data = self._remote.get(name)
        if data is None:
            raise self._missing(name)
        return _FetchedObject(data)


class _FetchedObject:
    """See `OpenPack`."""

    __slots__ = ("_data", "size")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.size = len(data)

    def read(self, size: int, offset: int, /) -> bytes:
        return self._data[offset : offset + size]


class _OpenObject:
    """See `OpenPack`."""

    __slots__ = ("_name", "_storage", "size")

    def __init__(self, storage: RemotePackStorage, name: str, size: int) -> None:
        self._storage = storage
        self._name = name
        self.size = size

    def read(self, size: int, offset: int, /) -> bytes:
        end = min(offset + size, self.size)
        return self._storage.read(self._name, offset, end) if offset < end else b""


class _NewObject:
    """See `NewPack`. It is in memory until it is written."""

    def __init__(self, remote: Remote, session: bytes) -> None:
        self.pack = secrets.token_bytes(PACK_ID_SIZE - len(session)) + session
        self._remote = remote
        self._data = bytearray()

    def append(self, data: Data, /) -> None:
        self._data += data

    def wait(self) -> None:
        """Nothing is on its way before `publish`."""

    def publish(self) -> None:
        self._remote.put(pack_name(self.pack), bytes(self._data))
        self._data.clear()

    def discard(self) -> None:
        """What was written stays, and no record names it."""
        self._data.clear()
