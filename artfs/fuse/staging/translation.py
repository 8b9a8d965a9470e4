"""FUSE requests of a staging mount, translated to drafts, control files and the mount's root, and back.

One request at a time, so the objects that answers are given in are made once. Inside a draft nothing changes but by
these requests, so the kernel may believe what it is told for as long as it likes; the root changes by `artfs stage`,
which comes in by a control file, and is asked for each time.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import Final

import pyfuse3
from pyfuse3 import EntryAttributes, FileInfo, FUSEError, ReaddirToken, RequestContext, SetattrFields, StatvfsData

from artfs.errors import ConflictError
from artfs.format.digest import Data
from artfs.fuse.operations import LASTING_SECONDS
from artfs.fuse.staging.commits import Commits, Pending
from artfs.fuse.staging.control import ControlFiles
from artfs.fuse.staging.drafts import Drafts
from artfs.fuse.staging.numbers import CONTROL, ROOT, WRITING, is_control, join, split
from artfs.names import RESERVED_NAME
from artfs.vfs.draft.draft import DIRECTORY_SIZE, Attributes, Draft
from artfs.vfs.draft.opening import StageRequest
from artfs.vfs.draft.rows import BASE

__all__ = ["StagingTranslation"]

_DOTS: Final = 2
_PARENT_UNKNOWN: Final = 0xFFFFFFFF  # libfuse's FUSE_UNKNOWN_INO
_NAME_MAX: Final = 255


def _answer(seconds: float) -> EntryAttributes:
    entry = EntryAttributes()
    entry.attr_timeout = entry.entry_timeout = seconds
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
        self._owner = owner
        self._lasting = _answer(LASTING_SECONDS)
        self._passing = _answer(0.0)
        self._absent = _answer(LASTING_SECONDS)
        self._file = FileInfo(keep_cache=True)
        self._control_file = FileInfo(direct_io=True)
        self._askers: dict[int, tuple[int, int]] = {}
        self._since = os.stat("/proc/self").st_mtime_ns

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

    def _two(self, ino: int, other: int) -> tuple[int, int, int, Draft]:
        """Number, both local inodes, and the draft that both are in.

        Raises:
            FUSEError: EXDEV: they are not in one draft.
        """
        number, local, draft = self._draft(ino)
        other_number, other_local, _draft = self._draft(other)
        if number != other_number:
            raise FUSEError(errno.EXDEV)
        return number, local, other_local, draft

    def _fill(self, number: int, attributes: Attributes, entry: EntryAttributes | None = None) -> EntryAttributes:
        entry = entry or self._lasting
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

    def _made(self, number: int, draft: Draft, attributes: Attributes) -> EntryAttributes:
        """Answer with an entry, which the kernel will have to forget."""
        draft.remember(attributes.ino)
        return self._fill(number, attributes)

    # ---------------------------------------------------------------------------------------------------- looking

    def lookup(self, parent: int, name: bytes, _context: RequestContext) -> EntryAttributes:
        """Find a name in a directory."""
        number, local = split(parent)
        if parent == ROOT:
            return self._lookup_draft(name)
        if is_control(local):
            found = self._control.find(number, name)
            if not found:
                raise FUSEError(errno.ENOENT)
            return self._fill(number, self._control.attributes(number, found), self._passing)
        if local == BASE and name == RESERVED_NAME:
            return self._fill(number, self._control.attributes(number, CONTROL), self._passing)
        draft = self._drafts.by_number(number).draft
        attributes = draft.lookup(local, name)
        return self._absent if attributes is None else self._made(number, draft, attributes)

    def _lookup_draft(self, name: bytes) -> EntryAttributes:
        if name == RESERVED_NAME:
            return self._fill(0, self._control.attributes(0, CONTROL), self._passing)
        opened = self._drafts.by_name(os.fsdecode(name))
        if opened is None:
            raise FUSEError(errno.ENAMETOOLONG if len(name) > _NAME_MAX else errno.ENOENT)
        return self._fill(opened.place.number, opened.draft.attributes(BASE), self._passing)

    def getattr(self, ino: int, _context: RequestContext) -> EntryAttributes:
        """Tell the attributes of an inode."""
        number, local = split(ino)
        if ino == ROOT:
            return self._root()
        if is_control(local):
            return self._fill(number, self._control.attributes(number, local), self._passing)
        return self._fill(number, self._drafts.by_number(number).draft.attributes(local))

    def _root(self) -> EntryAttributes:
        nlink = 2 + len(self._drafts.places())
        times = (self._since,) * 3
        attributes = Attributes(ROOT, stat.S_IFDIR | 0o755, nlink, *self._owner, 0, DIRECTORY_SIZE, *times)
        return self._fill(0, attributes, self._passing)

    def readlink(self, ino: int, _context: RequestContext) -> bytes:
        """Tell the target of a symlink."""
        _number, local, draft = self._draft(ino)
        return draft.readlink(local)

    def opendir(self, ino: int, _context: RequestContext) -> int:
        """Open a directory: its handle is the inode number."""
        return ino

    def readdir(self, ino: int, offset: int, token: ReaddirToken) -> None:
        """List as much of a directory as fits, from an offset on, with all attributes."""
        number, local = split(ino)
        if offset < _DOTS and not self._list_dots(ino, offset, token):
            return
        start = max(0, offset - _DOTS)
        if ino == ROOT:
            self._list_drafts(start, token)
        elif is_control(local):
            self._list_control(number, start, token)
        else:
            draft = self._drafts.by_number(number).draft
            for name, attributes, following in draft.listdir(local, start):
                if not pyfuse3.readdir_reply(token, name, self._fill(number, attributes), following + _DOTS):
                    return
                draft.remember(attributes.ino)

    def _list_dots(self, ino: int, offset: int, token: ReaddirToken) -> bool:
        for following, (name, number) in enumerate([(b".", ino), (b"..", _PARENT_UNKNOWN)][offset:], offset + 1):
            self._passing.st_ino = number
            self._passing.st_mode = stat.S_IFDIR
            if not pyfuse3.readdir_reply(token, name, self._passing, following):
                return False
        return True

    def _list_drafts(self, start: int, token: ReaddirToken) -> None:
        for place in self._drafts.places():
            if place.number >= start:
                attributes = self._drafts.by_number(place.number).draft.attributes(BASE)
                entry = self._fill(place.number, attributes, self._passing)
                if not pyfuse3.readdir_reply(token, place.name.encode(), entry, place.number + 1 + _DOTS):
                    return

    def _list_control(self, number: int, start: int, token: ReaddirToken) -> None:
        for at, name in enumerate(self._control.names(number)[start:], start + 1):
            entry = self._fill(number, self._control.attributes(number, CONTROL + at), self._passing)
            if not pyfuse3.readdir_reply(token, name, entry, at + _DOTS):
                return

    def statfs(self, _context: RequestContext) -> StatvfsData:
        """Tell of the file system that holds the store."""
        told = self._drafts.free_space()
        answer = StatvfsData()
        for field in ("f_bsize", "f_frsize", "f_blocks", "f_bfree", "f_bavail", "f_files", "f_ffree", "f_favail"):
            setattr(answer, field, getattr(told, field))
        answer.f_namemax = _NAME_MAX
        return answer

    # ---------------------------------------------------------------------------------------------------- names

    def mkdir(self, parent: int, name: bytes, mode: int, context: RequestContext) -> EntryAttributes:
        """Make a directory; in the mount's root, open a draft."""
        if parent == ROOT:
            opened, _base = self._drafts.stage(StageRequest(os.fsdecode(name), empty=True))
            return self._fill(opened.place.number, opened.draft.attributes(BASE), self._passing)
        return self._make(parent, name, stat.S_IFDIR | mode & ~context.umask & 0o7777, context)

    def _make(
        self, parent: int, name: bytes, mode: int, context: RequestContext, *, rdev: int = 0, target: bytes = b""
    ) -> EntryAttributes:
        number, local, draft = self._draft(parent)
        if local == BASE and name == RESERVED_NAME:
            raise FUSEError(errno.EPERM)
        gid = context.gid
        directory = draft.attributes(local)
        if directory.mode & stat.S_ISGID:
            gid = directory.gid
            if stat.S_ISDIR(mode):
                mode |= stat.S_ISGID
        return self._made(number, draft, draft.make(local, name, mode, context.uid, gid, rdev=rdev, target=target))

    def mknod(self, parent: int, name: bytes, mode: int, rdev: int, context: RequestContext) -> EntryAttributes:
        """Make a file, FIFO, socket or device."""
        return self._make(parent, name, stat.S_IFMT(mode) | mode & ~context.umask & 0o7777, context, rdev=rdev)

    def symlink(self, parent: int, name: bytes, target: bytes, context: RequestContext) -> EntryAttributes:
        """Make a symlink."""
        return self._make(parent, name, stat.S_IFLNK | 0o777, context, target=target)

    def create(
        self, parent: int, name: bytes, mode: int, flags: int, context: RequestContext
    ) -> tuple[FileInfo, EntryAttributes]:
        """Make a file and open it."""
        entry = self._make(parent, name, stat.S_IFREG | mode & ~context.umask & 0o7777, context)
        return self._opened(entry.st_ino, flags), entry

    def link(self, ino: int, parent: int, name: bytes, _context: RequestContext) -> EntryAttributes:
        """Give a file another name."""
        number, local, directory, draft = self._two(ino, parent)
        self._check_name(directory, name)
        return self._made(number, draft, draft.link(local, directory, name))

    def unlink(self, parent: int, name: bytes, _context: RequestContext) -> None:
        """Remove a file's name."""
        _number, local, draft = self._draft(parent)
        self._check_name(local, name)
        draft.unlink(local, name)

    def rmdir(self, parent: int, name: bytes, _context: RequestContext) -> None:
        """Remove an empty directory; in the mount's root, close an empty draft."""
        if parent == ROOT:
            self._close_draft(name)
            return
        _number, local, draft = self._draft(parent)
        self._check_name(local, name)
        draft.rmdir(local, name)

    def _close_draft(self, name: bytes) -> None:
        if name == RESERVED_NAME:
            raise FUSEError(errno.EPERM)
        opened = self._drafts.by_name(os.fsdecode(name))
        if opened is None:
            raise FUSEError(errno.ENOENT)
        if self._commits.is_busy(opened):
            raise FUSEError(errno.EBUSY)
        if not opened.draft.is_empty():
            raise FUSEError(errno.ENOTEMPTY)
        self._drafts.remove(opened)

    def rename(
        self, parent: int, name: bytes, new_parent: int, new_name: bytes, flags: int, _context: RequestContext
    ) -> None:
        """Move a name."""
        _number, local, new_local, draft = self._two(parent, new_parent)
        self._check_name(local, name)
        self._check_name(new_local, new_name)
        draft.rename(local, name, new_local, new_name, flags)

    @staticmethod
    def _check_name(directory: int, name: bytes) -> None:
        if directory == BASE and name == RESERVED_NAME:
            raise FUSEError(errno.EPERM)

    # ---------------------------------------------------------------------------------------------------- files

    def setattr(
        self, ino: int, attr: EntryAttributes, fields: SetattrFields, _handle: int | None, context: RequestContext
    ) -> EntryAttributes:
        """Change attributes."""
        number, local = split(ino)
        if number and is_control(local):
            return self.getattr(ino, context)  # a shell truncates before it writes
        _number, local, draft = self._draft(ino)
        return self._fill(
            number,
            draft.change(
                local,
                mode=attr.st_mode if fields.update_mode else None,
                uid=attr.st_uid if fields.update_uid else None,
                gid=attr.st_gid if fields.update_gid else None,
                size=attr.st_size if fields.update_size else None,
                atime_ns=attr.st_atime_ns if fields.update_atime else None,
                mtime_ns=attr.st_mtime_ns if fields.update_mtime else None,
                ctime_ns=attr.st_ctime_ns if fields.update_ctime else None,
            ),
        )

    def open(self, ino: int, flags: int, context: RequestContext) -> FileInfo:
        """Open a file."""
        if is_control(split(ino)[1]):
            self._askers[ino] = context.uid, context.pid  # a write does not say who writes
            self._control_file.fh = ino
            return self._control_file
        if flags & os.O_TRUNC:
            _number, local, draft = self._draft(ino)
            if draft.attributes(local).size:
                draft.change(local, size=0)
        return self._opened(ino, flags)

    def _opened(self, ino: int, flags: int) -> FileInfo:
        _number, local, draft = self._draft(ino)
        writing = flags & os.O_ACCMODE != os.O_RDONLY
        draft.opened(local, writing)
        self._file.fh = ino | WRITING if writing else ino
        return self._file

    def read(self, handle: int, offset: int, size: int) -> Data:
        """Read from an open file."""
        number, local = split(handle & ~WRITING)
        if is_control(local):
            return self._control.read(number, local, offset, size)
        return self._drafts.by_number(number).draft.read(local, offset, size)

    def write(self, handle: int, offset: int, piece: bytes) -> int:
        """Write to an open file."""
        number, local = split(handle & ~WRITING)
        return self._drafts.by_number(number).draft.write(local, offset, piece)

    def ask(self, handle: int, offset: int, text: bytes) -> Pending | None:
        """Write to a control file."""
        number, local = split(handle)
        try:
            return self._control.write(number, local, offset, text, *self._askers[handle])
        except ConflictError as error:
            raise FUSEError(errno.EBUSY) from error

    async def answer(self, pending: Pending) -> None:
        """Wait until who asked for a commit can be answered."""
        await self._commits.answer(pending)

    def release(self, handle: int) -> None:
        """Close a file."""
        number, local = split(handle & ~WRITING)
        if is_control(local):
            return
        opened = self._drafts.by_number(number)
        opened.draft.closed(local, bool(handle & WRITING))
        self._commits.released(opened)

    def fsync(self, handle: int, _only_data: bool) -> None:
        """Make a file durable."""
        number, local = split(handle & ~WRITING)
        if not is_control(local):
            self._drafts.by_number(number).draft.sync(local)

    def fsyncdir(self, handle: int, only_data: bool) -> None:
        """Make a directory durable."""
        if handle != ROOT:
            self.fsync(handle, only_data)

    def forget(self, inodes: list[tuple[int, int]]) -> None:
        """The kernel forgot inodes."""
        for ino, count in inodes:
            number, local = split(ino)
            if number and local != BASE and not is_control(local):
                self._drafts.forget(number, local, count)
