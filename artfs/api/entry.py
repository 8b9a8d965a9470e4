"""One file, link or reference of an artifact, and how its bytes are read."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from typing import IO, TYPE_CHECKING, Any

from artfs.api.stores import shared_store
from artfs.errors import InvalidInputError
from artfs.format.node import Entry, Kind
from artfs.format.reference import decode_reference
from artfs.names import quoted

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

    from artfs.store.store import Store

__all__ = ["ManifestEntry", "StoredFile", "open_stored"]

_PORTION = 4 << 20

Opener = Callable[["ManifestEntry"], IO[bytes]]
Downloader = Callable[["ManifestEntry", "str | os.PathLike[str] | None"], str]


class ManifestEntry:
    """An entry of a manifest. It does not change.

    Attributes:
        path: Where it is in the artifact, `/`-separated.
        size: Bytes.
        row: The entry as trees have it.
    """

    __slots__ = ("_download", "_open", "_reference", "path", "row", "size")

    def __init__(self, path: bytes, row: Entry, opener: Opener, downloader: Downloader) -> None:
        self.path = os.fsdecode(path)
        self.size = row.size
        self.row = row
        self._reference = decode_reference(row) if row.kind == Kind.REFERENCE else None
        self._open = opener
        self._download = downloader

    @property
    def ref(self) -> str | None:
        """The URI of a reference; None of anything else."""
        return None if self._reference is None else self._reference.uri

    @property
    def digest(self) -> str | None:
        """What identifies the contents, as hexadecimal digits; None of a reference that was not checked."""
        if self._reference is None:
            return self.row.digest.hex()
        return None if self._reference.digest is None else self._reference.digest.hex()

    @property
    def etag(self) -> str | None:
        """What the source of a reference said identifies its contents."""
        return None if self._reference is None else self._reference.etag

    @property
    def version_id(self) -> str | None:
        """Which version of its source a reference is to."""
        return None if self._reference is None else self._reference.version_id

    def open(self, mode: str = "rb", encoding: str | None = None) -> IO[Any]:
        """Open it for reading.

        Args:
            mode: `rb`, or `r` for text.
            encoding: Of text; UTF-8 by default.

        Raises:
            ArtifactNotLoggedError: The artifact is a draft.
            InvalidInputError: The mode is not one for reading.
            IntegrityError: On reading: stored bytes are damaged.
            SourceError: On reading: what a reference is to is gone, has changed or cannot be read.
        """
        return opened(self._open(self), mode, encoding)

    def download(self, root: str | os.PathLike[str] | None = None) -> str:
        """Write it out as a file.

        Args:
            root: The directory that stands for the artifact; `./artifacts/NAME:vN` by default.

        Returns:
            Where it is.

        Raises:
            ArtifactNotLoggedError: The artifact is a draft.
            IntegrityError: Stored bytes are damaged.
            SourceError: What a reference is to is gone, has changed or cannot be read.
            UnsafeTargetError: A symlink leads outside.
            StorageError: The file system refused.
        """
        return self._download(self, root)

    def ref_target(self) -> str:
        """The URI that a reference is to.

        Raises:
            InvalidInputError: It is no reference.
        """
        if self.ref is None:
            raise InvalidInputError(f"{quoted(self.path)} is no reference: its contents are in the artifact")
        return self.ref

    def __repr__(self) -> str:
        return f"<ManifestEntry {self.path!r}, {self.size} bytes>"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ManifestEntry):
            return NotImplemented
        return (self.path, self.row.kind, self.row.digest) == (other.path, other.row.kind, other.row.digest)

    def __hash__(self) -> int:
        return hash((self.path, self.row.digest))


def opened(file: IO[bytes], mode: str, encoding: str | None) -> IO[Any]:
    """Give an open binary file in the mode that was asked for.

    Raises:
        InvalidInputError: The mode is not one for reading.
    """
    if mode == "rb":
        return file
    if mode in {"r", "rt"}:
        return io.TextIOWrapper(file, encoding or "utf-8")
    file.close()
    raise InvalidInputError(f"mode {mode!r} is not allowed: a logged artifact is opened as 'rb' or 'r'")


def open_stored(store: Store, row: Entry) -> IO[bytes]:
    """Open a stored file for reading by ranges."""
    return io.BufferedReader(StoredFile(store, row), 1 << 17)


class StoredFile(io.RawIOBase):
    """The bytes of a file in a store.

    Args:
        store: Where it is.
        row: Its entry; of a symlink its target is read.
    """

    def __init__(self, store: Store, row: Entry) -> None:
        super().__init__()
        self._store = store
        self._row = row
        self._position = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """Where the next read begins."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place; see `io.IOBase.seek`."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._row.size}.get(whence)
        if base is None or base + offset < 0:
            raise InvalidInputError(f"seek to {offset} ({whence}) is not within the file")
        self._position = base + offset
        return self._position

    def readall(self) -> bytes:
        """Read what is left, in portions that are worth it."""
        parts = []
        while part := self.read(_PORTION):
            parts.append(part)
        return b"".join(parts)

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Read a portion, verified."""
        view = memoryview(buffer).cast("B")
        if self._row.kind == Kind.SYMLINK:
            data: bytes | bytearray | memoryview = self._row.extra[self._position : self._position + len(view)]
        else:
            if not self._store.current:  # as when the file was open already when this process was forked
                self._store = shared_store(self._store.path, create=False)
            data = self._store.content.read(self._row, self._position, len(view))
        view[: len(data)] = data
        self._position += len(data)
        return len(data)
