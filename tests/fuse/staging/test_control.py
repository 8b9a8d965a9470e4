"""Texts of control files, without a mount."""

from __future__ import annotations

import stat
import time
from pathlib import Path

import pytest

from artfs.drafts.control.stage_request import StageRequest
from artfs.drafts.db.schema import BASE
from artfs.drafts.registry import DraftRegistry
from artfs.fuse.staging import control
from artfs.fuse.staging.commit_queue import CommitQueue
from artfs.fuse.staging.recovery.replies import ControlReplies
from artfs.fuse.staging.recovery.server_recovery import ServerRecovery
from artfs.fuse.staging.recovery.writer_handles import WriterHandles
from artfs.fuse.staging.served_drafts import ServedDrafts
from artfs.store import open_store


def test_the_status_of_very_many_changes_makes_nobody_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_store(tmp_path / "store", create=True) as store:
        registry = DraftRegistry(store.layout.drafts)
        with registry.lock(), WriterHandles() as writers, ControlReplies() as replies:
            drafts = ServedDrafts(registry, store, ServerRecovery(writers, resent=False), timed=False)
            commits = CommitQueue(time.monotonic)
            files = control.ControlFiles(drafts, commits, store, (0, 0), lambda _thread: None, replies)
            served, _base = drafts.stage(StageRequest("animals", empty=True), (0, 0))
            served.draft.make(BASE, b"before", stat.S_IFREG | 0o644, 0, 0)
            assert files.status(served) == "animals from nothing\nA before\n"
            monkeypatch.setattr(control, "_STATUS_CHANGES", 2)
            assert files.status(served).endswith("very many changes: `artfs status` lists them\n")
            drafts.close()
