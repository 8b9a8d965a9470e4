"""FUSE operations of a staging mount: requests go to drafts, the root directory or control files.

The kernel caches an answer for as long as nothing else can change it:

- inside a draft for ever, since only these requests change it;
- in the root, which control files change too, for a moment; a draft's name is invalidated when the draft is discarded;
- in control directories not at all.

Operations that are missing here are answered by the base class with ENOSYS, after which the kernel sends them no more:
flush (it writes everything out before it would), extended attributes, access (`default_permissions`).
"""

from __future__ import annotations

import errno
import logging
import os
import stat
from typing import Any, Final

import pyfuse3
from pyfuse3 import EntryAttributes, FileInfo, FUSEError, ReaddirToken, RequestContext, SetattrFields, StatvfsData

from artfs.drafts.db.schema import BASE
from artfs.drafts.draft import Draft
from artfs.drafts.namespace.inodes import Attributes
from artfs.errors import ArtfsError, ConflictError, InvalidInputError, NotFoundError, StorageError
from artfs.files.ballast import Ballast
from artfs.format.digest import Data
from artfs.fuse.answers import (
    DOTS,
    LASTING_SECONDS,
    VOLATILE_SECONDS,
    answer_requests,
    guard,
    list_dots,
    new_entry,
    statfs_answer,
)
from artfs.fuse.errno import errno_of
from artfs.fuse.prefork.mount_kind import InitHandlers
from artfs.fuse.staging.commit_queue import CommitQueue, PendingCommit
from artfs.fuse.staging.control import ControlFiles, Requester
from artfs.fuse.staging.inode_numbers import ROOT, WRITING, is_control, join, split
from artfs.fuse.staging.root_directory import RootDirectory
from artfs.fuse.staging.served_drafts import ServedDraft, ServedDrafts
from artfs.fuse.staging.writing_runs import WritingRuns
from artfs.names import RESERVED_NAME
from artfs.store.tree.holes import SMALLEST_BYTES

__all__ = ["StagingHandlers", "StagingOperations"]

_PERMISSIONS: Final = 0o7777
_FREE_SPACE: Final = ("unlink", "rmdir", "rename", "open")
"""Operations that may free disk space, and so may use the ballast; so may `setattr`, if it sets a size."""
_EXPECTED: Final = (OSError, ConflictError, InvalidInputError, NotFoundError)

_log = logging.getLogger(__name__)


def _fill(entry: EntryAttributes, number: int, attributes: Attributes) -> EntryAttributes:
    local, mode, nlink, uid, gid, rdev, size, atime_ns, mtime_ns, ctime_ns = attributes
    entry.st_ino = join(number, local)
    entry.st_mode = mode
    entry.st_nlink = nlink
    entry.st_uid = uid
    entry.st_gid = gid
    entry.st_rdev = rdev
    entry.st_size = size
    entry.st_blocks = (size + 511) >> 9
    entry.st_atime_ns = atime_ns
    entry.st_mtime_ns = mtime_ns
    entry.st_ctime_ns = ctime_ns
    return entry


