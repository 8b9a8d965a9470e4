"""Drafts and commits when processes of the mount are killed, or stopped in the middle of a commit."""

from __future__ import annotations

import os
import random
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.mounts.mounts import is_alive, wait_until
from tests.support.mounts.stagedstore import StagedStore


@pytest.fixture
def draft(staged: StagedStore) -> Path:
    """An empty draft."""
    place = staged.mountpoint / "animals"
    place.mkdir()
    return place


@pytest.mark.parametrize("name", ["server", "storer", "supervisor"])
def test_a_killed_process_loses_no_byte_and_no_commit_is_half_made(staged: StagedStore, draft: Path, name: str) -> None:
    rng = random.Random(7)
    contents = {f"{number}": rng.randbytes(rng.choice([100, 50_000, 3_000_000])) for number in range(60)}
    for path, data in contents.items():
        (draft / path).write_bytes(data)
    before = rng.randrange(20) / 1000
    token = staged.ask(draft, message="cut short")
    time.sleep(before)
    victim: int = getattr(staged, name)
    family = [staged.supervisor, staged.server, staged.storer]
    os.kill(victim, signal.SIGKILL)
    if name == "supervisor":
        wait_until(lambda: not any(is_alive(pid) for pid in family))
        staged.mount()
    else:
        wait_until(lambda: not is_alive(victim))
    assert {path: (draft / path).read_bytes() for path in contents} == contents
    if name == "storer":
        assert staged.ended(draft, token)["state"] in {"committed", "failed"}
    ref = staged.commit(draft, force=True)
    assert {path.name: path.read_bytes() for path in staged.extracted(ref).iterdir()} == contents
    (draft / "more").write_bytes(b"more")
    assert (staged.extracted(staged.commit(draft)) / "more").read_bytes() == b"more"


def test_what_is_written_during_a_commit_is_in_the_next_version(staged: StagedStore, draft: Path) -> None:
    """The storer sleeps, so the commit lasts as long as the test wants.

    S30: Writers are not stopped by a commit: what they write after the freeze is in the next version.
    """
    for name in ("kept", "changed", "removed", "moved"):
        (draft / name).write_bytes(b"before " * 30_000)
    storer = staged.storer
    os.kill(storer, signal.SIGSTOP)
    try:
        token = staged.ask(draft)
        assert staged.result(draft, token)["state"] == "committing"
        with open(draft / "changed", "r+b") as file:
            file.write(b"after")
        (draft / "removed").unlink()
        (draft / "moved").rename(draft / "name")
        (draft / "new").write_bytes(b"new")
    finally:
        os.kill(storer, signal.SIGCONT)
    first = staged.extracted(staged.ended(draft, token)["ref"])
    assert {path.name: path.read_bytes() for path in first.iterdir()} == dict.fromkeys(
        ("kept", "changed", "removed", "moved"), b"before " * 30_000
    )
    second = staged.extracted(staged.commit(draft))
    assert {path.name: path.read_bytes() for path in second.iterdir()} == {
        "kept": b"before " * 30_000,
        "changed": b"after" + (b"before " * 30_000)[5:],
        "name": b"before " * 30_000,
        "new": b"new",
    }


def test_a_commit_that_a_dead_storer_had_not_begun_with_is_made_by_the_next(staged: StagedStore, draft: Path) -> None:
    (draft / "small").write_bytes(b"small")  # so that the storer has nothing to do
    os.kill(staged.storer, signal.SIGSTOP)
    token = staged.ask(draft)
    assert staged.result(draft, token)["state"] == "committing"
    (draft / "later").write_bytes(b"later")  # writers go on meanwhile
    staged.kill(lambda: staged.storer)
    result = staged.ended(draft, token)
    assert (result["state"], result["ref"]) == ("committed", "animals:v0")
    assert [path.name for path in staged.extracted("animals:v0").iterdir()] == ["small"]
    assert staged.commit(draft) == "animals:v1"


def test_a_commit_that_has_begun_is_finished_after_the_unmount(staged: StagedStore, draft: Path) -> None:
    for number in range(30):
        (draft / f"{number}").write_bytes(random.Random(number).randbytes(8_000_000))
    staged.ask(draft)
    staged.umount()
    assert staged.versions("animals") == ["animals:v0"]


def test_what_was_removed_while_it_was_open_takes_no_room_in_the_next_mount(staged: StagedStore, draft: Path) -> None:
    data = next(staged.store.glob("drafts/1.animals")) / "data"
    file = os.open(draft / "big", os.O_WRONLY | os.O_CREAT)
    os.write(file, bytes(5_000_000))
    os.fsync(file)
    (draft / "big").unlink()
    assert _size(data) >= 5_000_000
    family = [staged.supervisor, staged.server]
    os.kill(staged.supervisor, signal.SIGKILL)
    wait_until(lambda: not any(is_alive(pid) for pid in family))
    with pytest.raises(OSError, match=r"connection abort|not connected"):
        os.close(file)
    staged.mount()
    assert os.listdir(draft) == []
    wait_until(lambda: _size(data) == 0)


def _size(directory: Path) -> int:
    """Bytes of the files in a directory, some of which may go meanwhile."""
    size = 0
    for path in directory.iterdir():
        with suppress(FileNotFoundError):
            size += path.stat().st_size
    return size
