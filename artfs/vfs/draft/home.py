"""Where the drafts of a store are: `drafts/`, with a directory `<number>.<name>` for each that is open.

    lock                   flocked by the processes that serve the drafts: one staging mount of a store at a time
    next                   the number of the next draft, in decimal; numbers are never used again
    <number>.<name>/       an open draft: `rows/` and the redo log (`database`), `data/` (`datafiles`)
    .new-<number>/         one in the making: nobody knows of it
    .old-<number>/         one that was closed, on its way out

A draft is made beside its place and renamed into it, and renamed out of it before anything of it is removed: it is
wholly there or not there at all.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple

from artfs.catalog import Version
from artfs.errors import ConflictError, IntegrityError, InvalidInputError, StorageError
from artfs.files import sync_directory
from artfs.names import RESERVED_NAME, parse_artifact_name
from artfs.store import root_entry
from artfs.vfs.draft.database import DraftDatabase
from artfs.vfs.draft.inodes import row_of_entry
from artfs.vfs.draft.rows import (
    BASE,
    META_JSON,
    META_ORIGIN,
    META_STATE,
    InodeRow,
    Origin,
    State,
    encode_row,
    inode_key,
)

__all__ = ["MAX_NUMBER", "DraftPlace", "DraftsHome"]

MAX_NUMBER: Final = (1 << 24) - 1
"""Inode numbers of a staging mount have 24 bits for the draft."""

_MENDED_AHEAD: Final = 10_000
"""Drafts that were closed may have had higher numbers than those that are there, and none may be used again."""
_OPEN: Final = re.compile(r"([1-9][0-9]{0,7})\.(.+)\Z")
_ANY: Final = re.compile(r"(?:\.new-|\.old-)?([1-9][0-9]{0,7})(?:\..*)?\Z")


class DraftPlace(NamedTuple):
    """An open draft.

    Attributes:
        number: Its own for ever.
        name: What it is called in the staging root.
        path: Its directory.
    """

    number: int
    name: str
    path: Path


class DraftsHome:
    """The drafts of a store.

    Args:
        drafts: The store's directory for them.
    """

    def __init__(self, drafts: Path) -> None:
        self._drafts = drafts

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the drafts for this process and those that it forks meanwhile, and remove what others left half done.

        Raises:
            ConflictError: Another staging mount serves them.
            StorageError: The store cannot be written.
        """
        try:
            self._drafts.mkdir(mode=0o700, exist_ok=True)
            descriptor = os.open(self._drafts / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StorageError.of(error, f"opening the drafts of {self._drafts.parent}") from error
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ConflictError(
                    f"the drafts of {self._drafts.parent} are served by another staging mount: `artfs info` says where;"
                    " use it, or unmount it first"
                ) from None
            self._sweep()
            yield
        finally:
            os.close(descriptor)  # and not LOCK_UN: the lock is also that of the processes that were forked

    def list(self) -> Sequence[DraftPlace]:
        """The open drafts, by number.

        Raises:
            StorageError: The system refused.
        """
        try:
            found = [_OPEN.match(name) for name in os.listdir(self._drafts)]
        except OSError as error:
            raise StorageError.of(error, f"reading {self._drafts}") from error
        return sorted(DraftPlace(int(match[1]), match[2], self._drafts / match[0]) for match in found if match)

    def create(
        self, name: str, artifact: str, version: Version | None, base_ref: str, meta: bytes, owner: tuple[int, int]
    ) -> DraftPlace:
        """Open a draft; it is durable when this returns.

        Args:
            name: What it is to be called in the staging root.
            artifact: What a commit makes a version of.
            version: What it is to show; None: nothing.
            base_ref: How that version is called; empty without one.
            meta: JSON for its control directory, or nothing.
            owner: User and group that it and what it shows are to belong to.

        Raises:
            InvalidInputError: A name is not allowed.
            ConflictError: A draft of that name is open.
            StorageError: The system refused; nothing was made.
        """
        _check_name(name)
        parse_artifact_name(artifact)
        if any(place.name == name for place in self.list()):
            raise ConflictError(f"a draft {name} is open already: use it, or choose another directory for this one")
        try:
            number = self._take_number()
            new = self._drafts / f".new-{number}"
            try:
                new.mkdir(mode=0o700)
                (new / "data").mkdir(mode=0o700)
                DraftDatabase.create(new, _first_rows(new, artifact, version, base_ref, meta, owner))
                sync_directory(new)
                path = self._drafts / f"{number}.{name}"
                os.rename(new, path)
                sync_directory(self._drafts)
            except BaseException:
                shutil.rmtree(new, ignore_errors=True)
                raise
        except OSError as error:
            raise StorageError.of(error, f"opening the draft {name}") from error
        return DraftPlace(number, name, path)

    def remove(self, place: DraftPlace) -> None:
        """Remove a draft that nobody has open any more, with all that is in it.

        Raises:
            StorageError: The system refused; the draft is as it was.
        """
        shutil.rmtree(self.retire(place), ignore_errors=True)  # what is left the next mount removes

    def retire(self, place: DraftPlace) -> Path:
        """Take a draft out of those that are open, and tell where what is in it can be removed at leisure.

        Raises:
            StorageError: The system refused; the draft is as it was.
        """
        old = self._drafts / f".old-{place.number}"
        try:
            os.rename(place.path, old)
            sync_directory(self._drafts)
        except OSError as error:
            raise StorageError.of(error, f"closing the draft {place.name}") from error
        return old

    def _sweep(self) -> None:
        for pattern in (".new-*", ".old-*", ".next"):
            for path in self._drafts.glob(pattern):
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink(missing_ok=True)

    def counter_fault(self) -> str | None:
        """What is wrong with the counter of drafts, if anything. That it is behind is no fault: drafts count too.

        Raises:
            StorageError: The system refused.
        """
        try:
            self._counter()
        except IntegrityError as error:
            return str(error)
        except OSError as error:
            raise StorageError.of(error, f"reading {self._drafts}") from error
        return None

    def mend_counter(self) -> None:
        """Make the counter anew, above the numbers of all drafts that there are, and well above. Hold the lock.

        Raises:
            StorageError: The system refused.
        """
        try:
            self._write_counter(min(self._above_all() + _MENDED_AHEAD, MAX_NUMBER))
        except OSError as error:
            raise StorageError.of(error, f"writing {self._drafts / 'next'}") from error

    def _counter(self) -> int:
        path = self._drafts / "next"
        try:
            text = path.read_text("ascii", "replace").strip()
        except FileNotFoundError:
            text = "1"
        if not re.fullmatch("[1-9][0-9]{0,7}", text):
            raise IntegrityError(f"{path} is damaged: `artfs fsck --repair` makes it anew")
        return int(text)

    def _above_all(self) -> int:
        found = [_ANY.match(name) for name in os.listdir(self._drafts)]
        return max([1, *(int(match[1]) + 1 for match in found if match)])

    def _take_number(self) -> int:
        """A number that no draft ever had."""
        number = max(self._counter(), self._above_all())
        if number > MAX_NUMBER:
            raise ConflictError(f"{self._drafts.parent} has had {MAX_NUMBER:,} drafts, and can have no more")
        self._write_counter(number + 1)
        return number

    def _write_counter(self, number: int) -> None:
        following = self._drafts / ".next"
        with open(following, "w", encoding="ascii") as file:
            file.write(f"{number}\n")
            file.flush()
            os.fsync(file.fileno())
        os.rename(following, self._drafts / "next")
        sync_directory(self._drafts)


def _check_name(name: str) -> None:
    parse_artifact_name(name)
    if name.encode() == RESERVED_NAME:
        raise InvalidInputError(f"a draft cannot be called {name!r}: choose another directory for it")


def _first_rows(
    directory: Path, artifact: str, version: Version | None, base_ref: str, meta: bytes, owner: tuple[int, int]
) -> list[tuple[bytes, bytes]]:
    """What a new draft says: where it comes from, and its own directory."""
    with suppress(PermissionError):  # an ordinary user's mount cannot give a draft away
        os.chown(directory, *owner)
    status = directory.stat()
    owner = status.st_uid, status.st_gid
    if version is None:
        now = time.time_ns()
        origin = Origin(artifact)
        top = InodeRow(stat.S_IFDIR | 0o755, *owner, nlink=2, size=0, atime_ns=now, mtime_ns=now, ctime_ns=now)
    else:
        tree = version.tree
        origin = Origin(artifact, tree.root, version.serial, base_ref, tree.root, tree.digest)
        top = row_of_entry(root_entry(version), owner)
    rows = [(META_STATE, encode_row(State())), (META_ORIGIN, encode_row(origin)), (inode_key(BASE), encode_row(top))]
    return [*rows, (META_JSON, meta)] if meta else rows
