"""Registry of a store's open drafts: the directory `drafts/`.

    lock                   flocked by the processes that serve the drafts: one staging mount of a store at a time
    next                   the number of the next draft, in decimal; numbers are never used again
    <number>.<name>/       an open draft: `rows/` and the redo log (`db`), `data/` (`data.data_files`)
    .new-<number>/         a draft that is being made
    .old-<number>/         a closed draft that is being removed
    discarded/             drafts that can be brought back (`discarded`)

A draft is made under another name and renamed, and renamed again before anything of it is removed: it is there as a
whole or not at all.
"""

from __future__ import annotations

import fcntl
import os
import re
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple

from artfs.catalog import Version
from artfs.drafts.control.stage_request import StageRequest
from artfs.drafts.db.database import DraftDatabase
from artfs.drafts.db.schema import (
    BASE,
    META_ORIGIN,
    META_STATE,
    DraftCounters,
    InodeRow,
    Origin,
    encode_row,
    inode_key,
)
from artfs.drafts.namespace.inodes import inode_from_entry
from artfs.errors import ConflictError, IntegrityError, InvalidInputError, NotFoundError, StorageError
from artfs.files import sync_directory
from artfs.files.store_files import make_directory, open_file, remove_file, remove_tree, rename
from artfs.names import RESERVED_NAME, parse_artifact_name, parse_draft_name
from artfs.store import Store, root_entry

__all__ = ["MAX_NUMBER", "DraftLocation", "DraftRegistry", "room_of"]

MAX_NUMBER: Final = (1 << 24) - 1
"""Inode numbers of a staging mount have 24 bits for the draft."""

_REPAIR_MARGIN: Final = 10_000
"""Closed drafts may have had higher numbers than the open ones, and no number may be used again."""
_OPEN: Final = re.compile(r"([1-9][0-9]{0,7})\.(.+)\Z")
_ANY: Final = re.compile(r"(?:\.new-|\.old-)?([1-9][0-9]{0,7})(?:\..*)?\Z")


class DraftLocation(NamedTuple):
    """Number, name and directory of an open draft.

    Attributes:
        number: Never used again.
        name: In the staging root.
        path: Its directory.
    """

    number: int
    name: str
    path: Path


class DraftRegistry:
    """Lists, makes and removes the drafts of a store.

    Args:
        drafts: The directory of the store's drafts.
    """

    def __init__(self, drafts: Path) -> None:
        self._drafts = drafts

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Lock the drafts for this process and its children, and remove what others left half done.

        Raises:
            ConflictError: Another staging mount serves them.
            StorageError: The store cannot be written.
        """
        try:
            make_directory(self._drafts, exist_ok=True)
            descriptor = open_file(self._drafts / "lock", os.O_RDWR | os.O_CREAT)
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

    def list(self) -> Sequence[DraftLocation]:
        """The open drafts, by number.

        Raises:
            StorageError: The system refused.
        """
        try:
            found = [_OPEN.match(name) for name in os.listdir(self._drafts)]
        except OSError as error:
            raise StorageError.of(error, f"reading {self._drafts}") from error
        return sorted(DraftLocation(int(match[1]), match[2], self._drafts / match[0]) for match in found if match)

    def create(
        self,
        name: str,
        artifact: str,
        version: Version | None,
        base_ref: str,
        owner: tuple[int, int],
        *,
        seen: int = 0,
    ) -> DraftLocation:
        """Make a draft; it is durable when this returns.

        Args:
            name: Its name in the staging root.
            artifact: The artifact that a commit makes a version of.
            version: The version that it shows; None: nothing.
            base_ref: The reference of that version; empty without one.
            owner: User and group of the draft and of what it shows.
            seen: As of `Origin`.

        Raises:
            InvalidInputError: A name is not allowed.
            ConflictError: A draft of that name is open.
            StorageError: The system refused; nothing was made.
        """
        _check_name(name)
        parse_artifact_name(artifact)
        if any(location.name == name for location in self.list()):
            raise ConflictError(f"a draft {name} is open already: use it, or choose another directory for this one")
        try:
            number = self._take_number()
            new = self._drafts / f".new-{number}"
            try:
                make_directory(new)
                make_directory(new / "data")
                DraftDatabase.create(new, _first_rows(artifact, version, base_ref, owner, seen))
                sync_directory(new)
                path = self._drafts / f"{number}.{name}"
                rename(new, path)
                sync_directory(self._drafts)
            except BaseException:
                remove_tree(new)
                raise
        except OSError as error:
            raise StorageError.of(error, f"opening the draft {name}") from error
        return DraftLocation(number, name, path)

    def stage(self, store: Store, request: StageRequest, owner: tuple[int, int]) -> tuple[DraftLocation, str]:
        """Make a draft over the version that a request names.

        Args:
            store: Open in this process.
            request: As `parse_stage` gives it.
            owner: User and group of the draft and of what it shows.

        Returns:
            The draft, and the reference of the version that it shows; empty: none.

        Raises:
            NotFoundError: There is no such version.
            ConflictError: A draft of that name is open.
            StorageError: The system refused; nothing was made.
        """
        version, base, seen = _find_version(store, request)
        location = self.create(request.draft_name, request.artifact, version, base, owner, seen=seen)
        if version is not None and _is_removed(store, version):  # before gc could see the draft
            self.remove(location)
            raise NotFoundError(f"{base} was deleted meanwhile, and gc has removed its contents: name another version")
        return location, base

    def adopt(self, path: Path, name: str) -> DraftLocation:
        """Open a draft that is kept elsewhere on the same file system, under a new number.

        Args:
            path: Its directory, which is moved.
            name: Its name in the staging root.

        Raises:
            InvalidInputError: The name is not allowed.
            ConflictError: A draft of that name is open.
            OSError: The system refused; the draft is as it was.
        """
        _check_name(name)
        if any(location.name == name for location in self.list()):
            raise ConflictError(f"a draft {name} is open already: choose another directory for this one with --as")
        number = self._take_number()
        location = DraftLocation(number, name, self._drafts / f"{number}.{name}")
        rename(path, location.path)
        sync_directory(self._drafts)
        return location

    def remove(self, location: DraftLocation) -> None:
        """Remove a draft that no process has open any more, with all that is in it.

        Raises:
            StorageError: The system refused; the draft is as it was.
        """
        remove_tree(self.detach(location))  # the next mount removes what is left

    def detach(self, location: DraftLocation) -> Path:
        """Close a draft, and give the directory in which its contents can be removed later.

        Raises:
            StorageError: The system refused; the draft is as it was.
        """
        old = self._drafts / f".old-{location.number}"
        try:
            rename(location.path, old)
            sync_directory(self._drafts)
        except OSError as error:
            raise StorageError.of(error, f"closing the draft {location.name}") from error
        return old

    def _sweep(self) -> None:
        for pattern in (".new-*", ".old-*", ".next"):
            for path in self._drafts.glob(pattern):
                remove_tree(path)
                with suppress(OSError):  # it was a directory
                    remove_file(path)

    def check_counter(self) -> str | None:
        """Give the fault of the counter of drafts, if any.

        It may be too low: the drafts that are there count too.

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

    def repair_counter(self) -> None:
        """Write the counter again, well above the numbers of all drafts. The caller has the lock.

        Raises:
            StorageError: The system refused.
        """
        try:
            self._write_counter(min(self._above_drafts() + _REPAIR_MARGIN, MAX_NUMBER))
        except OSError as error:
            raise StorageError.of(error, f"writing {self._drafts / 'next'}") from error

    def _counter(self) -> int:
        path = self._drafts / "next"
        try:
            text = path.read_text("ascii", "replace").strip()
        except FileNotFoundError:
            text = "1"
        if not re.fullmatch("[1-9][0-9]{0,7}", text):
            raise IntegrityError(f"{path} is damaged: `artfs fsck --repair` makes it again")
        return int(text)

    def _above_drafts(self) -> int:
        names = os.listdir(self._drafts)
        with suppress(FileNotFoundError):
            names += os.listdir(self._drafts / "discarded")
        found = [_ANY.match(name) for name in names]
        return max([1, *(int(match[1]) + 1 for match in found if match)])

    def _take_number(self) -> int:
        """Take a number that no draft ever had."""
        number = max(self._counter(), self._above_drafts())
        if number > MAX_NUMBER:
            raise ConflictError(f"{self._drafts.parent} has had {MAX_NUMBER:,} drafts, and can have no more")
        self._write_counter(number + 1)
        return number

    def _write_counter(self, number: int) -> None:
        following = self._drafts / ".next"
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        with open(open_file(following, flags), "w", encoding="ascii") as file:
            file.write(f"{number}\n")
            file.flush()
            os.fsync(file.fileno())
        rename(following, self._drafts / "next")
        sync_directory(self._drafts)