class StagingOperations:
    """Answers requests. Use it from one thread: an answer is valid until the next call only.

    Args:
        drafts: The drafts of the mount.
        commits: Their commits.
        control: The control files.
        owner: User and group of the mount's root.
        runs: Notes which runs write and read.
    """

    def __init__(
        self,
        drafts: ServedDrafts,
        commits: CommitQueue,
        control: ControlFiles,
        owner: tuple[int, int],
        runs: WritingRuns,
    ) -> None:
        self._runs = runs
        self._drafts = drafts
        self._commits = commits
        self._control = control
        self._root_directory = RootDirectory(drafts, commits, control, owner)
        self._cached = new_entry(LASTING_SECONDS, LASTING_SECONDS)
        self._uncounted = new_entry(0.0, LASTING_SECONDS)  # who wants to know its holes asks once more
        self._absent = new_entry(LASTING_SECONDS, LASTING_SECONDS)
        self._root_entry = new_entry(VOLATILE_SECONDS, VOLATILE_SECONDS)
        self._draft_entry = new_entry(LASTING_SECONDS, VOLATILE_SECONDS)
        self._uncached = new_entry(0.0, 0.0)
        self._file = FileInfo(keep_cache=True)
        self._reread_file = FileInfo(keep_cache=False)
        self._control_file = FileInfo(direct_io=True, keep_cache=False)

    def _draft(self, ino: int) -> tuple[int, int, Draft]:
        """Split an inode number, and find its draft.

        Raises:
            FUSEError: EPERM: it is in the root or a control directory, where this operation is not allowed.
        """
        number, local = split(ino)
        if not number or is_control(local):
            raise FUSEError(errno.EPERM)
        return number, local, self._drafts.by_number(number).draft

    def _parent(self, ino: int, name: bytes) -> tuple[int, int, ServedDraft]:
        """Split the inode number of a directory in which a name is to be changed, and find its draft.

        Raises:
            FUSEError: EPERM: no name can be changed there.
        """
        number, local = split(ino)
        if not number or is_control(local) or (local == BASE and name == RESERVED_NAME):
            raise FUSEError(errno.EPERM)
        return number, local, self._drafts.by_number(number)

    def _outside(self, number: int, attributes: Attributes) -> EntryAttributes:
        """Answer with the root, a draft's own directory, or something in a control directory."""
        if attributes.ino == BASE:
            return _fill(self._draft_entry, number, attributes)
        return _fill(self._root_entry if not number and attributes.ino == ROOT else self._uncached, number, attributes)

    def _remembered(self, number: int, draft: Draft, attributes: Attributes) -> EntryAttributes:
        """Answer with an inode of a draft, which the kernel remembers until it sends FORGET."""
        draft.inode_use.remember(attributes.ino)
        return self._inside(number, draft, attributes)

    def _inside(self, number: int, draft: Draft, attributes: Attributes) -> EntryAttributes:
        """Answer with an inode of a draft, its holes counted."""
        entry = _fill(self._cached, number, attributes)
        if attributes.size >= SMALLEST_BYTES:
            entry.st_blocks = (attributes.size - draft.hole_bytes(attributes.ino) + 511) >> 9
        return entry

    # ------------------------------------------------------------------------------------- lookups and attributes

    def lookup(self, parent: int, name: bytes, _context: RequestContext) -> EntryAttributes:
        """Find a name in a directory."""
        number, local = split(parent)
        if not number or is_control(local) or (local == BASE and name == RESERVED_NAME):
            return self._outside(*self._root_directory.lookup(parent, name))
        draft = self._drafts.by_number(number).draft
        attributes = draft.lookup(local, name)
        return self._absent if attributes is None else self._remembered(number, draft, attributes)

    def getattr(self, ino: int, _context: RequestContext) -> EntryAttributes:
        """Read the attributes of an inode."""
        number, local = split(ino)
        if not number or is_control(local):
            return self._outside(number, self._root_directory.attributes(ino))
        draft = self._drafts.by_number(number).draft
        return self._inside(number, draft, draft.attributes(local))

    def readlink(self, ino: int, _context: RequestContext) -> bytes:
        """Read the target of a symlink."""
        _number, local, draft = self._draft(ino)
        return draft.readlink(local)

    def opendir(self, ino: int, _context: RequestContext) -> int:
        """Open a directory; its handle is the inode number."""
        number, local = split(ino)
        if local == BASE:
            self._drafts.by_number(number)
        return ino

    def releasedir(self, _handle: int) -> None:
        """Close a directory, for which nothing was opened."""

    def readdir(self, ino: int, offset: int, token: ReaddirToken) -> None:
        """List as much of a directory as fits, from an offset on, with all attributes."""
        reply = pyfuse3.readdir_reply
        if offset < DOTS and not list_dots(ino, offset, token, self._uncached):
            return
        start = max(0, offset - DOTS)
        number, local = split(ino)
        if not number or is_control(local):
            for name, node, following in self._root_directory.entries(ino, start):
                if not reply(token, name, self._outside(*node), following + DOTS):
                    return
            return
        draft = self._drafts.by_number(number).draft
        for name, attributes, following in draft.listdir(local, start):
            entry = self._cached if attributes.size < SMALLEST_BYTES else self._uncounted
            if not reply(token, name, _fill(entry, number, attributes), following + DOTS):
                return
            draft.inode_use.remember(attributes.ino)

    def statfs(self, _context: RequestContext) -> StatvfsData:
        """Read the statistics of the file system that holds the store."""
        return statfs_answer(self._drafts.free_space())

    def forget(self, inodes: list[tuple[int, int]]) -> None:
        """Drop lookups of inodes that the kernel forgot."""
        for ino, count in inodes:
            number, local = split(ino)
            if number and not is_control(local):
                self._drafts.forget(number, local, count)

    # ---------------------------------------------------------------------------------------------------- names

    def mkdir(self, parent: int, name: bytes, mode: int, context: RequestContext) -> EntryAttributes:
        """Make a directory; in the mount's root, an empty draft."""
        mode &= ~context.umask & _PERMISSIONS
        if parent == ROOT:
            return self._outside(*self._root_directory.make_draft(name, mode, (context.uid, context.gid)))
        return self._make(parent, name, stat.S_IFDIR | mode, context)

    def _make(
        self, parent: int, name: bytes, mode: int, context: RequestContext, *, rdev: int = 0, target: bytes = b""
    ) -> EntryAttributes:
        number, local, served = self._parent(parent, name)
        gid = context.gid
        directory = served.draft.attributes(local)
        if directory.mode & stat.S_ISGID:
            gid = directory.gid
            if stat.S_ISDIR(mode):
                mode |= stat.S_ISGID
        made = served.draft.make(local, name, mode, context.uid, gid, rdev=rdev, target=target)
        self._runs.note(served.draft, context.pid)
        return self._remembered(number, served.draft, made)

    def mknod(self, parent: int, name: bytes, mode: int, rdev: int, context: RequestContext) -> EntryAttributes:
        """Make a file, FIFO, socket or device."""
        return self._make(parent, name, mode & ~(context.umask & 0o777), context, rdev=rdev)

    def symlink(self, parent: int, name: bytes, target: bytes, context: RequestContext) -> EntryAttributes:
        """Make a symlink."""
        return self._make(parent, name, stat.S_IFLNK | 0o777, context, target=target)

    def create(
        self, parent: int, name: bytes, mode: int, flags: int, context: RequestContext
    ) -> tuple[FileInfo, EntryAttributes]:
        """Make a file and open it."""
        entry = self._make(parent, name, stat.S_IFREG | mode & ~context.umask & _PERMISSIONS, context)
        return self._opened(entry.st_ino, flags, context), entry

    def link(self, ino: int, parent: int, name: bytes, context: RequestContext) -> EntryAttributes:
        """Give a file another name."""
        number, local = split(ino)
        other, directory, served = self._parent(parent, name)
        if other != number:
            raise FUSEError(errno.EXDEV)
        linked = served.draft.link(local, directory, name)
        self._runs.note(served.draft, context.pid)
        return self._remembered(number, served.draft, linked)

    def unlink(self, parent: int, name: bytes, context: RequestContext) -> None:
        """Remove a file's name."""
        _number, local, served = self._parent(parent, name)
        served.draft.unlink(local, name)
        self._runs.note(served.draft, context.pid)

    def rmdir(self, parent: int, name: bytes, context: RequestContext) -> None:
        """Remove an empty directory; in the mount's root, discard an empty draft."""
        if parent == ROOT:
            self._root_directory.remove_draft(name)
            return
        _number, local, served = self._parent(parent, name)
        served.draft.rmdir(local, name)
        self._runs.note(served.draft, context.pid)

    def rename(
        self, parent: int, name: bytes, new_parent: int, new_name: bytes, flags: int, context: RequestContext
    ) -> None:
        """Move a name."""
        number, local, served = self._parent(parent, name)
        other, new_local, _served = self._parent(new_parent, new_name)
        if other != number:
            raise FUSEError(errno.EXDEV)
        served.draft.rename(local, name, new_local, new_name, flags)
        self._runs.note(served.draft, context.pid)

    # ---------------------------------------------------------------------------------------------------- files

    def setattr(
        self, ino: int, attr: EntryAttributes, fields: SetattrFields, _handle: int | None, context: RequestContext
    ) -> EntryAttributes:
        """Change attributes."""
        number, local = split(ino)
        if is_control(local):  # a shell truncates before it writes
            return _fill(self._uncached, number, self._root_directory.attributes(ino))
        _number, local, draft = self._draft(ino)
        changed = draft.set_attributes(
            local,
            mode=attr.st_mode if fields.update_mode else None,
            uid=attr.st_uid if fields.update_uid else None,
            gid=attr.st_gid if fields.update_gid else None,
            size=attr.st_size if fields.update_size else None,
            atime_ns=attr.st_atime_ns if fields.update_atime else None,
            mtime_ns=attr.st_mtime_ns if fields.update_mtime else None,
            ctime_ns=attr.st_ctime_ns if fields.update_ctime else None,
        )
        self._runs.note(draft, context.pid)
        return self._inside(number, draft, changed)

    def open(self, ino: int, flags: int, context: RequestContext) -> FileInfo:
        """Open a file."""
        if is_control(split(ino)[1]):
            requester = Requester(context.uid, context.gid, context.pid, bool(flags & os.O_APPEND))
            self._control_file.fh = self._control.open(ino, requester)
            return self._control_file
        if flags & os.O_TRUNC:
            _number, local, draft = self._draft(ino)
            draft.set_attributes(local, size=0)
        opened = self._opened(ino, flags, context)
        if not flags & os.O_TRUNC:
            number, local = split(ino)
            self._runs.note_open(self._drafts.by_number(number).draft, local, context.pid)
        return opened

    def _opened(self, ino: int, flags: int, context: RequestContext) -> FileInfo:
        handle = ino if flags & os.O_ACCMODE == os.O_RDONLY else ino | WRITING
        draft = self._drafts.file_opened(handle)
        if handle & WRITING:
            self._runs.note(draft, context.pid)
        # The kernel has bytes that it could not write: a program that opens the file sees what there is.
        answer = self._reread_file if split(ino)[1] in draft.files.refused.files else self._file
        answer.fh = handle
        return answer

    def read(self, handle: int, offset: int, size: int) -> Data:
        """Read from an open file."""
        number, local = split(handle & ~WRITING)
        if is_control(local):
            return self._control.read(handle, offset, size)
        return self._drafts.by_number(number).draft.files.read(local, offset, size)

    def write(self, handle: int, offset: int, piece: bytes) -> int | PendingCommit:
        """Write to an open file; a request to commit gives the commit to wait for."""
        number, local = split(handle & ~WRITING)
        if is_control(local):
            return self._control.write(handle, offset, piece) or len(piece)
        draft = self._drafts.by_number(number).draft
        try:
            return draft.files.write(local, offset, piece)
        except BaseException:
            self._drafts.record_refused(draft, local, offset, piece)
            raise

    def release(self, handle: int) -> None:
        """Close a file."""
        if is_control(split(handle & ~WRITING)[1]):
            self._control.close(handle)
            return
        served = self._drafts.file_closed(handle)
        if served is not None:
            self._commits.file_closed(served)

    def fsync(self, handle: int, _only_data: bool) -> None:
        """Make a file durable."""
        number, local = split(handle & ~WRITING)
        if number and not is_control(local):
            self._drafts.by_number(number).draft.files.sync(local)

    def fsyncdir(self, handle: int, only_data: bool) -> None:
        """Make a directory durable."""
        self.fsync(handle, only_data)


