"""What is left of a draft, and of those who use it, when processes of the mount die."""

from __future__ import annotations

import errno
import os
import random
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.mounts import is_alive, is_mounted, wait_until
from tests.support.stagedstore import StagedStore


@pytest.fixture
def draft(staged: StagedStore) -> Path:
    """An empty draft."""
    place = staged.mountpoint / "animals"
    place.mkdir()
    return place


class Writers:
    """Threads that write, read back, move and remove files; every error and every difference is told."""

    def __init__(self, draft: Path, count: int) -> None:
        self.rounds = 0
        self.complaints: list[str] = []
        self._stop = False
        self._threads = [threading.Thread(target=self._work, args=(draft / f"w{n}", n)) for n in range(count)]
        for thread in self._threads:
            thread.start()

    def _work(self, place: Path, seed: int) -> None:
        rng = random.Random(seed)
        place.mkdir()
        while not self._stop:
            data = rng.randbytes(rng.choice([10, 5000, 300_000]))
            path = place / f"{rng.randrange(20)}"
            try:
                path.write_bytes(data)
                if path.read_bytes() != data:
                    self.complaints.append(f"{path} has other bytes")
                path.rename(path.with_suffix(".moved"))
                path.with_suffix(".moved").unlink()
            except OSError as error:
                self.complaints.append(f"{path}: {error}")
            self.rounds += 1

    def stop(self) -> None:
        self._stop = True
        for thread in self._threads:
            thread.join()


def test_nobody_notices_that_the_server_was_killed(staged: StagedStore, draft: Path) -> None:
    """Not by a byte, and not by an error, but for a request that the kernel was just handing over.

    S24: Locks and open files do not survive all of them; when one is killed they do, and its clients notice nothing.
    """
    writers = Writers(draft, 3)
    try:
        for _ in range(8):
            before = writers.rounds
            wait_until(lambda: writers.rounds > before + 5)  # noqa: B023 # called in this round only
            staged.kill(lambda: staged.server)
    finally:
        writers.stop()
    errors = [complaint.partition("] ")[2] for complaint in writers.complaints]
    assert set(errors) <= {os.strerror(errno.EIO)}
    assert len(errors) <= 2  # one run in thirty has one
    wait_until(lambda: staged.log().count("was killed by signal 9") == 8)


def test_where_nothing_is_sent_again_only_what_was_being_answered_fails(staged: StagedStore, draft: Path) -> None:
    staged.umount()
    staged.mount("clone")
    writers = Writers(draft, 3)
    try:
        for _ in range(5):
            before = writers.rounds
            wait_until(lambda: writers.rounds > before + 5)  # noqa: B023 # called in this round only
            staged.kill(lambda: staged.server)
    finally:
        writers.stop()
    assert {complaint.partition("] ")[2].partition(":")[0] for complaint in writers.complaints} <= {
        os.strerror(errno.ECONNABORTED),
        os.strerror(errno.EIO),  # what close says when the kernel could not hand on what it had gathered
    }
    assert len(writers.complaints) <= 5 * 3
    assert staged.commit(draft, wait=0.5) == "animals:v0"


def test_where_nobody_can_answer_for_a_server_it_is_unmounted(staged: StagedStore, draft: Path) -> None:
    staged.umount()
    staged.mount("share")
    (draft / "a").write_bytes(b"a")
    wait_until(lambda: _sleeps(staged.server))
    staged.kill(lambda: staged.server)  # which has nothing to answer
    assert (draft / "a").read_bytes() == b"a"
    with ThreadPoolExecutor(1) as pool:
        file = os.open(draft / "b", os.O_WRONLY | os.O_CREAT)
        asked = pool.submit((draft / ".artfs/commit").write_bytes, b"message")
        wait_until(lambda: b"waiting" in (draft / ".artfs/commit").read_bytes())
        os.kill(staged.server, signal.SIGKILL)
        with pytest.raises(OSError, match=r"not connected|connection abort"):
            asked.result(20)
        with suppress(OSError):
            os.close(file)
    wait_until(lambda: not is_mounted(staged.mountpoint))
    assert "nobody can answer for" in staged.log()
    staged.mount()
    assert (draft / "a").read_bytes() == b"a"


def test_open_files_outlive_the_server(staged: StagedStore, draft: Path) -> None:
    with open(draft / "kept", "w+b", buffering=0) as kept, open(draft / "gone", "w+b", buffering=0) as gone:
        kept.write(b"1")
        gone.write(b"1" * 100_000)
        os.fsync(gone.fileno())
        staged.kill(lambda: staged.server)
        (draft / "gone").unlink()  # by a server that was never told of who has it open
        kept.write(b"2")
        gone.write(b"2" * 10)
        assert os.pread(gone.fileno(), 200_000, 0) == b"1" * 100_000 + b"2" * 10
        with open(draft / "gone", "wb"):
            pass
        os.posix_fadvise(gone.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        assert os.pread(gone.fileno(), 200_000, 0) == b"1" * 100_000 + b"2" * 10
    assert (draft / "kept").read_bytes() == b"12"


def test_a_commit_waits_for_a_file_that_was_opened_before_the_server_died(staged: StagedStore, draft: Path) -> None:
    """Half a file is never committed, whoever knew of it.

    S29: A commit makes a version of what the draft was at one moment, the freeze, at which no file with a name was open
    for writing.
    """
    with open(draft / "half", "wb", buffering=0) as file:
        file.write(b"half")
        staged.kill(lambda: staged.server)
        with pytest.raises(OSError, match="Invalid argument"):
            staged.ask(draft, "t", wait=0.1)
        result = staged.result(draft, "t")
        assert (result["state"], result["error"]) == ("failed", "ConflictError")
        assert result["message"].startswith("still open for writing: half;")
    assert staged.commit(draft) == "animals:v0"


def test_a_commit_that_is_asked_for_while_the_server_dies_is_made(staged: StagedStore, draft: Path) -> None:
    with ThreadPoolExecutor(1) as pool, open(draft / "open", "wb", buffering=0) as file:
        asked = pool.submit((draft / ".artfs/commit").write_bytes, b"message")
        wait_until(lambda: b"waiting" in (draft / ".artfs/commit").read_bytes())
        staged.kill(lambda: staged.server)
        file.write(b"all")
        file.close()
        assert asked.result(10) == len(b"message")
    wait_until(lambda: (draft / ".artfs/commit").read_bytes() == b"animals:v0\n")
    assert (staged.extracted("animals:v0") / "open").read_bytes() == b"all"


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


def _sleeps(pid: int) -> bool:
    """Whether a process waits for something to do."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "S"
