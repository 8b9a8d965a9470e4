"""The storer process: stores files of drafts and commits drafts, as the serving process asks."""

from __future__ import annotations

import gc
import logging
from collections import defaultdict, deque
from pathlib import Path

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
    Percent,
    Settle,
    Stop,
    Taken,
    Work,
)
from artfs.store import open_store
from artfs.vfs.draft.jobs import Stored
from artfs.vfs.draft.storer import DraftStorer, Progress, Report, SnapshotTaken

__all__ = ["run_storer"]

_log = logging.getLogger(__name__)


def run_storer(store: Path, channel: StorerEnd) -> int:
    """Be the storer until the other process is gone for good.

    Returns:
        The exit status.
    """
    syscalls.name_process("artfs-storer")
    gc.freeze()
    with open_store(store) as opened:
        storer = DraftStorer(opened)
        try:
            _Service(storer, channel).run()
        except EOFError:
            return 0
        finally:
            storer.close()
    return 0


class _Service:
    def __init__(self, storer: DraftStorer, channel: StorerEnd) -> None:
        self._storer = storer
        self._channel = channel
        self._waiting: deque[FromServer] = deque()

    def run(self) -> None:
        self._channel.send(Idle(begun=True))
        while True:
            message = self._waiting.popleft() if self._waiting else self._channel.receive()
            match message:
                case Work():
                    self._work(message)
                case Flush():
                    self._flush()
                case Commit():
                    self._commit(message)
                case Stop():
                    return
                case Ack():
                    continue
            self._say_idle([])

    def _say_idle(self, results: list[tuple[str, list[Stored]]]) -> None:
        self._channel.send(Idle(results, unflushed=self._storer.unflushed))

    def _work(self, work: Work) -> None:
        try:
            self._storer.store(Path(work.directory), work.jobs)
        except ArtfsError as error:
            _log.warning("storing in the background: %s", error)

    def _flush(self) -> None:
        try:
            results = self._storer.flush()
        except ArtfsError as error:
            _log.warning("storing in the background: %s", error)
            return
        by_draft: dict[str, list[Stored]] = defaultdict(list)
        for draft, result in results:
            by_draft[str(draft)].append(result)
        for directory, found in by_draft.items():
            for start in range(0, len(found), 1000):
                self._say_idle([(directory, found[start : start + 1000])])

    def _commit(self, commit: Commit) -> None:
        def report(told: Report) -> None:
            match told:
                case SnapshotTaken():
                    self._channel.send(Taken(commit.directory))
                case Progress():
                    self._channel.send(Percent(commit.directory, told.percent))
                case _:
                    self._channel.send(Settle(commit.directory, told))
                    self._wait_for_ack()

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

    def _wait_for_ack(self) -> None:
        """Wait until the portion was taken over; a server that was started anew meanwhile says something else."""
        message = self._channel.receive()
        if not isinstance(message, Ack):
            self._waiting.append(message)
