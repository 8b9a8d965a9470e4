"""A disk that logs each write and flush: `python -m tests.support.torture.powercut.disk IMAGE LOG MOUNTPOINT`.

A file system of one file, `disk`, with the bytes of IMAGE. A loop device over it is a disk: what the file system on
that device writes arrives here as writes, its flushes as fsync, and each goes into LOG (`blocklog`) before it is
answered. Nothing on the way gathers writes or changes their order: the file is opened for direct I/O, and requests are
answered one by one.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from pathlib import Path

import pyfuse3
import trio
from pyfuse3 import EntryAttributes, FileHandleT, FileInfo, FlagT, InodeT, RequestContext

from tests.support.torture.powercut.blocklog import LogWriter

_FILE = InodeT(pyfuse3.ROOT_INODE + 1)
_NAME = b"disk"


class _Disk(pyfuse3.Operations):
    def __init__(self, image: Path, log: Path) -> None:
        super().__init__()
        self._image = os.open(image, os.O_RDWR | os.O_CLOEXEC)
        self._log = LogWriter(log)

    async def getattr(self, inode: InodeT, _ctx: RequestContext | None = None) -> EntryAttributes:
        entry = EntryAttributes()
        entry.st_ino = inode
        if inode == _FILE:
            entry.st_mode = stat.S_IFREG | 0o600
            entry.st_size = os.fstat(self._image).st_size
        else:
            entry.st_mode = stat.S_IFDIR | 0o700
        return entry

    async def lookup(self, _parent: InodeT, name: bytes, ctx: RequestContext) -> EntryAttributes:
        if name != _NAME:
            raise pyfuse3.FUSEError(errno.ENOENT)
        return await self.getattr(_FILE, ctx)

    async def open(self, _inode: InodeT, _flags: FlagT, _ctx: RequestContext) -> FileInfo:
        return FileInfo(fh=FileHandleT(0), direct_io=True)

    async def read(self, _fh: FileHandleT, off: int, size: int) -> bytes:
        return os.pread(self._image, size, off)

    async def write(self, _fh: FileHandleT, off: int, buf: bytes) -> int:
        self._log.write(off, buf)
        return os.pwrite(self._image, buf, off)

    async def fsync(self, _fh: FileHandleT, _datasync: bool) -> None:
        self._log.flush()


def main() -> None:
    """Serve until it is unmounted."""
    image, log, mountpoint = sys.argv[1:]
    pyfuse3.init(_Disk(Path(image), Path(log)), mountpoint, {*pyfuse3.default_options, "fsname=recorded-disk"})
    print("ready", flush=True)
    try:
        trio.run(pyfuse3.main, 1, 1)
    finally:
        pyfuse3.close(unmount=False)


if __name__ == "__main__":
    main()
