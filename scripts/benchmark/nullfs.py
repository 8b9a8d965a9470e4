"""A file system that remembers names and forgets bytes: what pyfuse3 costs by itself; a program that `staging` runs.

python nullfs.py DIRECTORY [--no-writeback-cache] [--block-size BYTES]

Serves DIRECTORY in the foreground until it is unmounted. It agrees with the kernel on what the staging mount agrees on
(one process, writeback cache or not, answers that hold for ever, names that are known not to be there) and runs
pyfuse3 in the same loop; behind that it does next to nothing.
"""

from __future__ import annotations

import argparse
import itertools
import stat

import pyfuse3
from pyfuse3 import (
    EntryAttributes,
    FileHandleT,
    FileInfo,
    FileNameT,
    FlagT,
    InodeT,
    ModeT,
    RequestContext,
    SetattrFields,
    StatvfsData,
)

from artfs.fuse.options import MountOptions
from artfs.fuse.pyfuse3_loop import DONE, run_session

_LASTING_SECONDS = 1e9


class NullHandlers(pyfuse3.Operations):
    """Accepts what `cp` asks for: an inode is its attributes, and what is written to it changes its size."""

    supports_dot_lookup = False

    def __init__(self, *, writeback_cache: bool, block_size: int) -> None:
        super().__init__()
        self.enable_writeback_cache = writeback_cache
        self._block_size = block_size
        self._numbers = itertools.count(int(pyfuse3.ROOT_INODE) + 1)
        self._inodes = {pyfuse3.ROOT_INODE: self._attributes(pyfuse3.ROOT_INODE, stat.S_IFDIR | 0o755, None)}
        self._names: dict[tuple[InodeT, FileNameT], InodeT] = {}
        self._absent = EntryAttributes()
        self._absent.entry_timeout = self._absent.attr_timeout = _LASTING_SECONDS

    def _attributes(self, inode: InodeT, mode: int, context: RequestContext | None) -> EntryAttributes:
        entry = EntryAttributes()
        entry.st_ino, entry.st_mode, entry.st_blksize = inode, ModeT(mode), self._block_size
        entry.st_nlink = 2 if stat.S_ISDIR(mode) else 1
        if context is not None:
            entry.st_uid, entry.st_gid = context.uid, context.gid
        entry.entry_timeout = entry.attr_timeout = _LASTING_SECONDS
        return entry

    def _make(self, parent: InodeT, name: FileNameT, mode: int, context: RequestContext) -> EntryAttributes:
        inode = self._names[parent, name] = InodeT(next(self._numbers))
        entry = self._inodes[inode] = self._attributes(inode, mode & ~context.umask, context)
        return entry

    async def lookup(self, parent_inode: InodeT, name: FileNameT, _ctx: RequestContext) -> EntryAttributes:
        inode = self._names.get((parent_inode, name))
        return self._absent if inode is None else self._inodes[inode]

    async def getattr(self, inode: InodeT, _ctx: RequestContext) -> EntryAttributes:
        return self._inodes[inode]

    async def setattr(
        self,
        inode: InodeT,
        attr: EntryAttributes,
        fields: SetattrFields,
        _fh: FileHandleT | None,
        _ctx: RequestContext,
    ) -> EntryAttributes:
        entry = self._inodes[inode]
        if fields.update_size:
            entry.st_size = attr.st_size
        if fields.update_mode:
            entry.st_mode = attr.st_mode
        return entry

    async def mkdir(self, parent_inode: InodeT, name: FileNameT, mode: ModeT, ctx: RequestContext) -> EntryAttributes:
        return self._make(parent_inode, name, stat.S_IFDIR | mode, ctx)

    async def create(
        self, parent_inode: InodeT, name: FileNameT, mode: ModeT, _flags: FlagT, ctx: RequestContext
    ) -> tuple[FileInfo, EntryAttributes]:
        entry = self._make(parent_inode, name, stat.S_IFREG | mode, ctx)
        return FileInfo(fh=FileHandleT(int(entry.st_ino)), keep_cache=True), entry

    async def open(self, inode: InodeT, _flags: FlagT, _ctx: RequestContext) -> FileInfo:
        return FileInfo(fh=FileHandleT(int(inode)), keep_cache=True)

    async def opendir(self, inode: InodeT, _ctx: RequestContext) -> FileHandleT:
        return FileHandleT(int(inode))

    async def write(self, fh: FileHandleT, off: int, buf: bytes) -> int:
        entry = self._inodes[InodeT(int(fh))]
        entry.st_size = max(entry.st_size, off + len(buf))
        return len(buf)

    async def release(self, fh: FileHandleT) -> None:
        """Nothing was opened."""

    async def releasedir(self, fh: FileHandleT) -> None:
        """Nothing was opened."""

    async def statfs(self, _ctx: RequestContext) -> StatvfsData:
        answer = StatvfsData()
        answer.f_bsize = answer.f_frsize = 4096
        answer.f_blocks = answer.f_bfree = answer.f_bavail = 1 << 28
        return answer

    def forget(self, inode_list: object) -> None:  # type: ignore[override] # called without await, so None will do
        """Numbers are never used again."""


def main() -> None:
    """Mount, and serve until it is unmounted."""
    parser = argparse.ArgumentParser(description="Mount a file system that discards what is written to it.")
    parser.add_argument("directory")
    parser.add_argument(
        "--writeback-cache", action=argparse.BooleanOptionalAction, default=MountOptions().writeback_cache
    )
    parser.add_argument("--block-size", type=int, default=4096, help="st_blksize, by which `cp` sizes its buffer")
    options = parser.parse_args()
    handlers = NullHandlers(writeback_cache=options.writeback_cache, block_size=options.block_size)
    pyfuse3.init(handlers, options.directory, {"fsname=null", "default_permissions", "nosuid", "nodev"})
    run_session(lambda _descriptor: DONE)
    pyfuse3.close()


if __name__ == "__main__":
    main()
