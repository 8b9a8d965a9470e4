"""The storer process: stores files of drafts and commits drafts, as the serving process asks."""

from __future__ import annotations

import gc
import logging
import os
import shutil
from collections import defaultdict
from pathlib import Path
from typing import Final

from artfs.catalog import note_deaths
from artfs.errors import ArtfsError
from artfs.fuse import syscalls
from artfs.fuse.staging.channel import StorerEnd
from artfs.fuse.staging.messages import (
    Ack,
    Commit,
    Committed,
    Failed,
    Flush,
    FromServer,
    Idle,
    Made,
    Percent,
    Remove,
    Settle,
    Stop,
    Taken,
    Work,
)
from artfs.store import open_store
from artfs.vfs.draft.jobs import Stored
from artfs.vfs.draft.storer import DraftStorer, Progress, Report, SnapshotTaken

__all__ = ["run_storer"]

_RESULTS_AT_A_TIME: Final = 100
"""Requests of the mount wait while these are taken over."""

_log = logging.getLogger(__name__)


def run_storer(store: Path, channel: StorerEnd) -> int:
    """Be the storer until the file system is unmounted.

    Returns:
        The exit status.
    """
    syscalls.name_process("artfs-storer")
    gc.freeze()
    note_deaths(store / "index")
    with open_store(store, suspect=True) as opened:
        storer = DraftStorer(opened)
        try:
            _Service(storer, channel).run()
        finally:
            storer.close()
    return 0


class _Service:
    def __init__(self, storer: DraftStorer, channel: StorerEnd) -> None:
        self._storer = storer
        self._channel = channel
        self._who = os.getpid()
        self._failed = False

    def run(self) -> None:
        """Do what the server says until it says to stop."""
        while True:
            self._channel.send(Idle(self._who, self._storer.unflushed, self._failed))
            self._failed = False
            message = self._next()
            if isinstance(message, Stop):
                return
            try:
                self._obey(message)
            except ArtfsError as error:
                _log.warning("storing in the background: %s", error)
                self._failed = True

    def _next(self) -> FromServer:
        """The next message that is meant for this process, and not for one that died."""
        while True:
            message = self._channel.receive()
            if message.to in (self._who, 0):
                return message

    def _obey(self, message: FromServer) -> None:
        match message:
            case Work():
                self._storer.store(Path(message.directory), message.jobs)
            case Flush():
                self._flush()
            case Commit():
                self._commit(message)
            case Remove():
                shutil.rmtree(message.directory, ignore_errors=True)  # what is left the next mount removes

    def _flush(self) -> None:
        by_draft: dict[str, list[Stored]] = defaultdict(list)
        for draft, result in self._storer.flush():
            by_draft[str(draft)].append(result)
        for directory, found in by_draft.items():
            for start in range(0, len(found), _RESULTS_AT_A_TIME):
                self._channel.send(Made(directory, found[start : start + _RESULTS_AT_A_TIME]))
                self._await_ack()
        self._storer.taken_over()

    def _await_ack(self) -> None:
        while not isinstance(self._next(), Ack):
            pass

    def _commit(self, commit: Commit) -> None:
        def report(told: Report) -> None:
            match told:
                case SnapshotTaken():
                    self._channel.send(Taken(commit.directory))
                case Progress():
                    self._channel.send(Percent(commit.directory, told.percent))
                case _:
                    self._channel.send(Settle(commit.directory, told))
                    self._await_ack()

        try:
            outcome = self._storer.commit(Path(commit.directory), commit.request, report)
        except ArtfsError as error:
            self._channel.send(Failed(commit.directory, type(error).__name__, str(error)))
        except Exception as error:  # noqa: BLE001 # one commit fails, not the process
            _log.exception("committing %s", commit.directory)
            self._channel.send(
                Failed(commit.directory, "ArtfsError", f"internal error: {error!r}: see the mount's log")
            )
        else:
            self._channel.send(
                Committed(commit.directory, commit.generation, outcome.ref, outcome.created, outcome.origin)
            )
