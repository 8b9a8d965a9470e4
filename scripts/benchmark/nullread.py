"""A read-only file system that remembers names and has forgotten the bytes: what pyfuse3 costs by itself to a reader.

python nullread.py SOURCE DIRECTORY [--workers NUMBER]

A program that `reading` runs. It shows the tree below SOURCE on DIRECTORY, in the foreground, until it is unmounted;
its files are of the right sizes and full of zeros, and `latest` is a link to its directory `data`. It is served as a
store is (processes that each have a clone of the device and share accept locks, pyfuse3 in the same loop, answers that
hold for ever but for the link's, pages that the kernel keeps), but every answer is in memory before anyone asks, and
nothing is checked or noted.
"""

from __future__ import annotations

import argparse
import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path

import pyfuse3
from pyfuse3 import (
    EntryAttributes,
    FileHandleT,
    FileInfo,
    FileNameT,
    FlagT,
    InodeT,
    ModeT,
    ReaddirToken,
    RequestContext,
)

from artfs.fuse.answers import LASTING_SECONDS, VOLATILE_SECONDS
from artfs.fuse.device.device import attach, clone_into
from artfs.fuse.options import MountOptions
from artfs.fuse.prefork.accept_lock import AcceptLocks
from artfs.fuse.prefork.mount_kind import InitHandlers
from artfs.fuse.prefork.scoreboard import Scoreboard
from artfs.fuse.prefork.worker import serve_requests
from artfs.fuse.pyfuse3_loop import answer_init

_TARGET = FileNameT(b"data")
_ZEROS = memoryview(bytes(1 << 20))  # as much as the kernel asks for at once


class NullReader(InitHandlers):
    """Answers from dictionaries."""

    def __init__(self, source: Path) -> None:
        super().__init__()
        self._inodes: dict[InodeT, EntryAttributes] = {}
        self._names: dict[tuple[InodeT, FileNameT], EntryAttributes] = {}
        self._listings: dict[InodeT, Sequence[tuple[FileNameT, EntryAttributes]]] = {}
        self._before_reading: Callable[[], None] = lambda: None
        self._add(os.fsencode(source))
        self._add_link()
        self._absent = EntryAttributes()
        self._absent.entry_timeout = LASTING_SECONDS
        self._file = FileInfo(keep_cache=True)

    def _add(self, path: bytes) -> EntryAttributes:
        """Take over an entry and all that is below it."""
        status = os.lstat(path)
        entry = EntryAttributes()
        inode = entry.st_ino = InodeT(int(pyfuse3.ROOT_INODE) + len(self._inodes))
        entry.st_mode, entry.st_size, entry.st_nlink = ModeT(status.st_mode), status.st_size, 1
        entry.entry_timeout = entry.attr_timeout = LASTING_SECONDS
        self._inodes[inode] = entry
        if stat.S_ISDIR(status.st_mode):
            listing = [(FileNameT(name), self._add(os.path.join(path, name))) for name in sorted(os.listdir(path))]
            self._listings[inode] = listing
            self._names.update({(inode, name): child for name, child in listing})
        return entry

    def _add_link(self) -> None:
        """Add `latest`, which is believed as long as an alias of a store is."""
        link = EntryAttributes()
        link.st_ino = InodeT(int(pyfuse3.ROOT_INODE) + len(self._inodes))
        link.st_mode, link.st_size, link.st_nlink = ModeT(stat.S_IFLNK | 0o777), len(_TARGET), 1
        link.entry_timeout = link.attr_timeout = VOLATILE_SECONDS
        self._inodes[link.st_ino] = self._names[pyfuse3.ROOT_INODE, FileNameT(b"latest")] = link

    def serve(self, session: int, slot: int, locks: AcceptLocks) -> None:
        """Answer requests until it is unmounted, as the worker of a slot."""
        state = Scoreboard(1).slot(0)
        lock = locks.lock(slot, state)
        self._before_reading = lock.before_reading
        serve_requests(session, state, lock, spin_ns=0)

    async def lookup(self, parent_inode: InodeT, name: FileNameT, _ctx: RequestContext) -> EntryAttributes:
        return self._names.get((parent_inode, name), self._absent)

    async def getattr(self, inode: InodeT, _ctx: RequestContext) -> EntryAttributes:
        return self._inodes[inode]

    async def readlink(self, _inode: InodeT, _ctx: RequestContext) -> FileNameT:
        return _TARGET

    async def open(self, inode: InodeT, _flags: FlagT, _ctx: RequestContext) -> FileInfo:
        self._file.fh = FileHandleT(int(inode))
        return self._file

    async def read(self, fh: FileHandleT, off: int, size: int) -> bytes:
        self._before_reading()
        left = self._inodes[InodeT(int(fh))].st_size - off
        return _ZEROS[: min(size, left)]  # type: ignore[return-value] # any buffer will do

    async def release(self, fh: FileHandleT) -> None:
        """Nothing was opened."""

    async def opendir(self, inode: InodeT, _ctx: RequestContext) -> FileHandleT:
        return FileHandleT(int(inode))

    async def readdir(self, fh: FileHandleT, start_id: int, token: ReaddirToken) -> None:
        for number, (name, entry) in enumerate(self._listings[InodeT(int(fh))][start_id:], start_id + 1):
            if not pyfuse3.readdir_reply(token, name, entry, number):
                return

    async def releasedir(self, fh: FileHandleT) -> None:
        """Nothing was opened."""

    def forget(self, inode_list: object) -> None:  # type: ignore[override] # called without await, so None will do
        """Nothing was remembered."""


def main() -> None:
    """Mount, and serve until it is unmounted."""
    parser = argparse.ArgumentParser(description="Mount the names of a directory, without the bytes.")
    parser.add_argument("source", type=Path)
    parser.add_argument("directory")
    parser.add_argument("--workers", type=int, default=MountOptions().worker_count)
    options = parser.parse_args()
    handlers = NullReader(options.source)
    device = attach(options.directory, "null", allow_other=False, writable=False)
    pyfuse3.init(handlers, f"/dev/fd/{device}", set())
    answer_init(lambda: handlers.initialised)
    locks = AcceptLocks(MountOptions(workers=options.workers).accept_lock_count)
    for slot in range(options.workers):
        if os.fork() == 0:
            clone_into(device)
            handlers.serve(device, slot, locks)
            os._exit(0)
    for _ in range(options.workers):
        os.wait()


if __name__ == "__main__":
    main()