class StagingHandlers(InitHandlers):
    """Handlers that pyfuse3 calls; `serve` has them answered in the server.

    Args:
        writeback_cache: Let the kernel gather small writes.
    """

    def __init__(self, *, writeback_cache: bool) -> None:
        super().__init__()
        self.enable_writeback_cache = writeback_cache

    def serve(
        self, operations: StagingOperations, commits: CommitQueue, ballast: Ballast, slot: memoryview[int]
    ) -> None:
        """Answer requests from now on.

        Args:
            operations: Gives the answers.
            commits: Tells when a request to commit can be answered.
            ballast: Disk space for requests that free disk space.
            slot: The process's slot of the scoreboard.
        """
        answer_requests(self, operations, slot, _EXPECTED)
        for name in _FREE_SPACE:
            setattr(self, name, guard(ballast.retrying(getattr(operations, name)), slot, _EXPECTED))
        change, write = self.setattr, self.write
        truncate = guard(ballast.retrying(operations.setattr), slot, _EXPECTED)

        def set_attributes(ino: int, attr: EntryAttributes, fields: SetattrFields, *more: Any) -> Any:
            return (truncate if fields.update_size else change)(ino, attr, fields, *more)

        async def write_and_wait(handle: int, offset: int, piece: bytes) -> int:
            written: int | PendingCommit = await write(handle, offset, piece)
            if isinstance(written, int):
                return written
            await commits.wait_for_reply(written)
            if written.error is not None:
                raise FUSEError(errno_of(written.error) if isinstance(written.error, StorageError) else errno.EINVAL)
            return len(piece)

        def forget(inodes: list[tuple[int, int]]) -> None:
            try:
                operations.forget(inodes)
            except (OSError, ArtfsError) as error:  # an inode that nobody uses stays until the next mount
                _log.warning("forgetting inodes: %s", error)

        self.setattr = set_attributes  # type: ignore[method-assign, assignment] # the same, under other names
        self.write = write_and_wait  # type: ignore[method-assign, assignment] # the same, under other names
        self.forget = forget  # type: ignore[method-assign, assignment] # called without await, so None will do
