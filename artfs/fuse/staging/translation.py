"""FUSE requests of a staging mount, translated to drafts and to what is beside them, and back.

One request at a time, so the objects that answers are given in are made once. Inside a draft nothing changes but by
these requests, so the kernel may believe what it is told for as long as it likes. The root changes by what is written
to control files too: it is believed for a moment, and the kernel is told of a name that goes. Control files change by
themselves, and are asked for each time.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import Final

import pyfuse3
from pyfuse3 import EntryAttributes, FileInfo, FUSEError, ReaddirToken, RequestContext, SetattrFields, StatvfsData

from artfs.format.digest import Data
from artfs.fuse.operations import LASTING_SECONDS, VOLATILE_SECONDS
from artfs.fuse.staging.commits import Commits, Pending
from artfs.fuse.staging.control import Asker, ControlFiles
from artfs.fuse.staging.drafts import Drafts, OpenDraft
from artfs.fuse.staging.numbers import ROOT, WRITING, is_control, join, split
from artfs.fuse.staging.top import Top
from artfs.names import RESERVED_NAME
from artfs.vfs.draft.attributes import Attributes
from artfs.vfs.draft.draft import Draft
from artfs.vfs.draft.rows import BASE

__all__ = ["StagingTranslation"]

_DOTS: Final = 2
_PARENT_UNKNOWN: Final = 0xFFFFFFFF  # libfuse's FUSE_UNKNOWN_INO
_NAME_MAX: Final = 255
_PERMISSIONS: Final = 0o7777


def _answer(attributes: float, name: float) -> EntryAttributes:
    """An answer in which attributes and name are believed for so many seconds."""
    entry = EntryAttributes()
    entry.attr_timeout, entry.entry_timeout = attributes, name
    return entry


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


class StagingTranslation:
    """Answers requests. Use it from one thread: an answer holds until the next call only.

    Args:
        drafts: The drafts of the mount.
        commits: Their commits.
        control: The control files.
        owner: User and group that the mount's root belongs to.
    """

    def __init__(self, drafts: Drafts, commits: Commits, control: ControlFiles, owner: tuple[int, int]) -> None:
        self._drafts = drafts
        self._commits = commits
        self._control = control
        self._top = Top(drafts, commits, control, owner)
        self._lasting = _answer(LASTING_SECONDS, LASTING_SECONDS)
        self._absent = _answer(LASTING_SECONDS, LASTING_SECONDS)
        self._root = _answer(VOLATILE_SECONDS, VOLATILE_SECONDS)
        self._drafts_own = _answer(LASTING_SECONDS, VOLATILE_SECONDS)
        self._passing = _answer(0.0, 0.0)
        self._file = FileInfo(keep_cache=True)
        self._control_file = FileInfo(direct_io=True, keep_cache=False)

    # ---------------------------------------------------------------------------------------------------- numbers

    def _draft(self, ino: int) -> tuple[int, int, Draft]:
        """Number, local inode and draft of an inode inside a draft.

        Raises:
            FUSEError: EPERM: it is in the root or a control directory, where nothing can be changed like this.
        """
        number, local = split(ino)
        if not number or is_control(local):
            raise FUSEError(errno.EPERM)
        return number, local, self._drafts.by_number(number).draft

    def _parent(self, ino: int, name: bytes) -> tuple[int, int, OpenDraft]:
        """The same of a directory in which a name is to be changed.

        Raises:
            FUSEError: EPERM: there nothing can be changed like this.
        """
        number, local = split(ino)
        if not number or is_control(local) or (local == BASE and name == RESERVED_NAME):
            raise FUSEError(errno.EPERM)
        return number, local, self._drafts.by_number(number)

    def _beside(self, number: int, attributes: Attributes) -> EntryAttributes:
        """Answer with something that is in no draft, or is one."""
        if attributes.ino == BASE:
            return _fill(self._drafts_own, number, attributes)
        return _fill(self._root if not number and attributes.ino == ROOT else self._passing, number, attributes)

    def _made(self, number: int, draft: Draft, attributes: Attributes) -> EntryAttributes:
        """Answer with an entry, which the kernel will have to forget."""
        draft.remember(attributes.ino)
        return _fill(self._lasting, number, attributes)

    # ---------------------------------------------------------------------------------------------------- looking

    def lookup(self, parent: int, name: bytes, _context: RequestContext) -> EntryAttributes:
        """Find a name in a directory."""
        number, local = split(parent)
        if not number or is_control(local) or (local == BASE and name == RESERVED_NAME):
            return self._beside(*self._top.lookup(parent, name))
        draft = self._drafts.by_number(number).draft
        attributes = draft.lookup(local, name)
        return self._absent if attributes is None else self._made(number, draft, attributes)

    def getattr(self, ino: int, _context: RequestContext) -> EntryAttributes:
        """Tell the attributes of an inode."""
        number, local = split(ino)
        if not number or is_control(local):
            return self._beside(number, self._top.attributes(ino))
        return _fill(self._lasting, number, self._drafts.by_number(number).draft.attributes(local))

    def readlink(self, ino: int, _context: RequestContext) -> bytes:
        """Tell the target of a symlink."""
        _number, local, draft = self._draft(ino)
        return draft.readlink(local)

    def opendir(self, ino: int, _context: RequestContext) -> int:
        """Open a directory: its handle is the inode number."""
        number, local = split(ino)
        if local == BASE:
            self._drafts.by_number(number)
        return ino

    def releasedir(self, _handle: int) -> None:
        """Nothing was opened."""

    def readdir(self, ino: int, offset: int, token: ReaddirToken) -> None:
        """List as much of a directory as fits, from an offset on, with all attributes."""
        reply = pyfuse3.readdir_reply
        if offset < _DOTS and not self._list_dots(ino, offset, token):
            return
        start = max(0, offset - _DOTS)
        number, local = split(ino)
        if not number or is_control(local):
            for name, node, following in self._top.entries(ino, start):
                if not reply(token, name, self._beside(*node), following + _DOTS):
                    return
            return
        draft = self._drafts.by_number(number).draft
        for name, attributes, following in draft.listdir(local, start):
            if not reply(token, name, _fill(self._lasting, number, attributes), following + _DOTS):
                return
            draft.remember(attributes.ino)

    def _list_dots(self, ino: int, offset: int, token: ReaddirToken) -> bool:
        """List `.` and `..`, of which the kernel takes nothing but number and type."""
        for following, (name, number) in enumerate([(b".", ino), (b"..", _PARENT_UNKNOWN)][offset:], offset + 1):
            self._passing.st_ino = number
            self._passing.st_mode = stat.S_IFDIR
            if not pyfuse3.readdir_reply(token, name, self._passing, following):
                return False
        return True

    def statfs(self, _context: RequestContext) -> StatvfsData:
        """Tell of the file system that holds the store."""
        told = self._drafts.free_space()
        answer = StatvfsData()
        for field in ("f_bsize", "f_frsize", "f_blocks", "f_bfree", "f_bavail", "f_files", "f_ffree", "f_favail"):
            setattr(answer, field, getattr(told, field))
        answer.f_namemax = _NAME_MAX
        return answer

    def forget(self, inodes: list[tuple[int, int]]) -> None:
        """The kernel forgot inodes."""
        for ino, count in inodes:
            number, local = split(ino)
            if number and not is_control(local):
                self._drafts.forget(number, local, count)

    # ---------------------------------------------------------------------------------------------------- names

    def mkdir(self, parent: int, name: bytes, mode: int, context: RequestContext) -> EntryAttributes:
        """Make a directory; in the mount's root, open a draft."""
        mode &= ~context.umask & _PERMISSIONS
        if parent == ROOT:
            return self._beside(*self._top.make_draft(name, mode, (context.uid, context.gid)))
        return self._make(parent, name, stat.S_IFDIR | mode, context)

    def _make(
        self, parent: int, name: bytes, mode: int, context: RequestContext, *, rdev: int = 0, target: bytes = b""
    ) -> EntryAttributes:
        number, local, opened = self._parent(parent, name)
        gid = context.gid
        directory = opened.draft.attributes(local)
        if directory.mode & stat.S_ISGID:
            gid = directory.gid
            if stat.S_ISDIR(mode):
                mode |= stat.S_ISGID
        made = opened.names.make(local, name, mode, context.uid, gid, rdev=rdev, target=target)
        return self._made(number, opened.draft, made)

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
        return self._opened(entry.st_ino, flags), entry

    def link(self, ino: int, parent: int, name: bytes, _context: RequestContext) -> EntryAttributes:
        """Give a file another name."""
        number, local = split(ino)
        other, directory, opened = self._parent(parent, name)
        if other != number:
            raise FUSEError(errno.EXDEV)
        return self._made(number, opened.draft, opened.names.link(local, directory, name))

    def unlink(self, parent: int, name: bytes, _context: RequestContext) -> None:
        """Remove a file's name."""
        _number, local, opened = self._parent(parent, name)
        opened.names.unlink(local, name)

    def rmdir(self, parent: int, name: bytes, _context: RequestContext) -> None:
        """Remove an empty directory; in the mount's root, close an empty draft."""
        if parent == ROOT:
            self._top.remove_draft(name)
            return
        _number, local, opened = self._parent(parent, name)
        opened.names.rmdir(local, name)

    def rename(
        self, parent: int, name: bytes, new_parent: int, new_name: bytes, flags: int, _context: RequestContext
    ) -> None:
        """Move a name."""
        number, local, opened = self._parent(parent, name)
        other, new_local, _opened = self._parent(new_parent, new_name)
        if other != number:
            raise FUSEError(errno.EXDEV)
        opened.names.rename(local, name, new_local, new_name, flags)

    # ---------------------------------------------------------------------------------------------------- files

    def setattr(
        self, ino: int, attr: EntryAttributes, fields: SetattrFields, _handle: int | None, _context: RequestContext
    ) -> EntryAttributes:
        """Change attributes."""
        number, local = split(ino)
        if is_control(local):  # a shell truncates before it writes
            return _fill(self._passing, number, self._top.attributes(ino))
        _number, local, draft = self._draft(ino)
        changed = draft.change(
            local,
            mode=attr.st_mode if fields.update_mode else None,
            uid=attr.st_uid if fields.update_uid else None,
            gid=attr.st_gid if fields.update_gid else None,
            size=attr.st_size if fields.update_size else None,
            atime_ns=attr.st_atime_ns if fields.update_atime else None,
            mtime_ns=attr.st_mtime_ns if fields.update_mtime else None,
            ctime_ns=attr.st_ctime_ns if fields.update_ctime else None,
        )
        return _fill(self._lasting, number, changed)

    def open(self, ino: int, flags: int, context: RequestContext) -> FileInfo:
        """Open a file."""
        if is_control(split(ino)[1]):
            asker = Asker(context.uid, context.gid, context.pid, bool(flags & os.O_APPEND))
            self._control_file.fh = self._control.open(ino, asker)
            return self._control_file
        if flags & os.O_TRUNC:
            _number, local, draft = self._draft(ino)
            draft.change(local, size=0)
        return self._opened(ino, flags)

    def _opened(self, ino: int, flags: int) -> FileInfo:
        handle = ino if flags & os.O_ACCMODE == os.O_RDONLY else ino | WRITING
        self._drafts.file_opened(handle)
        self._file.fh = handle
        return self._file

    def read(self, handle: int, offset: int, size: int) -> Data:
        """Read from an open file."""
        number, local = split(handle & ~WRITING)
        if is_control(local):
            return self._control.read(handle, offset, size)
        return self._drafts.by_number(number).draft.read(local, offset, size)

    def write(self, handle: int, offset: int, piece: bytes) -> int | Pending:
        """Write to an open file; a commit that is asked for has to be waited for."""
        number, local = split(handle & ~WRITING)
        if is_control(local):
            return self._control.write(handle, offset, piece) or len(piece)
        return self._drafts.by_number(number).draft.write(local, offset, piece)

    async def answer(self, pending: Pending) -> None:
        """Wait until who asked for a commit can be answered."""
        await self._commits.answer(pending)

    def release(self, handle: int) -> None:
        """Close a file."""
        if is_control(split(handle & ~WRITING)[1]):
            self._control.close(handle)
            return
        opened = self._drafts.file_closed(handle)
        if opened is not None:
            self._commits.released(opened)

    def fsync(self, handle: int, _only_data: bool) -> None:
        """Make a file durable."""
        number, local = split(handle & ~WRITING)
        if number and not is_control(local):
            self._drafts.by_number(number).draft.sync(local)

    def fsyncdir(self, handle: int, only_data: bool) -> None:
        """Make a directory durable."""
        self.fsync(handle, only_data)