def _check_name(name: str) -> None:
    parse_draft_name(name)
    if name.encode() == RESERVED_NAME:
        raise InvalidInputError(f"a draft cannot be called {name!r}: choose another directory for it")


def _first_rows(
    artifact: str, version: Version | None, base_ref: str, owner: tuple[int, int], seen: int
) -> list[tuple[bytes, bytes]]:
    """The rows of a new draft: its counters, its origin, and its own directory."""
    if os.geteuid() != 0:  # an ordinary user's mount has only drafts of that user
        owner = os.geteuid(), os.getegid()
    now = time.time_ns()
    if version is None:
        origin = Origin(artifact, uid=owner[0], gid=owner[1], seen=seen, since_ns=now)
        top = InodeRow(stat.S_IFDIR | 0o755, *owner, nlink=2, size=0, atime_ns=now, mtime_ns=now, ctime_ns=now)
    else:
        tree = version.tree
        origin = Origin(artifact, tree.root, version.serial, base_ref, tree.root, tree.digest, *owner, seen, now)
        top = inode_from_entry(root_entry(version), owner)
    return [
        (META_STATE, encode_row(DraftCounters())),
        (META_ORIGIN, encode_row(origin)),
        (inode_key(BASE), encode_row(top)),
    ]


def _find_version(store: Store, request: StageRequest) -> tuple[Version | None, str, int]:
    """The version to show, its reference, and the serial of the newest one that it has nothing to do with."""
    with store.catalog.view() as view:
        artifact = view.artifact_by_name(request.artifact)
        latest = view.latest(artifact.serial) if artifact is not None else None
        seen = 0 if latest is None else latest.serial
        named = request.version_ref()
        version = latest if named is None else view.resolve(named)
        if version is None or request.empty:
            return None, "", seen
        is_own = artifact is not None and version.artifact == artifact.serial
        return version, str(view.ref(version)), 0 if is_own else seen


def _is_removed(store: Store, version: Version) -> bool:
    with store.catalog.view() as view:
        now = view.version(version.artifact, version.index, deleted=True)
    return now is None or now.removed


def room_of(directory: Path) -> int:
    """Bytes on the disk of the files in a draft's directory."""
    blocks = 0
    for path in directory.rglob("*"):
        with suppress(OSError):  # it was removed meanwhile
            blocks += path.lstat().st_blocks
    return blocks * 512
