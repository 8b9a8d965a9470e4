"""What the serving process makes of what the storer says, and of a disk that refuses."""

from __future__ import annotations

import errno
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from artfs.errors import IntegrityError
from artfs.fuse.staging.channel import ServerEnd
from artfs.fuse.staging.commits import Commits
from artfs.fuse.staging.drafts import Drafts
from artfs.fuse.staging.housekeeping import Housekeeping
from artfs.fuse.staging.messages import Commit, Committed, FromServer, FromStorer, Idle, Settle, Taken
from artfs.fuse.staging.openfiles import OpenFiles
from artfs.fuse.staging.status import status_text
from artfs.store import Store, open_store
from artfs.vfs.draft.draft import Draft
from artfs.vfs.draft.home import DraftsHome
from artfs.vfs.draft.jobs import Portion
from artfs.vfs.draft.opening import StageRequest
from artfs.vfs.draft.request import CommitRequest
from artfs.vfs.draft.rows import BASE
from artfs.vfs.draft.rows import Committed as CommittedRow


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

    def __init__(self, drafts: Drafts) -> None:
        self.storer = Storer()
        self.commits = Commits(time.monotonic)
        self.house = Housekeeping(drafts, self.commits, cast(ServerEnd, self.storer))
        self.opened, _base = drafts.stage(StageRequest("animals", empty=True), (0, 0))
        self.draft.make(BASE, b"before", stat.S_IFREG | 0o644, 0, 0)

    @property
    def draft(self) -> Draft:
        return self.opened.draft

    @property
    def directory(self) -> str:
        return str(self.opened.place.path)

    def hear(self, *messages: FromStorer) -> None:
        self.storer.says += messages
        self.house.do(idle=True)

    def last(self) -> str:
        return self.commits.line(self.opened)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "store", create=True) as opened:
        yield opened


@pytest.fixture
def served(store: Store) -> Iterator[Served]:
    home = DraftsHome(store.layout.drafts)
    with home.lock():
        drafts = Drafts(home, store, OpenFiles(), purge=True, timed=False)
        yield Served(drafts)
        drafts.close()


def test_what_is_frozen_is_kept_for_a_storer_that_has_yet_to_begin(served: Served) -> None:
    served.commits.ask(served.opened, CommitRequest())
    served.draft.make(BASE, b"after", stat.S_IFREG | 0o644, 0, 0)
    served.hear(Idle(7, 0, failed=False))
    assert any(isinstance(message, Commit) for message in served.storer.hears)
    served.house.do(idle=True)
    # One process may not look at rows that it has open: what was committed is what the log does not have.
    assert served.opened.held
    (log,) = served.opened.place.path.glob("redo-*.log")
    assert b"after" in log.read_bytes()
    served.hear(Taken(served.directory))
    assert not served.opened.held


def test_a_commit_that_could_not_be_taken_over_is_not_what_the_next_one_builds_on(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    served.hear(Idle(7, 0, failed=False))
    generation = served.commits.ask(served.opened, CommitRequest()).generation
    served.house.do(idle=False)

    def full(_portion: Portion) -> None:
        raise OSError(errno.ENOSPC, "full")

    with monkeypatch.context() as disk:
        disk.setattr(served.draft, "settle", full)
        served.hear(Settle(served.directory, Portion([], [(BASE, CommittedRow(b"n", b"d", 0, 0))])))
    served.hear(Committed(served.directory, generation, "animals:v0", True, served.draft.origin))
    assert served.last() == "animals:v0\n"
    assert served.draft.is_touched()


def test_one_damaged_draft_does_not_end_the_process_that_serves_all(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    def damaged(*_arguments: object) -> None:
        raise IntegrityError("damaged")

    served.hear(Idle(7, 0, failed=False))
    for name in ("checkpoint", "sweep", "has_backlog"):
        monkeypatch.setattr(served.draft, name, damaged)
        served.house.do(idle=True)
    monkeypatch.setattr(served.draft, "freeze", damaged)
    served.commits.ask(served.opened, CommitRequest())
    assert served.last() == "error: damaged\n"
    assert not served.commits.unfinished


def test_the_status_of_very_many_changes_makes_nobody_wait(
    served: Served, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert status_text(served.opened, store) == "animals from nothing\nA before\n"
    monkeypatch.setattr("artfs.fuse.staging.status._MAX_CHANGES", 2)
    assert status_text(served.opened, store).endswith("very many changes: `artfs status` lists them\n")
