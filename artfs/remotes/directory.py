"""A `Remote` in a directory, which may be on a file system that many machines share.

An object is written aside, synced, and linked to its name: link(2) refuses a name that is taken, on NFS too. Then the
directory is synced. A record that follows another is in the same directory, so the sync of a later one makes the name
of an earlier one durable too, whoever made it.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from artfs.errors import IntegrityError, OutcomeUnknownError, StorageError
from artfs.files import sync_directory
from artfs.files.store_files import link, make_directory, open_file, remove_file, rename
from artfs.files.writes import pwrite_all
from artfs.remotes.remote import ListedObject, check_name

__all__ = ["DirectoryRemote"]

_TMP: Final = "tmp"
"""Objects that are being written; no object's name begins with it."""
_NO_ANSWER: Final = frozenset({errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.ENOLINK, errno.EREMOTEIO})
"""After which a call over a network may have happened."""


class DirectoryRemote:
    """Objects in files. The directory is made when something is written.

    Args:
        directory: Absolute, without symlinks.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    @property
    def url(self) -> str:
        """Where the store is."""
        return f"file://{self._directory}"

    @property
    def where(self) -> str:
        """Where the store is: there is no server of the user's choice."""
        return self.url

    def create(self, name: str, data: bytes) -> bool:
        """Create an object if there is none of that name; see `Remote.create`."""
        path = self._path(name)
        with self._written(data, name) as aside:
            try:
                link(aside, path)
                created = True
            except FileExistsError:
                created = False  # or this call's own link, which NFS sent twice
            except OSError as error:
                if error.errno in _NO_ANSWER:
                    raise _unknown(path, error) from error
                raise
            try:
                sync_directory(path.parent)
            except OSError as error:  # the name can be read and need not last: comparing would prove too much
                raise _unknown(path, error) from error
        return created

    def put(self, name: str, data: bytes) -> None:
        """Write an object; see `Remote.put`."""
        path = self._path(name)
        with self._written(data, name) as aside:
            rename(aside, path)
            sync_directory(path.parent)

    def get(self, name: str, start: int = 0, end: int | None = None) -> bytes | None:
        """Read an object or a range of it; see `Remote.get`."""
        path = self._path(name)
        try:
            with open(open_file(path, os.O_RDONLY), "rb", buffering=0) as file:
                file.seek(start)
                wanted = os.fstat(file.fileno()).st_size - start if end is None else end - start
                data = bytearray()
                while len(data) < wanted and (more := file.read(wanted - len(data))):
                    data += more
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StorageError.of(error, f"reading {path}") from error
        if len(data) < wanted:
            raise IntegrityError(f"{self.url}/{name} has {start + len(data)} bytes, and {end} were written")
        return bytes(data)

    def list(self, prefix: str, after: str = "") -> Iterator[ListedObject]:
        """Yield objects in the order of their names; see `Remote.list`."""
        yield from self._below(prefix, after)

    def _below(self, prefix: str, after: str) -> Iterator[ListedObject]:
        """Yield the objects below a directory, which ends with a slash; the names in it are sorted as whole names."""
        top = self._directory / prefix
        try:
            with os.scandir(top) as entries:
                found = sorted(entry.name + "/" * entry.is_dir(follow_symlinks=False) for entry in entries)
        except FileNotFoundError:
            return
        except OSError as error:
            raise StorageError.of(error, f"listing {top}") from error
        for each in found:
            name = prefix + each
            if name.endswith("/"):
                if name > after or after.startswith(name):
                    yield from self._below(name, after)
            elif name > after:
                with suppress(FileNotFoundError):  # deleted meanwhile
                    status = (self._directory / name).lstat()
                    if stat.S_ISREG(status.st_mode):
                        yield ListedObject(name, status.st_size, status.st_mtime_ns)

    def delete(self, name: str) -> None:
        """Delete an object; see `Remote.delete`."""
        path = self._path(name)
        try:
            with suppress(FileNotFoundError):
                remove_file(path)
        except OSError as error:
            raise StorageError.of(error, f"removing {path}") from error

    def _path(self, name: str) -> Path:
        check_name(name)
        return self._directory / name

    @contextmanager
    def _written(self, data: bytes, name: str) -> Iterator[Path]:
        """Write and sync a file aside for a block that gives it its name; what the system refuses is translated."""
        aside = self._directory / _TMP / secrets.token_hex(16)
        try:
            self._make_directories(f"{_TMP}/")
            self._make_directories(name)
            descriptor = open_file(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
            try:
                pwrite_all(descriptor, data, 0)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            yield aside
        except OSError as error:
            raise StorageError.of(error, f"writing {self._directory / name}") from error
        finally:
            with suppress(OSError):
                remove_file(aside)

    def _make_directories(self, name: str) -> None:
        """Make the directories that a name is in, each durable in the one above."""
        missing = []
        at = (self._directory / name) if name.endswith("/") else (self._directory / name).parent
        while not at.is_dir():
            missing.append(at)
            at = at.parent
        for directory in reversed(missing):
            make_directory(directory, exist_ok=True)
            sync_directory(directory.parent)


def _unknown(path: Path, error: OSError) -> OutcomeUnknownError:
    return OutcomeUnknownError(
        f"whether {path} is written durably is not known ({os.strerror(error.errno or errno.EIO)}): look before you"
        " repeat it"
    )
