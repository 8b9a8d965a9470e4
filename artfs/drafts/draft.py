"""A draft: a writable file tree over a version, or over nothing.

Protocol-free and synchronous; errors of the file system are plain `OSError`, as the system calls have them. One process
serves a draft, one request at a time. What a request changed is in the redo log when it returns: it survives the
process, and after a sync the machine.
"""

from __future__ import annotations

import errno
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from artfs.catalog import Version
from artfs.drafts.commit.ignored import not_ignored
from artfs.drafts.commit.upstream import Upstream, upstream_of
from artfs.drafts.data.allocator import SpaceAllocator
from artfs.drafts.data.data_files import DataFiles
from artfs.drafts.data.dirty_files import DirtyFiles
from artfs.drafts.data.file_io import FileWriter, without_privileges
from artfs.drafts.data.holes import draft_hole_bytes
from artfs.drafts.db.database import DraftDatabase
from artfs.drafts.db.schema import (
    BASE,
    META_JSON,
    META_ORIGIN,
    InodeRow,
    Origin,
    decode_origin,
    dirty_inode_key,
    reader_key,
    u64_key,
)
from artfs.drafts.inode_use import InodeUse
from artfs.drafts.namespace.directories import DirectoryWriter
from artfs.drafts.namespace.inodes import Attributes, BaseTree, InodeTable, attributes_of, os_error
from artfs.drafts.namespace.transaction import Transactions
from artfs.drafts.salvage.describe import describe_damage
from artfs.drafts.salvage.salvage import salvage
from artfs.drafts.storer_protocol import CommitDelta
from artfs.drafts.view import DraftView, owner_of, writers_in
from artfs.drafts.writeback import Writeback
from artfs.format.node import clamp_time
from artfs.store import Store

__all__ = ["Draft"]

_CHECKPOINT_BYTES: Final = 8 << 20
_PERMISSIONS: Final = 0o7777


