"""A server that is killed is replaced, and its clients go on."""

from __future__ import annotations

import errno
import os
import random
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.mounts.mounts import is_mounted, wait_until
from tests.support.mounts.stagedstore import StagedStore


@pytest.fixture
def draft(staged: StagedStore) -> Path:
    """An empty draft."""
    place = staged.mountpoint / "animals"
    place.mkdir()
    return place


class Writers:
    """Threads that write, read back, move and remove files; every error and every difference is recorded."""

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


def test_without_resending_only_what_was_being_answered_fails(staged: StagedStore, draft: Path) -> None:
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
        (draft / "gone").unlink()  # by a server that was not there when it was opened
        kept.write(b"2")
        gone.write(b"2" * 10)
        assert os.pread(gone.fileno(), 200_000, 0) == b"1" * 100_000 + b"2" * 10
        with open(draft / "gone", "wb"):
            pass
        os.posix_fadvise(gone.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        assert os.pread(gone.fileno(), 200_000, 0) == b"1" * 100_000 + b"2" * 10
    assert (draft / "kept").read_bytes() == b"12"


def test_a_commit_waits_for_a_file_that_was_opened_before_the_server_died(staged: StagedStore, draft: Path) -> None:
    """Half a file is never committed, even if the server that knew of it is gone.

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


def _sleeps(pid: int) -> bool:
    """Whether a process waits for something to do."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "S"
