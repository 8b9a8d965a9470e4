"""The read-only mount of a store: workers that are all alike, each with the store open for itself."""

from __future__ import annotations

import errno
import gc
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

from artfs.chunks.chunk_cache import ChunkCache, SharedChunkCache
from artfs.errors import StorageError
from artfs.fuse.device import syscalls
from artfs.fuse.device.device import clone_into
from artfs.fuse.options import MountOptions
from artfs.fuse.prefork.accept_lock import AcceptLock, AcceptLocks
from artfs.fuse.prefork.mount_kind import WorkerContext
from artfs.fuse.prefork.scoreboard import Scoreboard, note_wait
from artfs.fuse.prefork.worker import serve_requests
from artfs.fuse.prefork.worker_pool import WorkerPool
from artfs.fuse.readonly.file_tree import FileTree
from artfs.fuse.readonly.readonly_operations import ReadOnlyHandlers, ReadOnlyOperations
from artfs.kv import crash_marker
from artfs.lineage import RunDirectories, RunTracker
from artfs.objects.waiting import tell_of_waits
from artfs.store.layout import Layout
from artfs.store.reader_leases import OpenCounts, ReaderLease, lock_uncounted
from artfs.store.store import Store
from artfs.vfs.tracked_view import TrackedView
from artfs.vfs.view import StoreView

__all__ = ["MakeTree", "ReadOnlyMount", "open_readonly_mount"]

MakeTree: TypeAlias = Callable[[Callable[[], None]], FileTree]
"""Opens what a mount shows, given what the tree is to call before it loads something from the index."""

_log = logging.getLogger(__name__)


@contextmanager
def open_readonly_mount(layout: Layout, options: MountOptions) -> Iterator[ReadOnlyMount]:
    """Make the read-only mount of a store; until it is left, gc counts it as a reader.

    A store that cannot be written is mounted all the same: gc, run elsewhere, keeps all versions meanwhile.

    Raises:
        StorageError: That gc has a reader cannot be written down, though the store can be written.
    """
    cache = SharedChunkCache(options.cache_mib << 20, layout.format.chunker.max_size) if options.cache_mib else None
    with _lease(layout) as lease:
        yield ReadOnlyMount(lambda before: _view(layout, cache, lease, before), options)


@contextmanager
def _lease(layout: Layout) -> Iterator[ReaderLease | None]:
    """Have gc know of the mount's processes; yield their lease, or None where the store cannot be written."""
    try:
        lease = ReaderLease(layout.readers)
    except OSError as error:
        if error.errno not in (errno.EROFS, errno.EACCES, errno.EPERM):
            raise StorageError.of(error, f"telling gc of the mount in {layout.readers}") from error
        uncounted = lock_uncounted(layout.readers)
        try:
            yield None
        finally:
            os.close(uncounted)
        return
    try:
        yield lease
    finally:
        lease.close()


def _view(
    layout: Layout, cache: ChunkCache | None, lease: ReaderLease | None, before_loading: Callable[[], None]
) -> StoreView:
    """Open the store in a worker; runs are not tracked where nothing can be written to the store."""
    crash_marker.install(layout.index)
    store = Store(layout, cache, before_loading)
    if lease is None:
        _log.info("the store cannot be written: what runs open is not noted, and gc keeps all versions meanwhile")
        return StoreView(store)
    counts = OpenCounts(lease.directory)
    try:
        return TrackedView(store, RunTracker(RunDirectories(layout.runs)), counts)
    except OSError as error:
        _log.warning("what runs open is not noted: %s", error)
        return StoreView(store, counts)


class ReadOnlyMount:
    """A mount kind whose workers serve a file tree.

    Args:
        make_tree: Opens what is shown; called in each worker, after the fork.
        options: How many workers there are, and how they wait.
    """

    staging = False

    def __init__(self, make_tree: MakeTree, options: MountOptions) -> None:
        self._make_tree = make_tree
        self._options = options
        self.handlers = ReadOnlyHandlers()

    def pool(self, context: WorkerContext) -> WorkerPool:
        """Make the pool of workers; none is started yet."""
        scoreboard = Scoreboard(self._options.max_workers)
        locks = AcceptLocks(self._options.accept_lock_count)

        def main(slot: int) -> int:
            state = scoreboard.slot(slot)
            self._run_worker(context, state, locks.lock(slot, state))
            return 0

        return WorkerPool(main, scoreboard, self._options.worker_count)

    def _run_worker(self, context: WorkerContext, state: memoryview[int], lock: AcceptLock) -> None:
        """Be a worker until the file system is unmounted, or this worker is to retire."""
        context.log.become_stderr()
        syscalls.name_process("artfs-worker")
        gc.freeze()
        tell_of_waits(lambda waits: note_wait(state, waits))
        tree = self._make_tree(lock.before_loading)
        if context.clone:
            clone_into(context.session)
        syscalls.drop_resource_privilege()
        self.handlers.serve(ReadOnlyOperations(tree, before_reading=lock.before_reading), state)
        serve_requests(context.session, state, lock, self._options.spin_us * 1000)
