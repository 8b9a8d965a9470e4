"""A draft: a writable file tree over a version, or over nothing.

Protocol-free and synchronous; errors of the file system are plain `OSError`, as the system calls have them. One process
serves a draft, one request at a time. What a request changed is in the redo log when it returns: it survives the
process, and after `sync` the machine.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from artfs.catalog import Version
from artfs.format.digest import Data
from artfs.store import Store
from artfs.vfs.draft.attributes import Attributes, attributes_of
from artfs.vfs.draft.backlog import Backlog
from artfs.vfs.draft.base import BaseTree
from artfs.vfs.draft.batch import Counters
from artfs.vfs.draft.changing import Changing
from artfs.vfs.draft.contents import Contents, without_privileges
from artfs.vfs.draft.database import DraftDatabase
from artfs.vfs.draft.datafiles import DataFiles
from artfs.vfs.draft.inodes import Inodes, fault
from artfs.vfs.draft.jobs import Job, Portion, Stored
from artfs.vfs.draft.listing import Listing
from artfs.vfs.draft.names import Names
from artfs.vfs.draft.removal import Removal
from artfs.vfs.draft.rows import (
    BASE,
    META_JSON,
    META_ORIGIN,
    META_STATE,
    InodeRow,
    Origin,
    decode_origin,
    decode_state,
    encode_row,
    number,
)
from artfs.vfs.draft.tree import DraftTree
from artfs.vfs.draft.uptake import Uptake
from artfs.vfs.draft.usage import Usage

__all__ = ["Draft"]

_CHECKPOINT_BYTES: Final = 8 << 20
_PERMISSIONS: Final = 0o7777


class Draft:
    """One open draft.

    Args:
        directory: Where it is kept.
        store: Reads what is under it; open in this process.
        purge: Remove inodes without names: nobody has them open, since no mount is older than this call. Otherwise this
            takes the place of another process, which may have told of any of them.
        timed: Writing and truncating set a file's time of modification. They do not where the kernel keeps it: what it
            gathers arrives late, and it tells the time itself before the file is closed.

    Attributes:
        origin: Where it comes from and goes to.
        directory: Where it is kept.

    Raises:
        IntegrityError: Its rows are damaged.
        OSError: It cannot be read.
    """

    def __init__(self, directory: Path, store: Store, *, purge: bool = True, timed: bool = True) -> None:
        self.directory = directory
        self._timed = timed
        self._store = store
        self._files = DataFiles(directory / "data")
        try:
            self._database = DraftDatabase.open(directory, self._files.sync_names)
        except BaseException:
            self._files.close()
            raise
        self.origin = decode_origin(self._database.get(META_ORIGIN) or b"")
        self._base = BaseTree(self.origin.lower, store.pages)
        self._counters = Counters(decode_state(self._database.get(META_STATE) or b""))
        self._inodes = Inodes(self._database, self._base, _owner(directory))
        self._backlog = Backlog()
        self._contents = Contents(self._database, self._files, store.content, self._backlog)
        self._changing = Changing(self._database, self._inodes, self._counters, self._base, self._contents.waste)
        self._listing = Listing(self._database, self._inodes, store.pages)
        self._names = Names(self._database, self._inodes, store.pages, self._listing)
        self._usage = Usage(None if purge else self._counters.state.next_ino)
        self._uptake = Uptake(self._database, self._inodes, self._changing, self._contents, self._backlog)
        try:
            self._removal = Removal(self._database, self._changing, self._contents, self._backlog, self._usage)
            self._contents.recall(purge=purge)
            if purge:
                self._removal.purge()
        except BaseException:
            self._database.close()
            self._files.close()
            raise

    # ---------------------------------------------------------------------------------------------------- looking

    def attributes(self, ino: int) -> Attributes:
        """What stat(2) says.

        Raises:
            OSError: ESTALE: there is no such inode (any more).
        """
        return attributes_of(ino, self._inodes.get(ino))

    def lookup(self, directory: int, name: bytes) -> Attributes | None:
        """What a name leads to, None if it is not there."""
        ino = self._names.find(directory, name)
        return self.attributes(ino) if ino else None

    def readlink(self, ino: int) -> bytes:
        """The target of a symlink."""
        row = self._inodes.get(ino)
        if not stat.S_ISLNK(row.mode):
            raise fault(errno.EINVAL)
        return row.target

    def listdir(self, directory: int, offset: int = 0) -> Iterator[tuple[bytes, Attributes, int]]:
        """List a directory from an offset on, without `.` and `..`: name, attributes, offset of what follows."""
        for name, ino, following in self._listing.entries(directory, offset):
            yield name, self.attributes(ino), following

    def parent(self, ino: int) -> int:
        """The directory that a directory is in."""
        return self._names.parent(ino)

    def path(self, ino: int) -> bytes:
        """One path of an inode, for a message; empty for the draft's own directory."""
        parts: list[bytes] = []
        while ino != BASE:
            ino, name = self._names.name_of(ino)
            parts.append(name)
        return b"/".join(reversed(parts))

    def is_empty(self) -> bool:
        """Whether there is nothing in the draft's own directory."""
        return self._listing.is_empty(BASE)

    def is_touched(self) -> bool:
        """Whether something that a version has was changed since the base was taken."""
        start = number(self._counters.state.committed + 1)
        return any(self._database.items(table, start, limit=1) for table in (b"Y", b"Z"))

    def has_base(self) -> bool:
        """Whether the version that it was made from or last committed as is there, and was not deleted."""
        with self._store.catalog.view() as view:
            base = view.by_serial(self.origin.base)
        return isinstance(base, Version) and not base.deleted

    def is_touched_more(self, limit: int) -> bool:
        """Whether more than so many things were changed since; an inode and its name are two."""
        start = number(self._counters.state.committed + 1)
        return sum(len(self._database.items(table, start, limit + 1)) for table in (b"Y", b"Z")) > limit

    def tree(self) -> DraftTree:
        """The draft as it is, to be looked at until the next change."""
        return DraftTree(self._database, self._files, self._store, _owner(self.directory))

    def free_space(self) -> os.statvfs_result:
        """Of the file system that the draft is on."""
        return self._files.free_space()

    # ---------------------------------------------------------------------------------------------------- changing

    def make(
        self, directory: int, name: bytes, mode: int, uid: int, gid: int, *, rdev: int = 0, target: bytes = b""
    ) -> Attributes:
        """Make a file, directory, symlink, FIFO, socket or device.

        Args:
            directory: Where.
            name: The new name.
            mode: As in `st_mode`: its type bits say what.
            uid: Owner.
            gid: Group.
            rdev: Of a device.
            target: Of a symlink.

        Raises:
            OSError: EEXIST and the like, or the disk said no.
        """
        now = time.time_ns()
        row = InodeRow(
            mode=mode,
            uid=uid,
            gid=gid,
            nlink=2 if stat.S_ISDIR(mode) else 1,
            size=len(target),
            atime_ns=now,
            mtime_ns=now,
            ctime_ns=now,
            target=target,
            rdev=rdev,
        )
        batch = self._changing.begin()
        ino = self._names.make(batch, directory, name, row)
        batch.apply()
        return attributes_of(ino, row)

    def link(self, ino: int, directory: int, name: bytes) -> Attributes:
        """Give a file another name."""
        batch = self._changing.begin()
        self._names.link(batch, ino, directory, name)
        batch.apply()
        return self.attributes(ino)

    def unlink(self, directory: int, name: bytes) -> None:
        """Remove a file's name."""
        batch = self._changing.begin(frees=True)
        self._removal.release(batch, self._names.unlink(batch, directory, name))

    def rmdir(self, directory: int, name: bytes) -> None:
        """Remove an empty directory."""
        batch = self._changing.begin(frees=True)
        self._removal.release(batch, self._names.rmdir(batch, directory, name))

    def rename(self, directory: int, name: bytes, new_directory: int, new_name: bytes, flags: int = 0) -> None:
        """Move a name; flags are NOREPLACE and EXCHANGE of the system call."""
        batch = self._changing.begin()
        self._removal.release(batch, self._names.rename(batch, directory, name, new_directory, new_name, flags))

    def change(
        self,
        ino: int,
        *,
        mode: int | None = None,
        uid: int | None = None,
        gid: int | None = None,
        size: int | None = None,
        atime_ns: int | None = None,
        mtime_ns: int | None = None,
        ctime_ns: int | None = None,
    ) -> Attributes:
        """Change attributes; None leaves one as it is.

        Raises:
            OSError: EISDIR or EINVAL for the size of what is no file, or the disk said no.
        """
        batch = self._changing.begin()
        now = time.time_ns()
        row = batch.inode(ino)
        if size is not None:
            if not stat.S_ISREG(row.mode):
                raise fault(errno.EISDIR if stat.S_ISDIR(row.mode) else errno.EINVAL)
            batch.frees = size < row.size
            self._contents.truncate(batch, ino, size)
            row = batch.inode(ino)
            mtime_ns = now if mtime_ns is None and self._timed else mtime_ns
        new_mode = row.mode if mode is None else stat.S_IFMT(row.mode) | mode & _PERMISSIONS
        chown = uid is not None or gid is not None
        if mode is None and stat.S_ISREG(row.mode) and (chown or size is not None):
            new_mode = without_privileges(row.mode)
        row = replace(
            row,
            mode=new_mode,
            uid=row.uid if uid is None else uid,
            gid=row.gid if gid is None else gid,
            atime_ns=row.atime_ns if atime_ns is None else atime_ns,
            mtime_ns=row.mtime_ns if mtime_ns is None else mtime_ns,
            ctime_ns=now if ctime_ns is None else ctime_ns,
        )
        batch.set_inode(ino, row)
        if mode is not None or mtime_ns is not None or size is not None:
            batch.mark_inode(ino)
        self._changing.apply(batch)
        if size is not None and not self._usage.is_written(ino):
            self._uptake.queue(ino)
        return attributes_of(ino, row)

    def read(self, ino: int, offset: int, size: int) -> Data:
        """Read from a file; shorter than `size` only at its end."""
        row = self._inodes.get(ino)
        if not stat.S_ISREG(row.mode):
            raise fault(errno.EISDIR if stat.S_ISDIR(row.mode) else errno.EINVAL)
        return self._contents.read(ino, row, offset, size)

    def write(self, ino: int, offset: int, piece: bytes) -> int:
        """Write to a file; tells how many bytes were written, fewer than there are only if the disk is full."""
        return self._contents.write(self._changing.begin(), ino, offset, piece, timed=self._timed)

    def sync(self, ino: int) -> None:
        """Make a file's bytes, and all changes so far, survive the machine."""
        self._contents.sync(ino)
        self._database.sync()

    def get_meta(self) -> bytes:
        """The JSON that the control directory has for the next version."""
        return self._database.get(META_JSON) or b""

    def set_meta(self, text: bytes) -> None:
        """Change it."""
        self._database.apply([(META_JSON, text)])

    # ---------------------------------------------------------------------------------------------------- using

    def remember(self, ino: int) -> None:
        """The kernel was told of an inode."""
        self._usage.remember(ino)

    def forget(self, ino: int, count: int) -> None:
        """The kernel forgot an inode that it was told of so often."""
        if self._usage.forget(ino, count):
            self._removal.forgotten(ino)

    def opened(self, ino: int, writing: bool) -> None:
        """A file was opened."""
        self._usage.opened(ino, writing)

    def closed(self, ino: int, writing: bool) -> None:
        """A file was closed."""
        if self._usage.closed(ino, writing) and ino not in self._removal.orphans:
            self._uptake.queue(ino)
        self._removal.closed(ino)

    def open_for_writing(self) -> list[int]:
        """Files with names that somebody has open for writing."""
        return [ino for ino in self._usage.writers if ino not in self._removal.orphans]

    # ---------------------------------------------------------------------------------------------------- storing

    def has_backlog(self) -> bool:
        """Whether enough waits to be stored."""
        return self._backlog.is_due

    def jobs(self, files: int = 128, size: int = 64 << 20) -> list[Job]:
        """What is to be stored next, at most so many files and about so many bytes."""
        return self._uptake.jobs(files, size)

    def stored(self, results: Iterable[Stored]) -> None:
        """Take over what was stored, of files whose bytes did not change since they were read."""
        self._uptake.stored(results)

    # ---------------------------------------------------------------------------------------------------- committing

    def freeze(self) -> int:
        """Freeze what there is: give its generation, and begin the next.

        The caller has made sure that no file is open for writing. A snapshot that is opened before the next checkpoint
        has exactly what is frozen.

        Raises:
            OSError: The disk said no; nothing is frozen.
        """
        state = self._counters.state
        following = replace(self._counters.reserved(), generation=state.generation + 1)
        self._database.apply([(META_STATE, encode_row(following))])
        self._counters.state = following
        self._counters.marks.clear()
        self._contents.freeze()
        try:
            self._database.checkpoint()
        except BaseException:
            self._contents.thaw()
            raise
        return state.generation

    def settle(self, portion: Portion) -> None:
        """Take over what a commit found out; of files only what did not change since the freeze."""
        self.stored(portion.files)
        batch = self._changing.begin()
        for ino, committed in portion.directories:
            try:
                row = batch.inode(ino)
            except OSError:
                continue  # it was removed meanwhile
            batch.set_inode(ino, replace(row, committed=committed))
        batch.apply()

    def committed(self, generation: int, origin: Origin) -> None:
        """Note that all changes up to a generation are in a version, which is the base now."""
        state = replace(self._counters.state, committed=generation)
        self._database.apply([(META_ORIGIN, encode_row(origin)), (META_STATE, encode_row(state))])
        self._counters.state = state
        self.origin = origin

    def thaw(self) -> None:
        """A commit has ended, well or not."""
        self._contents.thaw()

    def sweep(self, limit: int = 1000) -> bool:
        """Remove some of what there is no use for; tells whether there may be more.

        Rows that a commit made void, then data files without rows, at last the room of small files that went.
        """
        end = number(self._counters.state.committed + 1)
        for table in (b"Y", b"Z"):
            found = [key for key, _nothing in self._database.items(table, limit=limit) if key < end]
            if found:
                self._database.apply([(table + key, None) for key in found])
                return True
        waste = self._contents.waste
        if waste.is_empty:
            waste.remove(idle=True)
            return False
        self._database.sync()
        waste.remove()
        return True

    def checkpoint_if_due(self) -> None:
        """Begin a new log when this one is long."""
        if self._database.logged >= _CHECKPOINT_BYTES:
            self.checkpoint()

    def checkpoint(self) -> None:
        """Show all changes to snapshots that are opened from now on, and begin a new log."""
        self._database.checkpoint()
        self._contents.waste.remove()

    def close(self) -> None:
        """Close it; it stays as it is."""
        with suppress(OSError):
            self.checkpoint()
        self._database.close()
        self._files.close()


def _owner(directory: Path) -> tuple[int, int]:
    """Whose the draft is: entries of versions belong to nobody."""
    status = directory.stat()
    return status.st_uid, status.st_gid
