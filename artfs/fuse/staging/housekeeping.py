"""What the serving process does between requests: hears the storer, gives it work, keeps logs short."""

from __future__ import annotations

import contextlib
import logging
import time
from typing import Final

from artfs.errors import ArtfsError
from artfs.fuse.staging.channel import ServerEnd
from artfs.fuse.staging.commits import Commits
from artfs.fuse.staging.drafts import Drafts, OpenDraft
from artfs.fuse.staging.messages import (
    Ack,
    Committed,
    Failed,
    Flush,
    FromServer,
    FromStorer,
    Idle,
    Made,
    Percent,
    Remove,
    Settle,
    Taken,
    Work,
)
from artfs.vfs.draft.jobs import Job

__all__ = ["Housekeeping"]

_IDLE_MS: Final = 1000
_SOON_MS: Final = 100
_FLUSH_BYTES: Final = 256 << 20
_PAUSE_SECONDS: Final = 10.0
_FILES: Final = 64
"""Of jobs of so many the longest message is one that a socket takes."""

_log = logging.getLogger(__name__)


class Housekeeping:
    """Never waits for the storer: that is sent something only while it waits itself.

    Args:
        drafts: The drafts that are served.
        commits: Their commits.
        storer: The other process.

    Attributes:
        timeout_ms: When there is something to do again, requests or not.
        storer_waits: The storer waits for something to do.
    """

    def __init__(self, drafts: Drafts, commits: Commits, storer: ServerEnd) -> None:
        self._drafts = drafts
        self._commits = commits
        self._storer = storer
        self._who = 0
        self.storer_waits = False
        self._unflushed = 0
        self._not_before = 0.0
        self.timeout_ms = _IDLE_MS

    def do(self, *, idle: bool) -> None:
        """Do what is due.

        Args:
            idle: No request came for a while.
        """
        while (message := self._storer.poll()) is not None:
            try:
                self._heed(message)
            except (OSError, ArtfsError) as error:  # the draft is as it was; its files keep their bytes
                _log.warning("taking over what was stored: %s", error)
        wait = self._commits.tick()
        self.timeout_ms = _IDLE_MS if wait is None else max(1, min(_IDLE_MS, round(wait * 1000)))
        if self.storer_waits:
            self._give_work(idle=idle)
        if self._unflushed:
            self.timeout_ms = min(self.timeout_ms, _SOON_MS)
        if idle:
            self._drafts.ballast.take()
        for opened in self._drafts.opened():
            if not opened.held and self._shorten(opened, idle=idle):
                self.timeout_ms = 0

    @staticmethod
    def _shorten(opened: OpenDraft, *, idle: bool) -> bool:
        """Keep log and rows short; tells whether to go on with that, unless a request comes first."""
        # The log goes on growing if not, and the next change tells whoever makes it.
        with contextlib.suppress(OSError, ArtfsError):
            if idle and opened.draft.sweep():
                opened.draft.checkpoint_if_due()
                return True
            if idle:
                opened.draft.checkpoint()
            else:
                opened.draft.checkpoint_if_due()
        return False

    def _give_work(self, *, idle: bool) -> None:
        if self._commits.ready:
            self._send(self._commits.command(self._commits.ready.popleft(), self._who))
        elif self._drafts.removed:
            self._send(Remove(self._who, str(self._drafts.removed.pop())))
        elif self._unflushed and (idle or self._unflushed >= _FLUSH_BYTES):
            self._send(Flush(self._who))
        elif time.monotonic() >= self._not_before:
            for opened in self._drafts.opened():
                jobs = self._jobs_of(opened)
                if jobs:
                    self._send(Work(self._who, str(opened.place.path), jobs))
                    return

    @staticmethod
    def _jobs_of(opened: OpenDraft) -> list[Job]:
        try:
            return opened.draft.jobs(_FILES) if opened.draft.has_backlog() else []
        except (OSError, ArtfsError) as error:  # its commit will store them, or say why it cannot
            _log.warning("what is to be stored of %s: %s", opened.place.name, error)
            return []

    def _send(self, message: FromServer) -> None:
        self.storer_waits = False
        self._storer.send(message)

    def _heed(self, message: FromStorer) -> None:
        if isinstance(message, Idle):
            self._heed_idle(message)
            return
        opened = self._drafts.by_directory(message.directory)
        match message:
            case Settle():
                try:
                    if opened is not None:
                        opened.draft.settle(message.portion)
                except BaseException:
                    self._commits.unsettled(message.directory)
                    raise
                finally:
                    self._storer.send(Ack(self._who))
            case Made():
                try:
                    if opened is not None:
                        opened.draft.stored(message.files)
                finally:
                    self._storer.send(Ack(self._who))
            case Taken() if opened is not None:
                opened.held = False
                self._commits.begun(message.directory)
            case Percent():
                self._commits.percent(message.directory, message.percent)
            case Committed() if opened is not None:
                opened.held = False
                self._commits.committed(opened, message)
            case Failed() if opened is not None:
                opened.held = False
                self._commits.failed(message)

    def _heed_idle(self, message: Idle) -> None:
        self.storer_waits = True
        self._unflushed = message.unflushed
        if message.who != self._who:  # it has only begun to run: whatever it was told before is forgotten
            self._who = message.who
            self._commits.lost()
            for opened in self._drafts.opened():
                opened.held = self._commits.is_ready(opened)
        if message.failed:
            self._not_before = time.monotonic() + _PAUSE_SECONDS

    def finish(self) -> None:
        """Once nothing is asked any more: see the commits through that were frozen."""
        self._commits.abandon()
        while self._commits.unfinished:
            self._storer.wait(_SOON_MS)
            self.do(idle=False)
