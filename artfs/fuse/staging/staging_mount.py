"""Staging mount of a store: a server answers all requests, and a storer stores and commits beside it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from artfs.drafts.registry import DraftRegistry
from artfs.errors import ConflictError
from artfs.fuse.options import MountOptions
from artfs.fuse.prefork.mount_kind import WorkerContext
from artfs.fuse.prefork.scoreboard import Scoreboard
from artfs.fuse.prefork.worker_pool import WorkerPool
from artfs.fuse.staging.channel import channel_pair
from artfs.fuse.staging.recovery.replies import ControlReplies
from artfs.fuse.staging.recovery.writer_handles import WriterHandles
from artfs.fuse.staging.server_process import run_server
from artfs.fuse.staging.staging_operations import StagingHandlers
from artfs.fuse.staging.storer_process import run_storer
from artfs.mountinfo import mounts_of
from artfs.store.layout import Layout

__all__ = ["StagingMount", "open_staging_mount"]

_SERVER, _STORER = range(2)
_DYING_SECONDS: Final = 2.0


class StagingMount:
    """The two processes of a staging mount, and what they share: the channel, the record of open files, and replies.

    - When the server dies the storer is killed, since it worked for that server; both start again with a new channel,
      in which no message is left.
    - The storer may die without the server.

    Args:
        store: The store's directory.
        options: How to serve.
    """

    staging = True

    def __init__(self, store: Path, options: MountOptions) -> None:
        self._store = store
        self.handlers = StagingHandlers(writeback_cache=options.writeback_cache)
        self._writers = WriterHandles()
        self._replies = ControlReplies()
        self._channel = channel_pair()

    def pool(self, context: WorkerContext) -> WorkerPool:
        """Make the pool of both processes, not started yet."""
        scoreboard = Scoreboard(2)

        def main(slot: int) -> int:
            context.log.become_stderr()
            server, storer = self._channel
            if slot == _STORER:
                return run_storer(self._store, storer)
            own = scoreboard.slot(_SERVER)
            return run_server(self._store, server, context, self.handlers, own, self._writers, self._replies)

        return WorkerPool(main, scoreboard, 2, on_leader_exit=self._replace_channel)

    def _replace_channel(self) -> None:
        for end in self._channel:
            end.close()
        self._channel = channel_pair()


@contextmanager
def open_staging_mount(layout: Layout, options: MountOptions) -> Iterator[StagingMount]:
    """Make the staging mount of a store, which no other one serves until this context ends.

    (Processes that served it and were killed may take a moment to release the lock.)

    Raises:
        ConflictError: Another staging mount serves the drafts.
    """
    deadline = time.monotonic() + _DYING_SECONDS
    with ExitStack() as stack:
        while True:
            try:
                stack.enter_context(DraftRegistry(layout.drafts).lock())
            except ConflictError:
                alive = any(mount.staging and mount.pid for mount in mounts_of(layout.root))
                if alive or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
            else:
                break
        yield StagingMount(layout.root, options)
