"""Messages of the storer as the server handles them, and a disk that refuses."""

from __future__ import annotations

import errno
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from artfs.drafts.control.commit_request import CommitRequest
from artfs.drafts.control.stage_request import StageRequest
from artfs.drafts.db.schema import BASE
from artfs.drafts.db.schema import CommittedDirectory as CommittedRow
from artfs.drafts.draft import Draft
from artfs.drafts.registry import DraftRegistry
from artfs.drafts.storer_protocol import CommitDelta
from artfs.errors import IntegrityError
from artfs.fuse.staging.background import BackgroundWork
from artfs.fuse.staging.channel import (
    ApplyDelta,
    Commit,
    Committed,
    FromServer,
    FromStorer,
    Idle,
    ServerEnd,
    SnapshotTaken,
)
from artfs.fuse.staging.commit_queue import CommitQueue
from artfs.fuse.staging.recovery.server_recovery import ServerRecovery
from artfs.fuse.staging.recovery.writer_handles import WriterHandles
from artfs.fuse.staging.served_drafts import ServedDrafts
from artfs.store import Store, open_store


class Storer:
    """The other end, as far as the server knows."""

    def __init__(self) -> None:
        self.says: list[FromStorer] = []
        self.hears: list[FromServer] = []

    def poll(self) -> FromStorer | None:
        return self.says.pop(0) if self.says else None

    def send(self, message: FromServer) -> None:
        self.hears.append(message)


class Served:
    """A serving process without a mount: one draft, with one file in it."""

    def __init__(self, drafts: ServedDrafts) -> None:
        self.storer = Storer()
        self.commits = CommitQueue(time.monotonic)
        self.background = BackgroundWork(drafts, self.commits, cast(ServerEnd, self.storer))
        self.opened, _base = drafts.stage(StageRequest("animals", empty=True), (0, 0))
        self.draft.make(BASE, b"before", stat.S_IFREG | 0o644, 0, 0)

    @property
    def draft(self) -> Draft:
        return self.opened.draft

    @property
    def directory(self) -> str:
        return str(self.opened.location.path)

    def hear(self, *messages: FromStorer) -> None:
        self.storer.says += messages
        self.background.run_due(idle=True)

    def last(self) -> str:
        return self.commits.status_line(self.opened)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "store", create=True) as opened:
        yield opened


@pytest.fixture
def served(store: Store) -> Iterator[Served]:
    registry = DraftRegistry(store.layout.drafts)
    with registry.lock(), WriterHandles() as writers:
        drafts = ServedDrafts(registry, store, ServerRecovery(writers, resent=False), timed=False)
        yield Served(drafts)
        drafts.close()


def test_no_checkpoint_is_made_until_the_storer_has_the_snapshot(served: Served) -> None:
    served.commits.add(served.opened, CommitRequest())
    served.draft.make(BASE, b"after", stat.S_IFREG | 0o644, 0, 0)
    served.hear(Idle(7, 0, failed=False))
    assert any(isinstance(message, Commit) for message in served.storer.hears)
    served.background.run_due(idle=True)
    # One process may not look at rows that it has open: what was committed is what the log does not have.
    assert served.opened.checkpoint_blocked
    (log,) = served.opened.location.path.glob("redo-*.log")
    assert b"after" in log.read_bytes()
    served.hear(SnapshotTaken(served.directory))
    assert not served.opened.checkpoint_blocked


def test_a_commit_whose_delta_could_not_be_applied_is_not_the_base_of_the_next_one(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    served.hear(Idle(7, 0, failed=False))
    generation = served.commits.add(served.opened, CommitRequest()).generation
    served.background.run_due(idle=False)

    def full(_delta: CommitDelta) -> None:
        raise OSError(errno.ENOSPC, "full")

    with monkeypatch.context() as disk:
        disk.setattr(served.draft, "apply_delta", full)
        served.hear(ApplyDelta(served.directory, CommitDelta([], [(BASE, CommittedRow(b"n", b"d", 0, 0))])))
    served.hear(Committed(served.directory, generation, "animals:v0", True, served.draft.origin))
    assert served.last() == "animals:v0\n"
    assert served.draft.is_dirty()


def test_one_damaged_draft_does_not_end_the_process_that_serves_all(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    def damaged(*_arguments: object) -> None:
        raise IntegrityError("damaged")

    served.hear(Idle(7, 0, failed=False))
    for part, name in ((served.draft, "checkpoint"), (served.draft, "sweep"), (served.draft.writeback, "is_due")):
        monkeypatch.setattr(part, name, damaged)
        served.background.run_due(idle=True)
    monkeypatch.setattr(served.draft, "freeze", damaged)
    served.commits.add(served.opened, CommitRequest())
    assert served.last() == "error: damaged\n"
    assert not served.commits.unfinished
