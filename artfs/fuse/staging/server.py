"""The process that serves drafts: requests first, and between them what the storer says and what is due."""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import select
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import trio

from artfs.fuse import syscalls
from artfs.fuse.loop import run_session
from artfs.fuse.staging.channel import ServerEnd
from artfs.fuse.staging.commits import Commits
from artfs.fuse.staging.control import ControlFiles
from artfs.fuse.staging.drafts import Drafts
from artfs.fuse.staging.handlers import StagingHandlers
from artfs.fuse.staging.messages import (
    Ack,
    Committed,
    Failed,
    Flush,
    FromStorer,
    Idle,
    Percent,
    Settle,
    Stop,
    Taken,
    Work,
)
from artfs.fuse.staging.status import status_text
from artfs.fuse.staging.translation import StagingTranslation
from artfs.fuse.states import FINISHED, READY
from artfs.store import open_store
from artfs.vfs.draft.home import DraftsHome

__all__ = ["Housekeeping", "run_server"]

_TASKS: Final = 8
_REQUESTS_BETWEEN: Final = 32
_IDLE_MS: Final = 1000
_SOON_MS: Final = 100
_FLUSH_BYTES: Final = 256 << 20

_log = logging.getLogger(__name__)


class Housekeeping:
    """What the serving process does between requests.

    Args:
        drafts: The drafts that it serves.
        commits: Their commits.
        storer: The other process.

    Attributes:
        timeout_ms: When there is something to do again, requests or not.
    """

    def __init__(self, drafts: Drafts, commits: Commits, storer: ServerEnd) -> None:
        self._drafts = drafts
        self._commits = commits
        self._storer = storer
        self._storer_waits = False
        self._unflushed = 0
        self.timeout_ms = _IDLE_MS
        storer.send(Flush())  # it may have been at something for a server that is gone: this gets an answer

    def do(self, *, idle: bool) -> None:
        """Hear the storer, give it work, keep logs short.

        Args:
            idle: No request came for a while.
        """
        while (message := self._storer.poll()) is not None:
            self._heed(message)
        wait = self._commits.tick()
        self.timeout_ms = _IDLE_MS if wait is None else max(1, min(_IDLE_MS, round(wait * 1000)))
        if self._storer_waits:
            self._give_work(idle=idle)
        if self._unflushed:
            self.timeout_ms = min(self.timeout_ms, _SOON_MS)
        for opened in self._drafts.opened():
            if opened.held:
                continue
            with contextlib.suppress(OSError):  # the log goes on growing, and the next change tells whoever makes it
                if idle:
                    opened.draft.sweep()
                    opened.draft.checkpoint()
                else:
                    opened.draft.checkpoint_if_due()

    def _give_work(self, *, idle: bool) -> None:
        if self._commits.ready:
            self._send(self._commits.command(self._commits.ready.popleft()))
            return
        for opened in self._drafts.opened():
            if opened.draft.has_backlog() and self._unflushed < _FLUSH_BYTES:
                jobs = opened.draft.jobs()
                if jobs:
                    self._send(Work(str(opened.place.path), jobs))
                    return
        if self._unflushed and (idle or self._unflushed >= _FLUSH_BYTES):
            self._send(Flush())

    def _send(self, message: object) -> None:
        self._storer_waits = False
        self._storer.send(message)  # type: ignore[arg-type] # one of FromServer

    def _heed(self, message: FromStorer) -> None:
        if isinstance(message, Idle):
            self._heed_idle(message)
            return
        opened = self._drafts.by_directory(message.directory)
        if opened is None:
            if isinstance(message, Settle):
                self._storer.send(Ack())
            return
        match message:
            case Taken():
                opened.held = False
            case Percent():
                self._commits.percent(message.directory, message.percent)
            case Settle():
                try:
                    opened.draft.settle(message.portion)
                finally:
                    self._storer.send(Ack())
            case Committed():
                opened.held = False
                self._commits.committed(opened, message)
            case Failed():
                opened.held = False
                self._commits.failed(opened, message)

    def _heed_idle(self, message: Idle) -> None:
        self._storer_waits = True
        self._unflushed = message.unflushed
        if message.begun:
            for held in self._drafts.opened():
                held.held = False
            self._commits.lost()
        for directory, results in message.results:
            opened = self._drafts.by_directory(directory)
            if opened is not None:
                with contextlib.suppress(OSError):  # the bytes stay where they are
                    opened.draft.stored(results)


def run_server(
    store: Path,
    channel: ServerEnd,
    session: int,
    handlers: StagingHandlers,
    state: memoryview[int],
    *,
    first: bool,
    prepare: Callable[[], None],
) -> int:
    """Be the serving process until the file system is unmounted.

    Args:
        store: The store's directory.
        channel: To the storer.
        session: Descriptor of the FUSE session.
        handlers: What that session calls.
        state: This process's slot of the shared memory.
        first: No other process served this mount before.
        prepare: Called before the first request is taken.

    Returns:
        The exit status.
    """
    syscalls.name_process("artfs-staging")
    gc.freeze()
    owner = os.geteuid(), os.getegid()
    with open_store(store) as opened:
        drafts = Drafts(DraftsHome(opened.layout.drafts), opened, owner, purge=first)
        commits = Commits(time.monotonic)
        control = ControlFiles(drafts, commits, lambda draft: status_text(draft, opened), owner)
        handlers.serve(StagingTranslation(drafts, commits, control, owner))
        prepare()
        state[READY] = 1
        try:
            _serve(session, state, commits, Housekeeping(drafts, commits, channel), channel.fileno())
            channel.send(Stop())
        finally:
            drafts.close()
    return 0


def _serve(session: int, state: memoryview[int], commits: Commits, house: Housekeeping, channel: int) -> None:
    poll = select.poll()
    poll.register(session, select.POLLIN)
    poll.register(channel, select.POLLIN)
    pending = poll.poll
    requests = -1

    async def wait_readable(_descriptor: int) -> None:
        nonlocal requests
        requests += 1
        state[FINISHED] = requests
        if requests % _REQUESTS_BETWEEN == 0 or commits.ready:
            house.do(idle=False)
        while True:
            while commits.owed:
                await trio.lowlevel.checkpoint()  # who asked for a commit is answered by a task of its own
            events = pending(house.timeout_ms)
            if len(events) > 1 or (events and events[0][0] == session):
                return
            house.do(idle=not events)

    run_session(wait_readable, _TASKS)
