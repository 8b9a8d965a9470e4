"""Drafts that a server before this one has made or discarded, without an answer."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from artfs.drafts.control.stage_request import DiscardRequest, StageRequest, UndeleteRequest
from artfs.drafts.registry import DraftRegistry
from artfs.errors import ConflictError, NotFoundError
from artfs.fuse.staging.commit_queue import CommitQueue
from artfs.fuse.staging.control import ControlFiles
from artfs.fuse.staging.recovery.replies import ControlReplies
from artfs.fuse.staging.recovery.server_recovery import ServerRecovery
from artfs.fuse.staging.recovery.writer_handles import WriterHandles
from artfs.fuse.staging.root_directory import RootDirectory
from artfs.fuse.staging.served_drafts import ServedDrafts
from artfs.store import Store, open_store
from tests.support.data.drafts import make_file


class Servers:
    """Servers of one mount, each in place of the one before."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._writers = WriterHandles()
        self._replies = ControlReplies()
        self._serve()

    def _serve(self) -> None:
        self.recovery = ServerRecovery(self._writers, resent=True)
        registry = DraftRegistry(self._store.layout.drafts)
        self.drafts = ServedDrafts(registry, self._store, self.recovery, timed=True)
        commits = CommitQueue(time.monotonic)
        self.control = ControlFiles(self.drafts, commits, self._store, (0, 0), lambda _thread: None, self._replies)
        self.root = RootDirectory(self.drafts, commits, self.control, (0, 0))

    def replace(self) -> None:
        """Have the next server begin, which finds requests that this one may have carried out."""
        self.drafts.close()
        self._serve()
        assert self.recovery.replaying

    def names(self) -> list[str]:
        return [location.name for location in self.drafts.locations()]


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Servers]:
    with open_store(tmp_path / "store", create=True) as store:
        store.layout.drafts.mkdir(exist_ok=True)
        servers = Servers(store)
        yield servers
        servers.drafts.close()
        servers.recovery.writers.close()


@pytest.mark.parametrize("mode", [0o755, 0o700])
def test_a_draft_is_made_by_mkdir_whether_or_not_the_server_before_has_made_it(servers: Servers, mode: int) -> None:
    servers.replace()
    made = servers.root.make_draft(b"animals", mode, (0, 0))
    servers.replace()
    assert servers.root.make_draft(b"animals", mode, (0, 0)).draft == made.draft
    assert servers.names() == ["animals"]


def test_a_draft_is_staged_whether_or_not_the_server_before_has_staged_it(servers: Servers) -> None:
    request = StageRequest("animals", as_name="here")
    servers.replace()
    made, base = servers.drafts.stage(request, (0, 0))
    servers.replace()
    again, base_again = servers.drafts.stage(request, (0, 0))
    assert (again.location, base_again) == (made.location, base)


def test_a_draft_is_discarded_whether_or_not_the_server_before_has_discarded_it(servers: Servers) -> None:
    for name in (b"animals", b"birds"):
        servers.root.make_draft(name, 0o755, (0, 0))
    servers.replace()
    servers.root.remove_draft(b"animals")
    servers.drafts.discard(DiscardRequest("birds"))
    assert servers.names() == []
    servers.replace()
    servers.root.remove_draft(b"animals")
    servers.drafts.discard(DiscardRequest("birds"))


def test_a_draft_is_kept_and_brought_back_whether_or_not_the_server_before_has_done_it(servers: Servers) -> None:
    make_file(servers.drafts.stage(StageRequest("animals"), (0, 0))[0].draft, "cat", b"cat")
    request = DiscardRequest("animals", force=True)
    number = servers.drafts.discard(request)
    assert number
    servers.replace()
    assert servers.drafts.discard(request) == 0
    back = servers.drafts.undelete(UndeleteRequest(number, "animals"))
    assert back.draft.is_dirty()
    servers.replace()
    again = servers.drafts.undelete(UndeleteRequest(number, "animals"))
    assert again.location == back.location
    with pytest.raises(NotFoundError):
        servers.drafts.undelete(UndeleteRequest(number, "birds"))


def test_a_draft_in_the_way_refuses_another_while_requests_are_repeated(servers: Servers) -> None:
    """One of another artifact, and one with changes, was not made by the request."""
    make_file(servers.drafts.stage(StageRequest("animals"), (0, 0))[0].draft, "cat", b"cat")
    servers.drafts.stage(StageRequest("birds"), (0, 0))
    servers.replace()
    for request in (StageRequest("animals"), StageRequest("fish", as_name="birds")):
        with pytest.raises(ConflictError):
            servers.drafts.stage(request, (0, 0))


def test_after_the_replay_drafts_are_made_and_discarded_once(servers: Servers) -> None:
    servers.root.make_draft(b"animals", 0o755, (0, 0))
    servers.replace()
    servers.recovery.request_answered(lambda _milliseconds: False)
    with pytest.raises(ConflictError):
        servers.root.make_draft(b"animals", 0o755, (0, 0))
    with pytest.raises(FileNotFoundError):
        servers.root.remove_draft(b"birds")
    with pytest.raises(NotFoundError):
        servers.drafts.discard(DiscardRequest("birds"))
