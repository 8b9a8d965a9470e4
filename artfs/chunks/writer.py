"""Append records to packs, beginning the next pack when one is full.

Preparing a record (`encode_record`) is pure and may run in many threads; appending is for one thread or under a lock.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeVar

from artfs.chunks.growing import GrowingPack, SealedPack, pack_path
from artfs.chunks.record import EncodedRecord, encode_record
from artfs.errors import StorageError
from artfs.format.pack import ENTRY_SIZE, Location, PackKind

__all__ = ["EncodedRecord", "PackWriter", "SealedPack", "encode_record", "pack_path"]

_SIZE_LIMIT: Final = 512 << 20

_Result = TypeVar("_Result")


class PackWriter:
    """Writes records into packs of one kind.

    Packs grow in `tmp_dir` and are renamed into `packs_dir` when sealed. A record's location is known from `append` on,
    but must not be published before its pack was returned by `take_sealed` or `finish`: only then is it durable.

    As a context manager it aborts unless `finish` was called. After a StorageError only `abort` is left.

    Args:
        tmp_dir: Where packs grow; on the same file system as `packs_dir`.
        packs_dir: Where sealed packs go, by the first two digits of their ids.
        kind: Of the packs.
        size_limit: A record that would make a pack longer begins the next one.
    """

    def __init__(self, tmp_dir: Path, packs_dir: Path, kind: PackKind, size_limit: int = _SIZE_LIMIT) -> None:
        self._tmp_dir = tmp_dir
        self._packs_dir = packs_dir
        self._kind = kind
        self._size_limit = size_limit
        self._growing: GrowingPack | None = None
        self._sealed: list[SealedPack] = []
        self._failure: StorageError | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.abort()

    def append(self, record: EncodedRecord) -> Location:
        """Add a record and say where it is. Its buffers are copied: they may be used again.

        Raises:
            StorageError: The system refused a write.
        """
        growing = self._growing
        if growing is not None and growing.sealed_size + record.size + ENTRY_SIZE > self._size_limit:
            self._seal(growing)
            growing = None
        if growing is None:
            growing = self._growing = self._try(lambda: GrowingPack(self._tmp_dir, self._kind))
        return self._try(lambda: growing.append(record))

    def wait(self) -> None:
        """Wait until the system has what it was given of what was appended: most of it.

        Raises:
            StorageError: The system refused a write.
        """
        if self._growing is not None:
            self._try(self._growing.wait)

    def take_sealed(self) -> list[SealedPack]:
        """Return the packs sealed since the last call. They are the caller's from now on: `abort` leaves them alone."""
        sealed, self._sealed = self._sealed, []
        return sealed

    def finish(self) -> list[SealedPack]:
        """Seal the pack that is open, and return all sealed packs that `take_sealed` did not.

        Raises:
            StorageError: The system refused a write, an fsync or a rename.
        """
        if self._growing is not None:
            self._seal(self._growing)
        return self.take_sealed()

    def abort(self) -> None:
        """Remove the pack that is open, and the sealed ones that nobody has taken."""
        if self._growing is not None:
            self._growing.discard()
            self._growing = None
        for sealed in self.take_sealed():
            with suppress(OSError):  # a pack that no index entry points to is gc's
                sealed.path.unlink()

    def _seal(self, growing: GrowingPack) -> None:
        self._sealed.append(self._try(lambda: growing.seal(self._packs_dir)))
        self._growing = None

    def _try(self, step: Callable[[], _Result]) -> _Result:
        """Run one step. After a failure no other is tried: a second fsync of the same file can lie."""
        if self._failure is not None:
            raise StorageError(f"after an earlier failure: {self._failure}", self._failure.errno)
        try:
            return step()
        except OSError as error:
            self._failure = StorageError.of(error, f"writing a pack in {self._tmp_dir}")
            raise self._failure from error
