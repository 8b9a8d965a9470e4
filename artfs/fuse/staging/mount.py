"""The staging mount of a store: one process that serves the drafts, one that stores them."""

from __future__ import annotations

import logging
import mmap
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from artfs.catalog import check_deaths
from artfs.errors import ConflictError
from artfs.fuse.crew import Crew
from artfs.fuse.device import clone_into, send_again
from artfs.fuse.indexwatch import IndexWatch
from artfs.fuse.options import MountOptions
from artfs.fuse.report import encode_error
from artfs.fuse.serve import Service, serve
from artfs.fuse.staff import Post
from artfs.fuse.staging.channel import channel_pair
from artfs.fuse.staging.handlers import StagingHandlers
from artfs.fuse.staging.openfiles import OpenFiles
from artfs.fuse.staging.server import Mount, run_server
from artfs.fuse.staging.storing import run_storer
from artfs.fuse.states import States
from artfs.fuse.worker import CANNOT_START
from artfs.mountinfo import MountInfo, mounts
from artfs.store.layout import Layout, read_layout
from artfs.vfs.draft.home import DraftsHome

__all__ = ["Stage", "serve_drafts"]

_SERVER, _STORER = range(2)
_DYING_SECONDS: Final = 2.0

_log = logging.getLogger(__name__)


class Stage:
    """The staff of a staging mount: the server, which leads, and the storer.

    When the server dies, so does what the storer was doing for it, and both begin anew with a channel in which nothing
    is left. The storer may die without the server.

    Args:
        store: The store's directory.
        options: How to serve.
    """

    alone = True

    def __init__(self, store: Path, options: MountOptions) -> None:
        self._store = store
        self._handlers = StagingHandlers(writeback_cache=options.writeback_cache)
        self._open_files = OpenFiles()
        self._served = mmap.mmap(-1, 1)
        self._channel = channel_pair()

    def handlers(self) -> StagingHandlers:
        """The handlers of requests."""
        return self._handlers

    def crew(self, post: Post) -> tuple[Crew, States]:
        """Both processes, not started yet."""
        states = States(2)

        def main(slot: int) -> int:
            post.log.become_stderr()
            try:
                return self._serve(post, states.slot(slot)) if slot == _SERVER else self._store_files()
            except Exception as error:  # noqa: BLE001 # told to the supervisor
                _log.exception("a process of the staging mount ends")
                states.last_words = encode_error(error)
                return CANNOT_START

        return Crew(main, states, 2, anew=self._begin_anew), states

    def _begin_anew(self) -> None:
        for end in self._channel:
            end.close()
        self._channel = channel_pair()

    def _serve(self, post: Post, state: memoryview[int]) -> int:
        first, self._served[0] = not self._served[0], 1

        def begin() -> None:
            if post.clone:
                clone_into(post.session)
            elif post.again and not first:
                send_again(post.session)

        server, _storer = self._channel
        open_files = self._open_files
        mount = Mount(post.session, self._handlers, state, open_files, first=first, again=post.again, begin=begin)
        return run_server(self._store, server, mount)

    def _store_files(self) -> int:
        _server, storer = self._channel
        return run_storer(self._store, storer)


def serve_drafts(
    store: str | os.PathLike[str],
    mountpoint: str,
    options: MountOptions,
    on_ready: Callable[[MountInfo], None],
    *,
    verbose: bool,
) -> None:
    """Mount the drafts of a store and serve them until it is unmounted.

    Args:
        store: The store's directory.
        mountpoint: A directory that was found to be vacant.
        options: How to serve it.
        on_ready: Called when the mount answers.
        verbose: Copy the log to stderr.

    Raises:
        ConflictError: Another staging mount serves them.
        ArtfsError: The store cannot be opened or not be mounted.
    """
    layout = read_layout(Path(store))
    check_deaths(layout.index)
    service = Service(
        layout.root,
        mountpoint,
        Stage(layout.root, options),
        options,
        writable=True,
        verbose=verbose,
        outdated=IndexWatch(layout).replaced,
    )
    with _locked(layout):
        serve(service, on_ready)


@contextmanager
def _locked(layout: Layout) -> Iterator[None]:
    """Hold the drafts; those who held them and were killed may take a moment to be gone."""
    deadline = time.monotonic() + _DYING_SECONDS
    with ExitStack() as stack:
        while True:
            try:
                stack.enter_context(DraftsHome(layout.drafts).lock())
            except ConflictError:
                alive = any(mount.staging and mount.store == layout.root and mount.pid for mount in mounts())
                if alive or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
            else:
                break
        yield
