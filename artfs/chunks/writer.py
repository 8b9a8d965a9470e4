"""Writer of packs: appends records, and begins the next pack when one is full.

Preparing a record (`encode_record`) is pure and may run in many threads; appending is for one thread or under a lock.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Self, TypeVar

import msgspec

from artfs.chunks.pack_storage import PackStorage
from artfs.chunks.record import EncodedRecord, encode_record
from artfs.errors import ArtfsError, StorageError
from artfs.format.digest import digest
from artfs.format.pack import (
    ENTRY_SIZE,
    TRAILER_SIZE,
    Location,
    PackKind,
    encode_entry,
    encode_header,
    encode_trailer,
)

__all__ = ["EncodedRecord", "PackWriter", "SealedPack", "encode_record"]

_Result = TypeVar("_Result")


class SealedPack(msgspec.Struct, frozen=True):
    """A pack that is complete, durable and named."""

    pack: bytes
    kind: PackKind
    size: int
    count: int


class PackWriter:
    """Writes records into packs of one kind.

    A record's location is known from `append` on, but must not be published before its pack was returned by
    `take_sealed` or `finish`: only then is it durable.

    As a context manager it aborts unless `finish` was called. After an error only `abort` is left.

    Args:
        storage: Where the packs go.
        scratch: The directory of the writer's session, for the unfinished one.
        kind: Of the packs.
        size_limit: A record that would make a pack longer begins the next one; None: the storage's.
    """

    def __init__(self, storage: PackStorage, scratch: Path, kind: PackKind, size_limit: int | None = None) -> None:
        self._storage = storage
        self._scratch = scratch
        self._kind = kind
        self._size_limit = size_limit or storage.size_limit(kind)
        self._unsealed: _PackBuilder | None = None
        self._sealed: dict[SealedPack, _PackBuilder] = {}
        self._failure: ArtfsError | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.abort()

    def append(self, record: EncodedRecord) -> Location:
        """Add a record and return its location. Its buffers are copied: they may be used again.

        Raises:
            StorageError: The system refused a write.
        """
        pack = self._unsealed
        if pack is not None and pack.sealed_size + record.size + ENTRY_SIZE > self._size_limit:
            self._seal(pack)
            pack = None
        if pack is None:
            pack = self._unsealed = self._try(lambda: _PackBuilder(self._storage, self._scratch, self._kind))
        return self._try(lambda: pack.append(record))

    def wait(self) -> None:
        """Wait until the system has accepted what it was given so far: most of what was appended.

        Raises:
            StorageError: The system refused a write.
        """
        if self._unsealed is not None:
            self._try(self._unsealed.wait)

    def take_sealed(self) -> list[SealedPack]:
        """Return the packs sealed since the last call. `abort` does not remove them any more."""
        sealed, self._sealed = self._sealed, {}
        return list(sealed)

    def finish(self) -> list[SealedPack]:
        """Seal the unfinished pack, and return all sealed packs that `take_sealed` did not.

        Raises:
            StorageError: The system refused a write, an fsync or a rename.
        """
        if self._unsealed is not None:
            self._seal(self._unsealed)
        return self.take_sealed()

    def abort(self) -> None:
        """Remove the unfinished pack, and the sealed ones that `take_sealed` has not returned."""
        if self._unsealed is not None:
            self._unsealed.discard()
            self._unsealed = None
        sealed, self._sealed = self._sealed, {}
        for pack in sealed.values():
            pack.discard()

    def _seal(self, pack: _PackBuilder) -> None:
        self._sealed[self._try(pack.seal)] = pack
        self._unsealed = None

    def _try(self, step: Callable[[], _Result]) -> _Result:
        """Run one step. After a failure no other is tried: a second fsync of the same file can lie."""
        if self._failure is not None:
            raise StorageError(f"after an earlier failure: {self._failure}", getattr(self._failure, "errno", errno.EIO))
        try:
            return step()
        except OSError as error:
            self._failure = StorageError.of(error, f"writing a pack in {self._scratch}")
            raise self._failure from error
        except ArtfsError as error:
            self._failure = error
            raise


class _PackBuilder:
    """An unfinished pack: header and records so far, and the footer to be. OSErrors pass through."""

    def __init__(self, storage: PackStorage, scratch: Path, kind: PackKind) -> None:
        new = storage.create(scratch)
        self._pack = new.pack
        self._kind = kind
        self._append = new.append
        self._publish = new.publish
        self.wait = new.wait
        self.discard = new.discard
        header = encode_header(kind, new.pack)
        self._append(header)
        self._size = len(header)
        self._footer = bytearray()

    @property
    def sealed_size(self) -> int:
        """Bytes of the pack if it were sealed now."""
        return self._size + len(self._footer) + TRAILER_SIZE

    def append(self, record: EncodedRecord) -> Location:
        location = Location(self._pack, self._size, record.stored_len, record.plain_len, record.codec, record.table)
        self._footer += encode_entry(record.digest, location, record.kind)
        for buffer in record.buffers:
            self._append(buffer)
        self._size += record.size
        return location

    def seal(self) -> SealedPack:
        """Add footer and trailer, and publish."""
        sealed = SealedPack(self._pack, self._kind, self.sealed_size, len(self._footer) // ENTRY_SIZE)
        footer = bytes(self._footer)
        self._append(footer)
        self._append(encode_trailer(sealed.count, self._size, digest(footer)))
        self._publish()
        return sealed
