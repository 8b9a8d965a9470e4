"""The process that serves drafts: answers requests, one at a time, and keeps house between them."""

from __future__ import annotations

import gc
import logging
import os
import select
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import trio

from artfs.catalog import note_deaths
from artfs.fuse import syscalls
from artfs.fuse.loop import DONE, Done, run_session
from artfs.fuse.staging.channel import ServerEnd
from artfs.fuse.staging.commits import Commits
from artfs.fuse.staging.control import ControlFiles
from artfs.fuse.staging.drafts import Drafts
from artfs.fuse.staging.handlers import StagingHandlers
from artfs.fuse.staging.housekeeping import Housekeeping
from artfs.fuse.staging.messages import Stop
from artfs.fuse.staging.openfiles import OpenFiles
from artfs.fuse.staging.status import status_text
from artfs.fuse.staging.translation import StagingTranslation
from artfs.fuse.states import BUSY, FINISHING, READY
from artfs.lineage import RunsHome
from artfs.lineage.callers import Callers
from artfs.store import open_store
from artfs.store.layout import Layout
from artfs.vfs.draft.home import DraftsHome

__all__ = ["Mount", "run_server"]

_TASKS: Final = 8
_REQUESTS_BETWEEN: Final = 32
_SOON_NS: Final = 50_000
_VAIN: Final = 16

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Mount:
    """What the serving process finds.

    Attributes:
        session: Descriptor of the FUSE session.
        handlers: What that session calls.
        state: The process's slot of the shared memory.
        open_files: What is open for writing.
        first: No other process served this mount before.
        again: What that one did not answer comes again.
        begin: To be called before the first request is taken.
    """

    session: int
    handlers: StagingHandlers
    state: memoryview[int]
    open_files: OpenFiles
    first: bool
    again: bool
    begin: Callable[[], None]


def run_server(store: Path, channel: ServerEnd, mount: Mount) -> int:
    """Be the serving process until the file system is unmounted.

    Args:
        store: The store's directory.
        channel: To the storer.
        mount: What is to be served.

    Returns:
        The exit status.
    """
    syscalls.name_process("artfs-staging")
    gc.freeze()
    owner = os.geteuid(), os.getegid()
    note_deaths(store / "index")
    with open_store(store, suspect=True) as opened:
        home = DraftsHome(opened.layout.drafts)
        timed = not mount.handlers.enable_writeback_cache
        mount.open_files.recall(again=mount.again)
        drafts = Drafts(home, opened, mount.open_files, purge=mount.first, timed=timed)
        if not mount.again:
            drafts.caught_up()
        try:
            commits = Commits(time.monotonic)
            house = Housekeeping(drafts, commits, channel)
            control = ControlFiles(
                drafts, commits, lambda draft: status_text(draft, opened), owner, _run_of(opened.layout)
            )
            mount.handlers.serve(StagingTranslation(drafts, commits, control, owner), drafts.ballast)
            mount.begin()
            mount.state[READY] = 1
            _Loop(mount, drafts, commits, house, channel.fileno()).run()
            mount.state[FINISHING] = 1
            house.finish()
            channel.send(Stop(0))
        finally:
            drafts.close()
    return 0


def _run_of(layout: Layout) -> Callable[[int], str | None]:
    """What tells the run of a thread: of none, where the store lets nothing be noted."""
    try:
        return Callers(RunsHome(layout.runs)).run_of
    except OSError as error:
        _log.warning("commits are of no run: %s", error)
        return lambda _thread: None


class _Loop:
    """Answers requests until there will be no more, and keeps house between them.

    When a request is there it is received by a read that waits. (Should its client have died since, the read waits for
    the next one, and so does all else: it is rare, and nothing is lost.)
    """

    def __init__(self, mount: Mount, drafts: Drafts, commits: Commits, house: Housekeeping, channel: int) -> None:
        self._session = mount.session
        self._state = mount.state
        self._drafts = drafts
        self._commits = commits
        self._house = house
        self._requests = -1
        self._vain = 0
        poll = select.poll()
        poll.register(mount.session, select.POLLIN)
        poll.register(channel, select.POLLIN)
        self._poll = poll.poll

    def run(self) -> None:
        run_session(self._wait_readable, _TASKS)

    def _wait_readable(self, _descriptor: int) -> Done | Awaitable[None]:
        """Wait for a request; what is mostly the case takes no task switch and no coroutine."""
        house, commits = self._house, self._commits
        self._requests += 1
        self._state[BUSY] = bool(commits.asking)
        self._drafts.answered()
        if self._drafts.catching_up and not self._poll(0):
            self._drafts.caught_up()
        if self._requests % _REQUESTS_BETWEEN == 0 or (commits.ready and house.storer_waits):
            house.do(idle=False)
        if commits.owed:
            return self._wait([])
        events = self._poll_soon() or self._poll(house.timeout_ms)
        for descriptor, event in events:
            if descriptor == self._session and event == select.POLLIN:
                if len(events) > 1:  # the storer has said something, and may wait for an answer
                    house.do(idle=False)
                self._state[BUSY] = 1
                return DONE
        house.do(idle=not events)
        return self._wait(events)

    def _poll_soon(self) -> list[tuple[int, int]]:
        """Look for what comes soon: a single client's next request does, and to sleep and be woken takes longer.

        Where that was in vain, since nobody asks or others need the processor, it is not tried again for a while.
        """
        if self._vain:
            self._vain -= 1
            return []
        poll, clock = self._poll, time.monotonic_ns
        end = clock() + _SOON_NS
        while not (events := poll(0)):
            if clock() > end:
                self._vain = _VAIN
                break
        return events

    async def _wait(self, events: list[tuple[int, int]]) -> None:
        while True:
            await self._answer()
            for descriptor, event in events:
                if descriptor == self._session:
                    if event != select.POLLIN:  # unmounted
                        self._commits.abandon()
                        await self._answer()
                    self._state[BUSY] = 1
                    return
            events = self._poll(self._house.timeout_ms)
            self._house.do(idle=not events)

    async def _answer(self) -> None:
        """Let the tasks run that answer those who asked for a commit."""
        while self._commits.owed:
            await trio.lowlevel.checkpoint()
