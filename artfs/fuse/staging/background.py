"""Work of the server between requests: messages and orders of the storer, commits, redo logs."""

from __future__ import annotations

import contextlib
import logging
import time
from typing import Final

from artfs.drafts.storer_protocol import StoreJob
from artfs.errors import ArtfsError
from artfs.fuse.staging.channel import (
    Ack,
    ApplyDelta,
    CommitPercent,
    Committed,
    Failed,
    FilesStored,
    Flush,
    FromServer,
    FromStorer,
    Idle,
    Remove,
    ServerEnd,
    SnapshotTaken,
    StoreFiles,
)
from artfs.fuse.staging.commit_queue import CommitQueue
from artfs.fuse.staging.served_drafts import ServedDraft, ServedDrafts

__all__ = ["BackgroundWork"]

_IDLE_MS: Final = 1000
_SOON_MS: Final = 100
_FLUSH_BYTES: Final = 256 << 20
_PAUSE_SECONDS: Final = 10.0
_MAX_COMMITS: Final = 4
"""So many at a time are made by a storer that is at something else."""
_FILES: Final = 64
"""Jobs of so many files fit into one message at their longest."""

_log = logging.getLogger(__name__)


class BackgroundWork:
    """Runs what is due; never waits for the storer, which gets an order only while it waits for one.

    Args:
        drafts: The drafts that are served.
        commits: Their commits.
        storer: Channel to the storer.

    Attributes:
        timeout_ms: Time until more is due, without requests.
        storer_waits: The storer waits for an order.
    """

    def __init__(self, drafts: ServedDrafts, commits: CommitQueue, storer: ServerEnd) -> None:
        self._drafts = drafts
        self._commits = commits
        self._storer = storer
        self._storer_pid = 0
        self.storer_waits = False
        self._unflushed = 0
        self._store_after = 0.0
        self.timeout_ms = _IDLE_MS

    def run_due(self, *, idle: bool, store_missing: bool = False) -> None:
        """Do all that is due now.

        Args:
            idle: No request has come for a while.
            store_missing: Nothing is to be stored or tidied up: another store may be at the path of this one.
        """
        while (message := self._storer.poll()) is not None:
            try:
                self._handle(message)
            except (OSError, ArtfsError) as error:  # the draft is as it was; its files keep their bytes
                _log.warning("applying what was stored: %s", error)
        wait = self._commits.tick()
        self.timeout_ms = _IDLE_MS if wait is None else max(1, min(_IDLE_MS, round(wait * 1000)))
        if store_missing:
            return
        if self.storer_waits:
            self._send_order(idle=idle)
        elif self.takes_commit and self._commits.ready:
            self._storer.send(self._commits.next_order(self._storer_pid))
        if self._unflushed:
            self.timeout_ms = min(self.timeout_ms, _SOON_MS)
        if idle:
            self._drafts.ballast.allocate()
        for served in self._drafts.opened():
            if not served.checkpoint_blocked and self._clean_up(served, idle=idle):
                self.timeout_ms = 0

    @property
    def takes_commit(self) -> bool:
        """True if the storer can be ordered to make a commit, also beside what it is at."""
        return self.storer_waits or (self._storer_pid != 0 and self._commits.ordered < _MAX_COMMITS)

    @staticmethod
    def _clean_up(served: ServedDraft, *, idle: bool) -> bool:
        """Keep redo log and rows short; True if there is more to do, unless a request comes first."""
        # When it fails the log grows on, and the next change that the disk refuses fails with the reason.
        with contextlib.suppress(OSError, ArtfsError):
            if idle and served.draft.sweep():
                served.draft.checkpoint_if_due()
                return True
            if idle:
                served.draft.checkpoint()
            else:
                served.draft.checkpoint_if_due()
        return False

    def _send_order(self, *, idle: bool) -> None:
        if self._commits.ready:
            self._send(self._commits.next_order(self._storer_pid))
        elif self._drafts.removed:
            self._send(Remove(self._storer_pid, str(self._drafts.removed.pop())))
        elif self._unflushed and (idle or self._unflushed >= _FLUSH_BYTES):
            self._send(Flush(self._storer_pid))
        elif time.monotonic() >= self._store_after:
            for served in self._drafts.opened():
                jobs = self._next_jobs(served)
                if jobs:
                    self._send(StoreFiles(self._storer_pid, str(served.location.path), jobs))
                    return

    @staticmethod
    def _next_jobs(served: ServedDraft) -> list[StoreJob]:
        try:
            return served.draft.writeback.next_jobs(_FILES) if served.draft.writeback.is_due() else []
        except (OSError, ArtfsError) as error:  # its commit will store them, or say why it cannot
            _log.warning("finding the files of %s to store: %s", served.location.name, error)
            return []

    def _send(self, message: FromServer) -> None:
        self.storer_waits = False
        self._storer.send(message)

    def _handle(self, message: FromStorer) -> None:
        if isinstance(message, Idle):
            self._handle_idle(message)
            return
        served = self._drafts.by_directory(message.directory)
        match message:
            case ApplyDelta():
                try:
                    if served is not None:
                        served.draft.apply_delta(message.delta)
                except BaseException:
                    self._commits.delta_failed(message.directory)
                    raise
                finally:
                    self._storer.send(Ack(self._storer_pid, message.directory))
            case FilesStored():
                try:
                    if served is not None:
                        served.draft.writeback.apply_results(message.files)
                finally:
                    self._storer.send(Ack(self._storer_pid, message.directory))
            case SnapshotTaken() if served is not None:
                served.checkpoint_blocked = False
                self._commits.snapshot_taken(message.directory)
            case CommitPercent():
                self._commits.set_percent(message.directory, message.percent)
            case Committed() if served is not None:
                served.checkpoint_blocked = False
                self._commits.committed(served, message)
            case Failed() if served is not None:
                served.checkpoint_blocked = False
                self._commits.failed(message)

    def _handle_idle(self, message: Idle) -> None:
        self.storer_waits = True
        self._unflushed = message.unflushed
        if message.pid != self._storer_pid:  # a storer that has just started knows of no earlier order
            self._storer_pid = message.pid
            self._commits.storer_died()
            for served in self._drafts.opened():
                served.checkpoint_blocked = self._commits.is_ready(served)
        if message.failed:
            self._store_after = time.monotonic() + _PAUSE_SECONDS

    def finish(self) -> None:
        """Wait for the frozen commits after the unmount, when no request comes any more."""
        self._commits.cancel_waiting()
        logged = ""
        while doing := self._commits.unfinished:
            if doing != logged:
                _log.info("unmounted, waiting for the %s", doing)  # which `artfs umount` shows
                logged = doing
            self._storer.wait(_SOON_MS)
            self.run_due(idle=False)
