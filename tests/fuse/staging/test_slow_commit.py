"""A slow draft delays no other: commits are made beside one another, and beside the storing of files."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from types import SimpleNamespace
from typing import NoReturn, cast

import pytest

from artfs.chunks.chunker import ChunkParams
from artfs.drafts.control.commit_request import CommitRequest
from artfs.drafts.storer import DraftStorer, Report, SnapshotOpened
from artfs.errors import ConflictError
from artfs.fuse.staging import storer_process
from artfs.fuse.staging.channel import Commit, Failed, FromStorer, Idle, SnapshotTaken, Stop, channel_pair
from artfs.store import Store
from tests.support.mounts.mounts import wait_until
from tests.support.mounts.stagedstore import StagedStore


@contextmanager
def _held_up(staged: StagedStore, name: str) -> Iterator[None]:
    """Let the storer wait, as for a very slow disk, when it reads what was written to a draft."""
    (data,) = (path for path in staged.store.glob(f"drafts/*.{name}/data/*") if path.stat().st_size)
    kept = data.with_name("kept")
    data.rename(kept)
    os.mkfifo(data)
    try:
        yield
        wait_until(lambda: _has_reader(data))  # it has waited since it opened the FIFO; now it fails
    finally:
        data.unlink()
        kept.rename(data)


def _waits_for_fifo(pid: int) -> bool:
    """Whether a thread of a process waits in the kernel for the other end of a FIFO."""
    return any(path.read_text() == "wait_for_partner" for path in Path(f"/proc/{pid}/task").glob("*/wchan"))


def _has_reader(fifo: Path) -> bool:
    try:
        os.close(os.open(fifo, os.O_WRONLY | os.O_NONBLOCK))
    except OSError:
        return False
    return True


def test_a_draft_is_committed_while_the_files_of_another_are_stored(tmp_path: Path) -> None:
    """The storer waits for the slow draft's file.

    S87: A commit waits neither for a commit of another draft nor for the storing of its files.
    """
    with StagedStore(tmp_path) as staged:
        staged.mount()
        slow, quick, third = (staged.stage(name) for name in ("slow", "quick", "third"))
        (slow / "file").write_bytes(bytes(1 << 20))
        with _held_up(staged, "slow"):
            (slow / "more").write_bytes(bytes(33 << 20))  # so much is stored at once
            wait_until(lambda: _waits_for_fifo(staged.storer))
            for draft in (quick, third, quick):
                (draft / "file").write_bytes(os.urandom(1000))
                staged.commit(draft)
        assert staged.commit(slow) == "slow:v0"
        assert staged.versions("quick") == ["quick:v0", "quick:v1"]
        assert (staged.extracted("slow:v0") / "file").read_bytes() == bytes(1 << 20)


class _Held(DraftStorer):
    """A storer whose commits of `slow` wait for `Held.go_on`, and which makes no version."""

    go_on = Event()

    def commit(self, draft: Path, _request: CommitRequest, report: Callable[[Report], None]) -> NoReturn:
        report(SnapshotOpened())
        if draft.name == "slow":
            assert _Held.go_on.wait(20)
        raise ConflictError(draft.name)


@pytest.mark.parametrize("others", [1, 3])
def test_a_commit_that_is_held_up_delays_no_other(
    memory_store: Store, monkeypatch: pytest.MonkeyPatch, others: int
) -> None:
    monkeypatch.setattr(storer_process, "DraftStorer", _Held)
    server, channel = channel_pair()
    loop = storer_process._StorerLoop(memory_store, _Held(memory_store), channel)  # noqa: SLF001 # the process's own
    thread = Thread(target=loop.run)
    thread.start()
    try:
        assert isinstance(server.receive(), Idle)
        for name in ("slow", *(f"quick-{number}" for number in range(others))):
            server.send(Commit(os.getpid(), f"/drafts/{name}", 1, CommitRequest()))
            taken: FromStorer = server.receive()
            assert taken == SnapshotTaken(f"/drafts/{name}")
            if name != "slow":
                assert server.receive() == Failed(f"/drafts/{name}", "ConflictError", name)
    finally:
        _Held.go_on.set()
        assert server.receive() == Failed("/drafts/slow", "ConflictError", "slow")
        assert isinstance(server.receive(), Idle)
        server.send(Stop(0))
        thread.join(20)
        _Held.go_on.clear()
        for end in (server, channel):
            end.close()


@pytest.fixture
def memory_store() -> Store:
    """All that the loop needs of a store."""
    layout = SimpleNamespace(format=SimpleNamespace(chunker=ChunkParams()))
    return cast(Store, SimpleNamespace(layout=layout, catalog=None))
