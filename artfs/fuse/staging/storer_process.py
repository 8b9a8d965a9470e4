"""Storer process: stores files of drafts and commits drafts, as the server orders."""

from __future__ import annotations

import gc
import logging
import os
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Final

from artfs.drafts.storer import CommitProgress, DraftStorer, Report, SnapshotOpened
from artfs.drafts.storer_protocol import StoreResult
from artfs.errors import ArtfsError, MergeConflictError
from artfs.files.store_files import remove_tree
from artfs.fuse.device import syscalls
from artfs.fuse.staging.channel import (
    Ack,
    ApplyDelta,
    Commit,
    CommitPercent,
    Committed,
    Failed,
    FilesStored,
    Flush,
    FromServer,
    Idle,
    Remove,
    SnapshotTaken,
    Stop,
    StoreFiles,
    StorerEnd,
)
from artfs.fuse.staging.conflicts_file import write_conflicts
from artfs.kv import crash_marker
from artfs.store import Store, open_store

__all__ = ["run_storer"]

_RESULTS_PER_MESSAGE: Final = 100
"""Requests of the mount wait while the server applies these."""

_log = logging.getLogger(__name__)


def run_storer(store: Path, channel: StorerEnd) -> int:
    """Run the storer until the file system is unmounted; return the exit status."""
    syscalls.name_process("artfs-storer")
    gc.freeze()
    crash_marker.install(store / "index")
    with open_store(store, suspect=True) as opened:
        storer = DraftStorer(opened)
        try:
            _StorerLoop(opened, storer, channel).run()
        finally:
            storer.close()
    return 0


class _StorerLoop:
    """Carries out orders one after another; a commit that comes meanwhile is made beside, on a thread of its own.

    So no draft waits for the commit or the files of another one. A thread receives all messages.
    """

    def __init__(self, store: Store, storer: DraftStorer, channel: StorerEnd) -> None:
        self._store = store
        self._storer = storer
        self._channel = channel
        self._pid = os.getpid()
        self._failed = False
        self._idle = False
        self._orders: SimpleQueue[FromServer | EOFError] = SimpleQueue()
        self._acks: defaultdict[str, SimpleQueue[Ack]] = defaultdict(SimpleQueue)

    def run(self) -> None:
        """Carry out the server's orders until `Stop`."""
        Thread(target=self._receive_all, name="artfs-storer-receiver", daemon=True).start()
        while True:
            self._idle = True
            self._channel.send(Idle(self._pid, self._storer.unflushed, self._failed))
            self._failed = False
            message = self._orders.get()
            self._idle = False
            if isinstance(message, EOFError):
                raise message
            if isinstance(message, Stop):
                return
            try:
                self._carry_out(message)
            except ArtfsError as error:
                _log.warning("storing in the background: %s", error)
                self._failed = True

    def _receive_all(self) -> None:
        """Receive all messages, and pass them on to whichever thread they are for."""
        try:
            while True:
                message = self._receive()
                if isinstance(message, Ack):
                    self._acks[message.directory].put(message)
                elif isinstance(message, Commit) and not (self._idle and self._orders.empty()):
                    Thread(target=self._commit_beside, args=(message,), name="artfs-commit", daemon=True).start()
                else:
                    self._idle = False
                    self._orders.put(message)
                if isinstance(message, Stop):
                    return
        except EOFError as error:
            self._orders.put(error)

    def _commit_beside(self, commit: Commit) -> None:
        storer = DraftStorer(self._store)
        try:
            self._commit(storer, commit)
        finally:
            storer.close()

    def _receive(self) -> FromServer:
        """Receive the next message that is addressed to this process, and not to a dead one."""
        while True:
            message = self._channel.receive()
            if message.to in (self._pid, 0):
                return message

    def _carry_out(self, order: FromServer) -> None:
        match order:
            case StoreFiles():
                self._storer.store(Path(order.directory), order.jobs)
            case Flush():
                self._flush()
            case Commit():
                self._commit(self._storer, order)
            case Remove():
                remove_tree(Path(order.directory))  # the next mount removes what is left

    def _flush(self) -> None:
        by_draft: dict[str, list[StoreResult]] = defaultdict(list)
        for draft, result in self._storer.flush():
            by_draft[str(draft)].append(result)
        for directory, results in by_draft.items():
            for start in range(0, len(results), _RESULTS_PER_MESSAGE):
                self._channel.send(FilesStored(directory, results[start : start + _RESULTS_PER_MESSAGE]))
                self._acks[directory].get()
        self._storer.end_session()

    def _commit(self, storer: DraftStorer, commit: Commit) -> None:
        directory = commit.directory

        def send_report(report: Report) -> None:
            match report:
                case SnapshotOpened():
                    self._channel.send(SnapshotTaken(directory))
                case CommitProgress():
                    self._channel.send(CommitPercent(directory, report.percent))
                case _:
                    self._channel.send(ApplyDelta(directory, report))
                    self._acks[directory].get()

        try:
            _record_conflicts(directory, {})
            outcome = storer.commit(Path(directory), commit.request, send_report)
        except ArtfsError as error:
            if isinstance(error, MergeConflictError):
                _record_conflicts(directory, error.conflicts)
            self._channel.send(Failed(directory, type(error).__name__, str(error)))
        except Exception as error:  # noqa: BLE001 # one commit fails, not the process
            _log.exception("committing %s", directory)
            self._channel.send(Failed(directory, "ArtfsError", f"internal error: {error!r}: see the mount's log"))
        else:
            self._channel.send(
                Committed(
                    directory,
                    commit.generation,
                    outcome.ref,
                    outcome.created,
                    outcome.origin,
                    outcome.note,
                    outcome.merged,
                    list(outcome.runs),
                )
            )


def _record_conflicts(directory: str, conflicts: Mapping[str, tuple[str, str]]) -> None:
    """Show all conflicts of a merge in the control directory; the message of its failure names the first."""
    try:
        write_conflicts(Path(directory), conflicts)
    except OSError as error:
        _log.warning("the conflicts of %s cannot be written: %s", directory, error)
