"""Server process: answers requests of a staging mount one at a time, with background work in between."""

from __future__ import annotations

import gc
import logging
import os
import select
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import trio

from artfs.drafts.registry import DraftRegistry
from artfs.fuse.device import syscalls
from artfs.fuse.device.device import clone_into, resend
from artfs.fuse.prefork.mount_kind import WorkerContext
from artfs.fuse.prefork.scoreboard import BUSY, FINISHING, READY, STORE_MISSING
from artfs.fuse.pyfuse3_loop import DONE, ImmediateAwaitable, run_session
from artfs.fuse.staging.background import BackgroundWork
from artfs.fuse.staging.channel import ServerEnd, Stop
from artfs.fuse.staging.commit_queue import CommitQueue
from artfs.fuse.staging.control import ControlFiles
from artfs.fuse.staging.recovery.replies import ControlReplies
from artfs.fuse.staging.recovery.server_recovery import ServerRecovery
from artfs.fuse.staging.recovery.writer_handles import WriterHandles
from artfs.fuse.staging.served_drafts import ServedDrafts
from artfs.fuse.staging.staging_operations import StagingHandlers, StagingOperations
from artfs.fuse.staging.writing_runs import WritingRuns
from artfs.kv import crash_marker
from artfs.lineage import RunDirectories
from artfs.lineage.run_resolver import RunResolver
from artfs.store import open_store
from artfs.store.layout import Layout

__all__ = ["run_server"]

_TASKS: Final = 8
_REQUESTS_BETWEEN: Final = 32
"""Background work is done after so many requests at the latest."""
_SPIN_NS: Final = 50_000
_SPIN_PAUSE: Final = 16

_log = logging.getLogger(__name__)


def run_server(
    store: Path,
    channel: ServerEnd,
    context: WorkerContext,
    handlers: StagingHandlers,
    slot: memoryview[int],
    writers: WriterHandles,
    replies: ControlReplies,
) -> int:
    """Run the server until the file system is unmounted; return the exit status.

    Args:
        store: The store's directory.
        channel: Channel to the storer.
        context: The mount's FUSE session.
        handlers: Handlers that this session calls.
        slot: This process's slot of the scoreboard.
        writers: Files open for writing, in memory that survives this process.
        replies: Replies to the last requests, in such memory.
    """
    recovery = ServerRecovery(writers, resent=context.resend)
    syscalls.name_process("artfs-staging")
    gc.freeze()
    owner = os.geteuid(), os.getegid()
    crash_marker.install(store / "index")
    with open_store(store, suspect=True) as opened:
        registry = DraftRegistry(opened.layout.drafts)
        drafts = ServedDrafts(registry, opened, recovery, timed=not handlers.enable_writeback_cache)
        try:
            commits = CommitQueue(time.monotonic)
            background = BackgroundWork(drafts, commits, channel)
            run_of = _run_finder(opened.layout)
            control = ControlFiles(drafts, commits, opened, owner, run_of, replies)
            operations = StagingOperations(drafts, commits, control, owner, WritingRuns(run_of))
            handlers.serve(operations, commits, drafts.ballast, slot)
            if context.clone:
                clone_into(context.session)
            elif recovery.replaying:
                resend(context.session)
            slot[READY] = 1
            _ServerLoop(context.session, slot, recovery, commits, background, channel.fileno()).run()
            slot[FINISHING] = 1
            if not slot[STORE_MISSING]:
                background.finish()
            channel.send(Stop(0))
        finally:
            drafts.close()
    return 0


def _run_finder(layout: Layout) -> Callable[[int], str | None]:
    """Make the function that finds the run of a thread; none, if the store cannot record runs."""
    try:
        return RunResolver(RunDirectories(layout.runs)).run_of
    except OSError as error:
        _log.warning("what is written and committed belongs to no run: %s", error)
        return lambda _thread: None


class _ServerLoop:
    """Loop over requests, with background work in between.

    A request is received by a blocking read once the device is readable. (If its client dies in between, the read
    waits for the next request, and so does all else: this is rare, and nothing is lost.)
    """

    def __init__(
        self,
        session: int,
        slot: memoryview[int],
        recovery: ServerRecovery,
        commits: CommitQueue,
        background: BackgroundWork,
        channel: int,
    ) -> None:
        self._session = session
        self._slot = slot
        self._recovery = recovery
        self._commits = commits
        self._background = background
        self._requests = -1  # the first wait comes before the first request
        self._spin_pause = 0
        poll = select.poll()
        poll.register(session, select.POLLIN)
        poll.register(channel, select.POLLIN)
        self._poll = poll.poll

    def run(self) -> None:
        run_session(self._wait_readable, _TASKS)

    def _wait_readable(self, _descriptor: int) -> ImmediateAwaitable | Awaitable[None]:
        """Wait for a request; the usual case takes no task switch and no coroutine."""
        background, commits = self._background, self._commits
        self._requests += 1
        self._slot[BUSY] = bool(commits.waiting)
        self._recovery.request_answered(self._poll)
        if self._requests % _REQUESTS_BETWEEN == 0 or (commits.ready and background.takes_commit):
            self._run_background(idle=False)
        if commits.replies_due:
            return self._wait([])
        events = self._spin() or self._poll(background.timeout_ms)
        for descriptor, event in events:
            if descriptor == self._session and event == select.POLLIN:
                if len(events) > 1:  # the storer has sent a message, and may wait for the answer
                    self._run_background(idle=False)
                self._slot[BUSY] = 1
                return DONE
        self._run_background(idle=not events)
        return self._wait(events)

    def _run_background(self, *, idle: bool) -> None:
        self._background.run_due(idle=idle, store_missing=bool(self._slot[STORE_MISSING]))

    def _spin(self) -> list[tuple[int, int]]:
        """Poll without sleeping, since the next request of a single client comes sooner than a process wakes.

        After a spin in vain, since no client is active or others need the processor, some requests go without.
        """
        if self._spin_pause:
            self._spin_pause -= 1
            return []
        poll, clock = self._poll, time.monotonic_ns
        end = clock() + _SPIN_NS
        while not (events := poll(0)):
            if clock() > end:
                self._spin_pause = _SPIN_PAUSE
                break
        return events

    async def _wait(self, events: list[tuple[int, int]]) -> None:
        while True:
            await self._send_replies()
            for descriptor, event in events:
                if descriptor == self._session:
                    if event != select.POLLIN:  # unmounted
                        self._commits.cancel_waiting()
                        await self._send_replies()
                    self._slot[BUSY] = 1
                    return
            events = self._poll(self._background.timeout_ms)
            self._run_background(idle=not events)

    async def _send_replies(self) -> None:
        """Run the tasks whose commit requests can be answered now."""
        while self._commits.replies_due:
            await trio.lowlevel.checkpoint()
