"""One file, link or reference of an artifact, and a file object that reads its bytes."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol

from artfs.api.store_pool import shared_store
from artfs.catalog import Version
from artfs.errors import InvalidInputError
from artfs.format.node import Entry, Kind
from artfs.format.reference import decode_reference
from artfs.names import parse_entry_path, quoted
from artfs.store.read.extract import extract
from artfs.store.read.symlinks import entry_through_links, entry_to_copy
from artfs.store.store import Store

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["ManifestEntry", "Owner", "StoredFile", "default_root", "file_in_version", "open_stored"]

_PORTION = 4 << 20


class Owner(Protocol):
    """The artifact that entries are of."""

    @property
    def versioned_name(self) -> str:
        """Its name with its project; with its version, once it is logged."""

    @property
    def store(self) -> Store:
        """The store that it is logged in; raises ArtifactNotLoggedError before that."""

    @property
    def readable_store(self) -> Store:
        """The store that has the bytes of its entries, before it is logged too."""

    @property
    def row(self) -> Version:
        """The version that it is; raises ArtifactNotLoggedError before it is logged."""


class ManifestEntry:
    """An entry of a manifest. It does not change.

    Attributes:
        path: Its path in the artifact, `/`-separated.
        size: Bytes.
        row: The entry as trees have it.
    """

    __slots__ = ("_artifact", "_reference", "path", "row", "size")

    def __init__(self, path: bytes, row: Entry, artifact: Owner) -> None:
        self.path = os.fsdecode(path)
        self.size = row.size
        self.row = row
        self._reference = decode_reference(row) if row.kind == Kind.REFERENCE else None
        self._artifact = artifact

    @property
    def ref(self) -> str | None:
        """The URI of a reference; None of anything else."""
        return None if self._reference is None else self._reference.uri

    @property
    def digest(self) -> str | None:
        """Identifies the contents, as hexadecimal digits; None of a reference that was not checked."""
        if self._reference is None:
            return self.row.digest.hex()
        return None if self._reference.digest is None else self._reference.digest.hex()

    @property
    def etag(self) -> str | None:
        """The ETag that the source of a reference gave for its contents."""
        return None if self._reference is None else self._reference.etag

    @property
    def version_id(self) -> str | None:
        """The version of its source that a reference is to."""
        return None if self._reference is None else self._reference.version_id

    @property
    def extra(self) -> dict[str, str]:
        """What the source of a reference gave, under W&B's keys `etag` and `versionID`; of anything else empty."""
        given = {"etag": self.etag, "versionID": self.version_id}
        return {key: value for key, value in given.items() if value is not None}

    def open(self, mode: str = "rb", encoding: str | None = None) -> IO[Any]:
        """Open it for reading, of an unlogged artifact too. A symlink is followed within the version.

        Args:
            mode: `rb`, or `r` for text.
            encoding: Of text; UTF-8 by default.

        Raises:
            ArtifactNotLoggedError: It is a symlink, and the artifact is not logged.
            NotFoundError: A symlink leads to nothing.
            InvalidInputError: The mode is not one for reading; or a symlink leads to a directory, out of the version
                or in circles.
            IntegrityError: On reading: stored bytes are damaged.
            SourceError: On reading: what a reference is to is gone, has changed or cannot be read.
        """
        row = self._file()
        file = open_stored(self._artifact.readable_store, row)
        if mode == "rb":
            return file
        if mode in {"r", "rt"}:
            return io.TextIOWrapper(file, encoding or "utf-8")
        file.close()
        raise InvalidInputError(f"mode {mode!r} is not allowed: a logged artifact is opened as 'rb' or 'r'")

    def download(self, root: str | os.PathLike[str] | None = None) -> str:
        """Write it out as a file, of an unlogged artifact too; in place of a symlink, what it leads to in the version.

        Args:
            root: The directory that stands for the artifact; `./artifacts/[PROJECT/]NAME:vN` by default,
                before it is logged without version.

        Returns:
            The path of the file.

        Raises:
            ArtifactNotLoggedError: It is a symlink, and the artifact is not logged.
            IntegrityError: Stored bytes are damaged.
            SourceError: What a reference is to is gone, has changed or cannot be read.
            UnsafeTargetError: A symlink leads outside.
            StorageError: The file system refused.
        """
        target = Path(os.path.abspath(root or default_root(self._artifact.versioned_name)), self.path)
        row = self.row
        if row.kind == Kind.SYMLINK:
            row = entry_to_copy(self._artifact.store, self._artifact.row, parse_entry_path(self.path))
        extract(self._artifact.readable_store, row, target, path=os.fsencode(self.path))
        return str(target)

    def ref_target(self) -> str:
        """The URI that a reference is to.

        Raises:
            InvalidInputError: It is no reference.
        """
        if self.ref is None:
            raise InvalidInputError(f"{quoted(self.path)} is no reference: its contents are in the artifact")
        return self.ref

    def _file(self) -> Entry:
        """Return the file that is read: itself, or the one that a symlink leads to."""
        if self.row.kind != Kind.SYMLINK:
            return self.row
        found = entry_through_links(self._artifact.store, self._artifact.row, parse_entry_path(self.path))[1]
        if found.kind == Kind.DIRECTORY:
            raise InvalidInputError(f"{quoted(self.path)} leads to a directory: open a file in it")
        return found

    def __repr__(self) -> str:
        return f"<ManifestEntry {self.path!r}, {self.size} bytes>"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ManifestEntry):
            return NotImplemented
        return (self.path, self.row.kind, self.row.digest) == (other.path, other.row.kind, other.row.digest)

    def __hash__(self) -> int:
        return hash((self.path, self.row.digest))


def file_in_version(entry: ManifestEntry) -> tuple[Store, Version, Entry]:
    """Return the store and the version that have an entry, and the file that it is or that a symlink leads to.

    Raises:
        ArtifactNotLoggedError: The artifact is not logged.
        NotFoundError: A symlink leads to nothing.
        InvalidInputError: A symlink leads to a directory, out of the version or in circles.
    """
    artifact = entry._artifact  # noqa: SLF001 - of this module's own class
    return artifact.store, artifact.row, entry._file()  # noqa: SLF001 - as above


def default_root(name: str) -> str:
    """Return the directory for downloads of something of a name, when no other is given."""
    return os.path.join("artifacts", name)


def open_stored(store: Store, row: Entry) -> IO[bytes]:
    """Open a stored file for reading by ranges."""
    return io.BufferedReader(StoredFile(store, row), 1 << 17)


class StoredFile(io.RawIOBase):
    """The bytes of a file in a store.

    Args:
        store: The store that has it.
        row: Its entry; a file or reference.
    """

    def __init__(self, store: Store, row: Entry) -> None:
        super().__init__()
        self._store = store
        self._row = row
        self._position = 0

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def tell(self) -> int:
        """Return the offset of the next read."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Set the offset of the next read; see `io.IOBase.seek`."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._row.size}.get(whence)
        if base is None or base + offset < 0:
            raise InvalidInputError(f"seek to {offset} ({whence}) is not within the file")
        self._position = base + offset
        return self._position

    def readall(self) -> bytes:
        """Read what is left, in portions large enough to be read at the full rate."""
        parts = []
        while part := self.read(_PORTION):
            parts.append(part)
        return b"".join(parts)

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Read a portion, verified."""
        view = memoryview(buffer).cast("B")
        if not self._store.current:  # as when the file was open already when this process was forked
            self._store = shared_store(self._store.path, create=False)
        data = self._store.content.read(self._row, self._position, len(view))
        view[: len(data)] = data
        self._position += len(data)
        return len(data)