class Draft:
    """One open draft.

    Args:
        directory: Where it is kept.
        store: Reads what is under it; open in this process.
        purge: Remove inodes without names: nobody has them open, since no mount is older than this call. Otherwise this
            takes the place of another process, and the kernel may know any of them.
        timed: Writing and truncating set a file's time of modification. They do not where the kernel keeps it: what it
            gathers arrives late, and it sets the time itself before the file is closed.

    Attributes:
        origin: Where it comes from and goes to.
        directory: Where it is kept.
        damage: Of its redo log, since which changes may be lacking; None: none, or a commit accepted it.
        files: Reads, writes and syncs its files.
        inode_use: Counts lookups and open files.
        writeback: Makes jobs for the storer, and applies their results.

    Raises:
        IntegrityError: Its rows are damaged.
        OSError: It cannot be read.
    """

    def __init__(self, directory: Path, store: Store, *, purge: bool = True, timed: bool = True) -> None:
        self.directory = directory
        self._timed = timed
        self._store = store
        self._data_files = DataFiles(directory / "data")
        try:
            self._database = DraftDatabase.open(directory, self._data_files.sync_names)
        except BaseException:
            self._data_files.close()
            raise
        try:
            self.origin = decode_origin(self._database.get(META_ORIGIN) or b"")
            base = BaseTree(self.origin.lower, store.pages)
            owner = owner_of(self.origin, directory)
            self.damage = salvage(self._database, self._data_files, base, owner)
            self._inodes = InodeTable(self._database, base, owner)
            self._transactions = Transactions(self._database, self._inodes)
            self._directories = DirectoryWriter(self._database, self._inodes, store.pages)
            self._space = SpaceAllocator(self._data_files, self._database)
            dirty = DirtyFiles()
            self.files = FileWriter(
                self._transactions, self._data_files, self._space, store.content, dirty, timed=timed
            )
            self.writeback = Writeback(self._transactions, self.files, dirty)
            first_unused = None if purge else self._transactions.counters.next_ino
            self.inode_use = InodeUse(self._transactions, self.files, self.writeback, first_unused)
            self._space.recover(purge=purge and self.damage is None)  # a lost record may have named what no row does
            if purge:
                self.inode_use.purge()
        except BaseException:
            self._database.close()
            self._data_files.close()
            raise

    # ---------------------------------------------------------------------------------------------------- reading

    def attributes(self, ino: int) -> Attributes:
        """The attributes of an inode.

        Raises:
            OSError: ESTALE: there is no such inode (any more).
        """
        return attributes_of(ino, self._inodes.get(ino))

    def hole_bytes(self, ino: int) -> int:
        """Bytes of a large file that are in holes."""
        return draft_hole_bytes(self._store, self._database, ino, self._inodes.get(ino))

    def lookup(self, directory: int, name: bytes) -> Attributes | None:
        """The attributes of what a name leads to, None if it is not there."""
        ino = self._directories.find(directory, name)
        return self.attributes(ino) if ino else None

    def readlink(self, ino: int) -> bytes:
        """The target of a symlink."""
        row = self._inodes.get(ino)
        if not stat.S_ISLNK(row.mode):
            raise os_error(errno.EINVAL)
        return row.target

    def listdir(self, directory: int, offset: int = 0) -> Iterator[tuple[bytes, Attributes, int]]:
        """List a directory, without `.` and `..`: name, attributes, offset of what follows."""
        for name, ino, following in self._directories.entries(directory, offset):
            yield name, self.attributes(ino), following

    def path(self, ino: int) -> bytes:
        """One path of an inode, for a message; empty for the draft's own directory."""
        return self._directories.path(ino)

    def is_empty(self) -> bool:
        """True if there is nothing in the draft's own directory."""
        return self._directories.is_empty(BASE)

    def is_dirty(self, more_than: int = 0) -> bool:
        """True if more than so many rows are dirty; an inode and its name have one each."""
        start = u64_key(self._transactions.counters.committed + 1)
        found = (self._database.items(table, start, limit=more_than + 1) for table in (b"Y", b"Z"))
        return sum(map(len, found)) > more_than

    def writers(self) -> list[str]:
        """The runs that wrote since the last commit."""
        return writers_in(self._database, self._transactions.counters)

    def has_base(self) -> bool:
        """True if its base, the version made from or last committed as, is not deleted."""
        with self._store.catalog.view() as view:
            base = view.by_serial(self.origin.base)
        return isinstance(base, Version) and not base.deleted

    def upstream(self) -> Upstream:
        """The artifact that a commit adds a version to, and whether a version came that the draft does not have."""
        return upstream_of(self._store.catalog, self.directory, self.origin)

    def open_for_writing(self) -> list[int]:
        """Files that are open for writing and that a version would have: not those without names, nor ignored ones.

        Raises:
            InvalidInputError: There are too many ignore patterns.
        """
        found = self.inode_use.open_for_writing()
        return not_ignored(self.view(), found) if found else []

    def log_fault(self) -> str:
        """Fault that was found in the redo log when the draft was opened, for the mount's log; empty: none."""
        database = self._database
        if self.damage is not None:
            return describe_damage(self.damage)
        if database.header_damaged:
            return "the header of the redo log was damaged, and is made again: nothing is lost"
        if database.dropped:
            return f"{database.dropped:,} bytes at the end of the redo log, damaged or never synced, were dropped"
        return ""

    def view(self) -> DraftView:
        """The draft as it is, for reading until the next change."""
        return DraftView(self._database, self._data_files, self._store, self.directory)

    # ---------------------------------------------------------------------------------------------------- changing

    def make(
        self, directory: int, name: bytes, mode: int, uid: int, gid: int, *, rdev: int = 0, target: bytes = b""
    ) -> Attributes:
        """Make a file, directory, symlink, FIFO, socket or device.

        Args:
            directory: The directory to make it in.
            name: The new name.
            mode: As in `st_mode`, with the type.
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
        txn = self._transactions.begin()
        ino = self._directories.make(txn, directory, name, row)
        txn.commit()
        return attributes_of(ino, row)

    def link(self, ino: int, directory: int, name: bytes) -> Attributes:
        """Give a file another name."""
        txn = self._transactions.begin()
        self._directories.link(txn, ino, directory, name)
        txn.commit()
        return self.attributes(ino)

    def unlink(self, directory: int, name: bytes) -> None:
        """Remove a file's name."""
        txn = self._transactions.begin(releases_space=True)
        self.inode_use.commit_unlink(txn, self._directories.unlink(txn, directory, name))

    def rmdir(self, directory: int, name: bytes) -> None:
        """Remove an empty directory."""
        txn = self._transactions.begin(releases_space=True)
        self.inode_use.commit_unlink(txn, self._directories.rmdir(txn, directory, name))

    def rename(self, directory: int, name: bytes, new_directory: int, new_name: bytes, flags: int = 0) -> None:
        """Move a name; flags are NOREPLACE and EXCHANGE of the system call."""
        txn = self._transactions.begin()
        replaced = self._directories.rename(txn, directory, name, new_directory, new_name, flags)
        self.inode_use.commit_unlink(txn, replaced)

    def set_attributes(
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
        """Set attributes; None leaves one as it is.

        Raises:
            OSError: EISDIR or EINVAL for the size of what is no file, or the disk said no.
        """
        txn = self._transactions.begin()
        now = time.time_ns()
        row = txn.inode(ino)
        if size is not None:
            if not stat.S_ISREG(row.mode):
                raise os_error(errno.EISDIR if stat.S_ISDIR(row.mode) else errno.EINVAL)
            txn.releases_space = size < row.size
            self.files.truncate(txn, ino, size)
            row = txn.inode(ino)
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
            atime_ns=row.atime_ns if atime_ns is None else clamp_time(atime_ns),
            mtime_ns=row.mtime_ns if mtime_ns is None else clamp_time(mtime_ns),
            ctime_ns=now if ctime_ns is None else clamp_time(ctime_ns),
        )
        txn.set_inode(ino, row)
        if mode is not None or mtime_ns is not None or size is not None:
            txn.mark_inode(ino)
        txn.commit()
        if size is not None and not self.inode_use.is_written(ino):
            self.writeback.enqueue(ino)
        return attributes_of(ino, row)

    def record_writer(self, run: str) -> None:
        """Record that a run wrote; costs next to nothing once it is recorded.

        Raises:
            OSError: The disk said no.
        """
        txn = self._transactions.begin()
        txn.mark_writer(run)
        txn.commit()

    def record_reader(self, run: str, ino: int) -> None:
        """Record that a run opened a file, if that has bytes that were committed.

        It costs next to nothing once it is recorded.

        Raises:
            OSError: The disk said no.
        """
        counters = self._transactions.counters
        if reader_key(counters.generation, run) not in self._transactions.known_dirty and self._has_committed_bytes(
            ino
        ):
            txn = self._transactions.begin()
            txn.mark_reader(run)
            txn.commit()

    def _has_committed_bytes(self, ino: int) -> bool:
        """Return whether a file is as it was committed, or has bytes of the tree under the draft still."""
        row, counters = self._inodes.get(ino), self._transactions.counters
        lower = self._inodes.base.entry(ino) if ino > BASE else None
        if lower is not None and row.content.limit and row.content.digest == lower.digest:
            return True
        since = range(counters.committed + 1, counters.generation + 1)
        return bool(row.size) and all(self._database.get(dirty_inode_key(at, ino)) is None for at in since)

    def get_meta(self) -> bytes:
        """The JSON that the control directory has for the next version."""
        return self._database.get(META_JSON) or b""

    def set_meta(self, text: bytes) -> None:
        """Set that JSON."""
        self._database.apply([(META_JSON, text)])

    # ---------------------------------------------------------------------------------------------------- committing

    def freeze(self) -> int:
        """Freeze all changes so far, and return their generation; the next one begins.

        The caller has made sure that nothing is `open_for_writing`. A snapshot that is opened before the next
        checkpoint has exactly what is frozen.

        Raises:
            OSError: The disk said no; nothing is frozen.
        """
        self.files.record_refused_again()
        generation = self._transactions.begin_generation()
        self._space.freeze()
        try:
            self._database.checkpoint()
        except BaseException:
            self._space.thaw()
            raise
        return generation

    def apply_delta(self, delta: CommitDelta) -> None:
        """Apply what a commit stored; of files only those that did not change since the freeze."""
        self.writeback.apply_results(delta.files)
        txn = self._transactions.begin()
        for ino, committed in delta.directories:
            try:
                row = txn.inode(ino)
            except OSError:
                continue  # it was removed meanwhile
            txn.set_inode(ino, replace(row, committed=committed))
        txn.commit()

    def end_commit(self, generation: int, origin: Origin) -> None:
        """Record that the changes up to a generation are in a version, which is the base now."""
        self._transactions.end_commit(generation, origin)
        self.origin = origin
        self.damage = None

    def thaw(self) -> None:
        """A commit has ended, well or not: data files may be removed again."""
        self._space.thaw()

    # ---------------------------------------------------------------------------------------------------- cleaning up

    def sweep(self, limit: int = 1000) -> bool:
        """Remove some of what is not needed any more, and return whether there may be more.

        Dirty rows of generations that are committed, then data files without rows, at last the holes of small files.
        """
        self.files.record_refused_again()
        end = u64_key(self._transactions.counters.committed + 1)
        for table in (b"Y", b"Z", b"W", b"U"):
            found = [key for key, _nothing in self._database.items(table, limit=limit) if key < end]
            if found:
                self._database.apply([(table + key, None) for key in found])
                return True
        more = self._space.has_freed
        if more:
            self._database.sync()
        self._space.flush(idle=not more)
        return more

    def checkpoint_if_due(self) -> None:
        """Checkpoint when the redo log is long."""
        if self._database.logged >= _CHECKPOINT_BYTES:
            self.checkpoint()

    def checkpoint(self) -> None:
        """Show all changes to snapshots that are opened from now on, and begin a new redo log."""
        self._database.checkpoint()
        self._space.flush()

    def close(self) -> None:
        """Close it; it stays as it is."""
        with suppress(OSError):
            self.files.record_refused_again()
            self.checkpoint()
        self._database.close()
        self._data_files.close()
