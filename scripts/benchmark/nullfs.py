"""A file system that takes everything and keeps nothing but names: what pyfuse3 costs with no work behind it.

python nullfs.py MOUNTPOINT [--writeback]

Served as pyfuse3's own examples are: one process, its event loop as it comes. It ends when it is unmounted.
"""

from __future__ import annotations

import errno
import itertools
import stat
import sys
import time

import pyfuse3
import trio
from pyfuse3 import EntryAttributes, FileInfo, FUSEError, InodeT, RequestContext, SetattrFields, StatvfsData


class NullOperations(pyfuse3.Operations):
    """Names, kinds and sizes; bytes are thrown away."""

    def __init__(self, *, writeback: bool) -> None:
        super().__init__()
        self.enable_writeback_cache = writeback
        self._numbers = itertools.count(int(pyfuse3.ROOT_INODE) + 1)
        self._inodes: dict[int, list[int]] = {int(pyfuse3.ROOT_INODE): [stat.S_IFDIR | 0o755, 0]}
        self._names: dict[tuple[int, bytes], int] = {}

    def _answer(self, inode: int) -> EntryAttributes:
        mode, size = self._inodes[inode]
        entry = EntryAttributes()
        entry.st_ino = InodeT(inode)
        entry.st_mode, entry.st_size, entry.st_nlink = pyfuse3.ModeT(mode), size, 1
        entry.attr_timeout = entry.entry_timeout = 300.0
        entry.st_mtime_ns = entry.st_ctime_ns = entry.st_atime_ns = time.time_ns()
        return entry

    def _make(self, parent: int, name: bytes, mode: int) -> EntryAttributes:
        inode = self._names[parent, name] = next(self._numbers)
        self._inodes[inode] = [mode, 0]
        return self._answer(inode)

    async def lookup(self, parent_inode: InodeT, name: bytes, ctx: RequestContext) -> EntryAttributes:  # noqa: ARG002 # pyfuse3's
        inode = self._names.get((int(parent_inode), bytes(name)))
        if inode is None:
            raise FUSEError(errno.ENOENT)
        return self._answer(inode)

    async def getattr(self, inode: InodeT, ctx: RequestContext) -> EntryAttributes:  # noqa: ARG002 # pyfuse3's
        return self._answer(int(inode))

    async def setattr(
        self,
        inode: InodeT,
        attr: EntryAttributes,
        fields: SetattrFields,
        fh: pyfuse3.FileHandleT | None,  # noqa: ARG002 # pyfuse3's
        ctx: RequestContext,  # noqa: ARG002 # pyfuse3's
    ) -> EntryAttributes:
        row = self._inodes[int(inode)]
        if fields.update_mode:
            row[0] = int(attr.st_mode)
        if fields.update_size:
            row[1] = attr.st_size
        return self._answer(int(inode))

    async def mkdir(
        self,
        parent_inode: InodeT,
        name: bytes,
        mode: pyfuse3.ModeT,
        ctx: RequestContext,  # noqa: ARG002 # pyfuse3's
    ) -> EntryAttributes:
        return self._make(int(parent_inode), bytes(name), stat.S_IFDIR | mode & 0o7777)

    async def create(
        self,
        parent_inode: InodeT,
        name: bytes,
        mode: pyfuse3.ModeT,
        flags: pyfuse3.FlagT,  # noqa: ARG002 # pyfuse3's
        ctx: RequestContext,  # noqa: ARG002 # pyfuse3's
    ) -> tuple[FileInfo, EntryAttributes]:
        entry = self._make(int(parent_inode), bytes(name), stat.S_IFREG | mode & 0o7777)
        return FileInfo(fh=pyfuse3.FileHandleT(int(entry.st_ino))), entry

    async def write(self, fh: pyfuse3.FileHandleT, off: int, buf: bytes) -> int:
        row = self._inodes[int(fh)]
        row[1] = max(row[1], off + len(buf))
        return len(buf)

    async def release(self, fh: pyfuse3.FileHandleT) -> None:
        """Nothing was opened."""

    async def statfs(self, ctx: RequestContext) -> StatvfsData:  # noqa: ARG002 # pyfuse3's
        answer = StatvfsData()
        answer.f_bsize = answer.f_frsize = 4096
        answer.f_blocks = answer.f_bfree = answer.f_bavail = 1 << 28
        return answer

    def forget(self, inode_list: object) -> None:  # type: ignore[override] # called without await
        """Numbers are never used again."""


def main() -> None:
    """Mount, and serve until unmounted."""
    pyfuse3.init(
        NullOperations(writeback="--writeback" in sys.argv), sys.argv[1], {"fsname=nullfs", "default_permissions"}
    )
    trio.run(pyfuse3.main)
    pyfuse3.close()


if __name__ == "__main__":
    main()
