"""Storage of packs behind one Protocol: list, open, publish, remove and quarantine them.

`LocalPackStorage` keeps them as files of the store's directory. The Protocol asks for no more than an object store has
as well: names in place of paths, ranges read, a whole object put, names listed with their sizes, objects deleted.

- A pack is seen by `list` and `open` when it was published, whole and durable, and not before.
- A published pack never changes (P15). Its id is random, so no other pack ever takes its name.
- Methods raise OSError, and FileNotFoundError for a pack that is missing. Callers translate these: they know what they
  wanted of the pack. An error of artfs is told as it is.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import stat
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, Protocol

from artfs.errors import IntegrityError
from artfs.files import sync_directory, write_all
from artfs.files.direct_io import DirectFile
from artfs.files.store_files import make_directory, open_directory, open_file, remove_file, rename
from artfs.format.digest import Data
from artfs.format.pack import PACK_ID_SIZE, PackKind

__all__ = ["LocalPackStorage", "NewPack", "OpenPack", "PackStorage", "pack_name", "parse_pack_name"]

_SIZE_LIMIT: Final = 512 << 20
_PACK_NAME: Final = re.compile(rf"(?:.*/)?([0-9a-f]{{{2 * PACK_ID_SIZE}}})\.pack", re.DOTALL)


def pack_name(pack: bytes) -> str:
    """Return the name of the pack with that id."""
    name = pack.hex()
    return f"packs/{name[:2]}/{name}.pack"


def parse_pack_name(name: str) -> bytes:
    """Return the id in a pack's name, whatever directory precedes it.

    Raises:
        IntegrityError: Packs do not have such names.
    """
    match = _PACK_NAME.fullmatch(name)
    if match is None:
        raise IntegrityError(f"{name} is not named like a pack")
    return bytes.fromhex(match[1])


class OpenPack(Protocol):
    """A pack opened for reading. It closes with its last reference, so never under a reading thread."""

    @property
    def size(self) -> int:
        """Bytes of the pack."""

    def read(self, size: int, offset: int, /) -> bytes:
        """Return the bytes there, fewer where the pack ends."""


class NewPack(Protocol):
    """A pack that is being written. After an OSError only `discard` is left (P14).

    Attributes:
        pack: Its id.
    """

    pack: bytes

    def append(self, data: Data, /) -> None:
        """Add bytes at the end; they are copied."""

    def wait(self) -> None:
        """Wait until the system has accepted what it was given so far: most of what was appended."""

    def publish(self) -> None:
        """Make the pack durable, then visible, then its name durable (P13). It takes no more bytes."""

    def discard(self) -> None:
        """Remove what was written, also after a `publish` that failed. Raises nothing."""


class PackStorage(Protocol):
    """The packs of one store, by name: `packs/ab/<32 hex digits>.pack` of a pack in its place."""

    def address(self, name: str) -> str:
        """Return the path or URL of a pack, for messages."""

    def is_available(self) -> bool:
        """Return False if there is no place for packs at all; a disk may not be mounted."""

    def size_limit(self, kind: PackKind) -> int:
        """Return the bytes at which a writer begins the next pack."""

    def list(self) -> dict[str, int]:
        """Return the bytes of each `packs/*/*.pack`, by name and in that order; names may be wrong."""

    def open(self, name: str) -> OpenPack:
        """Open a pack.

        Raises:
            IntegrityError: What has its name is no regular file.
        """

    def create(self, scratch: Path) -> NewPack:
        """Begin a pack.

        Args:
            scratch: The directory of the writer's session, for what is unfinished. The next writer sweeps it when this
                one dies.
        """

    def remove(self, name: str) -> None:
        """Remove a pack and give its space back at once, though processes have it open."""

    def quarantine(self, name: str, note: str) -> str:
        """Move a damaged pack, with a note, to where nothing reads it; return its new name.

        The note is durable first. A kill in the middle leaves the pack in its place, perhaps with a note too many.
        """

    def lock(self, *, exclusive: bool, wait: bool) -> AbstractContextManager[object]:
        """Keep packs from being removed, until the result is closed or the process ends.

        Args:
            exclusive: Be the only one that looks at the packs as a whole, and may remove some: gc, a repair. Else
                several can: a check.
            wait: Wait for those that have the lock.

        Raises:
            BlockingIOError: Others have it, and `wait` is False.
        """


@dataclass(frozen=True, slots=True)
class LocalPackStorage:
    """Packs as files of a store's directory: in `packs/`, and damaged ones in `quarantine/`.

    Args:
        root: The store's directory.
    """

    root: Path

    def address(self, name: str) -> str:
        """See `PackStorage`."""
        return str(self.root / name)

    def is_available(self) -> bool:
        """See `PackStorage`."""
        return (self.root / "packs").is_dir()

    def size_limit(self, kind: PackKind) -> int:  # noqa: ARG002 # files of both kinds may be large
        """See `PackStorage`."""
        return _SIZE_LIMIT

    def list(self) -> dict[str, int]:
        """See `PackStorage`."""
        sizes = {}
        for path in self.root.glob("packs/*/*.pack"):
            with suppress(FileNotFoundError):  # removed since
                sizes[str(path.relative_to(self.root))] = path.stat().st_size
        return dict(sorted(sizes.items()))

    def open(self, name: str) -> OpenPack:
        """See `PackStorage`."""
        try:  # a FIFO of that name would wait for a writer, for ever
            opened = _OpenFile(open_file(self.root / name, os.O_RDONLY | os.O_NONBLOCK))
        except OSError as error:
            if error.errno not in (errno.ENXIO, errno.ELOOP):  # of a socket, of a symlink
                raise
            raise _no_pack(self.root / name) from error
        if not opened.is_regular:
            raise _no_pack(self.root / name)
        return opened

    def create(self, scratch: Path) -> NewPack:
        """See `PackStorage`."""
        return _NewFile(self.root, scratch)

    def remove(self, name: str) -> None:
        """See `PackStorage`."""
        path = self.root / name
        descriptor = open_file(path, os.O_RDWR)
        try:
            remove_file(path)
            sync_directory(path.parent)
            os.ftruncate(descriptor, 0)
        finally:
            os.close(descriptor)

    def quarantine(self, name: str, note: str) -> str:
        """See `PackStorage`."""
        path, directory = self.root / name, self.root / "quarantine"
        make_directory(directory, exist_ok=True)
        sync_directory(self.root)
        target, number = directory / path.name, 1
        while target.exists():
            number += 1
            target = directory / f"{path.stem}.{number}.pack"
        _write_synced(target.with_suffix(".txt"), note.encode(errors="backslashreplace"))
        sync_directory(directory)
        rename(path, target)
        sync_directory(directory)
        sync_directory(path.parent)
        return str(target.relative_to(self.root))

    def lock(self, *, exclusive: bool, wait: bool) -> AbstractContextManager[object]:
        """See `PackStorage`."""
        descriptor = open_directory(self.root / "packs")
        with ExitStack() as lock:
            lock.callback(os.close, descriptor)
            fcntl.flock(descriptor, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | (0 if wait else fcntl.LOCK_NB))
            return lock.pop_all()


def _no_pack(path: Path) -> IntegrityError:
    return IntegrityError(f"{path} is not a regular file, so not a pack")


class _OpenFile:
    """See `OpenPack`. `read` is the system's call itself: a mount makes one for each request."""

    __slots__ = ("_descriptor", "read")

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.read = partial(os.pread, descriptor)

    def __del__(self) -> None:
        os.close(self._descriptor)

    @property
    def size(self) -> int:
        return os.fstat(self._descriptor).st_size

    @property
    def is_regular(self) -> bool:
        return stat.S_ISREG(os.fstat(self._descriptor).st_mode)


class _NewFile:
    """See `NewPack`. The data are synced, then the pack is named, then the name is synced (P13)."""

    def __init__(self, root: Path, scratch: Path) -> None:
        self.pack = os.urandom(PACK_ID_SIZE)
        self._final = root / pack_name(self.pack)
        self._path = scratch / self._final.name
        self._file = DirectFile(self._path)
        self.append = self._file.append
        self.wait = self._file.wait

    def publish(self) -> None:
        self._file.sync()
        self._file.close()
        directory = self._final.parent
        if not directory.is_dir():
            make_directory(directory, exist_ok=True)  # whoever made it meanwhile may not have synced its name yet
            sync_directory(directory.parent)
        rename(self._path, self._final)
        self._path = self._final
        sync_directory(directory)

    def discard(self) -> None:
        self._file.close()
        with suppress(OSError):  # what cannot be removed now is swept from tmp/ later
            remove_file(self._path)


def _write_synced(path: Path, data: bytes) -> None:
    descriptor = open_file(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    try:
        write_all(descriptor, data, 0)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
