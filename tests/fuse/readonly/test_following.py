"""Changes by other processes show in a mount within a second, and take nothing from its readers."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.support.mounts.mountedstore import MountedStore
from tests.support.mounts.mounts import ROOT, wait_until

SECOND = 1.0


@pytest.fixture
def store(own: MountedStore) -> MountedStore:
    """A mounted store with `animals:v0`, in which the file `number` is `0`."""
    own.put(_numbered(own, 0), name="animals")
    own.mount()
    return own


def _numbered(store: MountedStore, number: int) -> Path:
    """A directory to store: the file `number` tells which it is."""
    source = store.top / f"source-{number}"
    source.mkdir(exist_ok=True)
    (source / "number").write_text(str(number))
    return source


def _soon(look: Callable[[], object], expected: object) -> None:
    """Look at something all the time until it is as expected, and fail if it takes more than a second."""
    wait_until(lambda: look() == expected, SECOND)


def _names(directory: Path) -> list[str]:
    return sorted(os.listdir(directory))


def test_an_alias_follows_a_commit_of_another_process_within_a_second(store: MountedStore) -> None:
    """S8: A commit, alias or deletion by another process shows within one second."""
    artifact = store.mountpoint / "animals"
    for number in range(1, 4):
        assert (artifact / "latest" / "number").read_text() == str(number - 1)  # all of it is in the kernel's cache now
        assert not (artifact / f"v{number}").exists()
        store.put(_numbered(store, number), name="animals")
        _soon((artifact / "latest" / "number").read_text, str(number))
        _soon(partial(os.readlink, artifact / "latest"), f"v{number}")
        _soon(partial(_names, artifact), ["latest", *(f"v{index}" for index in range(number + 1))])
        assert (artifact / f"v{number}" / "number").read_text() == str(number)
    assert [(artifact / f"v{number}" / "number").read_text() for number in range(4)] == ["0", "1", "2", "3"]


def test_who_walks_an_alias_all_the_time_sees_the_commit_as_soon(store: MountedStore) -> None:
    """S8: A commit, alias or deletion by another process shows within one second."""
    path = store.mountpoint / "animals" / "latest" / "number"
    put = store.start("put", _numbered(store, 1), "-n", "animals")
    seen: list[str] = []
    while put.poll() is None:
        seen.append(path.read_text())  # so no entry of it ever leaves the cache for want of use
    ended = time.monotonic()
    assert put.communicate() == (b"animals:v1\n", b"")
    while path.read_text() != "1":
        assert time.monotonic() < ended + SECOND
    assert set(seen) <= {"0", "1"}


def test_an_alias_never_leads_to_a_version_that_is_not_there_yet(store: MountedStore) -> None:
    """S2: An alias is a relative symlink to `vN`, read again on every walk."""
    artifact = store.mountpoint / "animals"
    for number in range(1, 4):
        put = store.start("put", _numbered(store, number), "-n", "animals")
        while put.poll() is None:
            (artifact / f"v{number}").exists()  # the kernel hears that it does not exist, until it does
            assert (artifact / "latest" / "number").read_text() in {str(number - 1), str(number)}
        assert put.communicate()[1] == b""


def test_a_moved_and_a_removed_alias_show_within_a_second(store: MountedStore) -> None:
    """S8: A commit, alias or deletion by another process shows within one second."""
    artifact = store.mountpoint / "animals"
    store.put(_numbered(store, 1), name="animals")
    assert not (artifact / "best").is_symlink()
    store.done("alias", "add", "animals:v0", "best")
    _soon((artifact / "best").is_symlink, True)
    assert (artifact / "best" / "number").read_text() == "0"
    store.done("alias", "add", "animals:v1", "best")
    _soon((artifact / "best" / "number").read_text, "1")
    store.done("alias", "rm", "animals:best")
    _soon((artifact / "best").is_symlink, False)
    _soon(partial(_names, artifact), ["latest", "v0", "v1"])


def test_new_artifacts_and_new_names_show_within_a_second(store: MountedStore) -> None:
    """S8: A commit, alias or deletion by another process shows within one second."""
    top = store.mountpoint
    assert os.listdir(top) == ["animals"]
    assert not (top / "plants").exists()
    store.put(_numbered(store, 1), name="plants")
    _soon((top / "plants" / "latest" / "number").exists, True)
    _soon(partial(_names, top), ["animals", "plants"])
    store.done("rename", "plants", "trees")
    _soon(partial(_names, top), ["animals", "trees"])
    _soon((top / "plants").exists, False)
    _soon((top / "trees" / "v0" / "number").exists, True)


def test_a_deleted_version_disappears_within_a_second(store: MountedStore) -> None:
    """S8: A commit, alias or deletion by another process shows within one second."""
    artifact = store.mountpoint / "animals"
    store.put(_numbered(store, 1), name="animals")
    assert (artifact / "v1" / "number").read_text() == "1"
    store.done("rm", "animals:v1")
    _soon((artifact / "v1").exists, False)
    _soon((artifact / "v1" / "number").exists, False)
    _soon(partial(_names, artifact), ["latest", "v0"])
    _soon((artifact / "latest" / "number").read_text, "0")
    store.done("rm", "animals", "--all")
    _soon(partial(_names, store.mountpoint), [])
    _soon(artifact.exists, False)


def _kill_workers(store: MountedStore) -> None:
    """Put workers in the place of all that there are, so that none knows what one of them has seen."""
    before = store.workers()
    for worker in before:
        os.kill(worker, signal.SIGKILL)
    wait_until(lambda: len(store.workers()) == len(before) and not {*before} & {*store.workers()}, 5.0)


def _kill_one(store: MountedStore) -> None:
    """Kill a worker, and wait for the one that takes its place."""
    before = store.workers()
    os.kill(before[0], signal.SIGKILL)
    _soon(lambda: len({*store.workers()} - {before[0]}), len(before))


@pytest.mark.parametrize("command", [["rm", "model:v0"], ["rm", "model", "--all"]], ids=" ".join)
def test_a_file_that_is_open_in_a_deleted_version_reads_on(own: MountedStore, command: list[str]) -> None:
    """S10: A file that is open in a version that is deleted reads on."""
    source = own.top / "source"
    source.mkdir()
    data = random.Random(3).randbytes(20 << 20)
    (source / "weights").write_bytes(data)
    (source / "below").mkdir()
    (source / "below" / "note").write_text("note")
    version = own.put(source, name="model")
    own.put(_numbered(own, 1), name="model")
    own.mount()
    directory = os.open(version, os.O_RDONLY | os.O_DIRECTORY)
    with open(version / "weights", "rb") as file, open(version / "below" / "note", "rb") as note:
        assert file.read(1000) == data[:1000]
        own.done(*command)
        _soon(version.exists, False)
        _kill_workers(own)
        assert file.read() == data[1000:]
        assert note.read() == b"note"
        assert sorted(os.listdir(directory)) == ["below", "weights"]
    os.close(directory)


LOOK_TWICE = """
import os, sys
directory = os.open(sys.argv[1], os.O_RDONLY)
file = os.open("file", os.O_RDONLY, dir_fd=directory)
os.close(os.open("file", os.O_RDONLY, dir_fd=directory))  # the first close of all asks whether closing is of interest
def look():
    assert os.stat("file", dir_fd=directory).st_size == 100_000
    assert os.pread(file, 200_000, 0) == b"x" * 100_000
    try:
        os.stat("absent", dir_fd=directory)
    except FileNotFoundError:
        return
    raise AssertionError("there")
look()
print("known", flush=True)
sys.stdin.read(1)
look()
"""


def _needs_no_worker(store: MountedStore, directory: Path) -> bool:
    """Whether what was looked at before is answered while all workers sleep, beyond what is believed for a second."""
    command = [sys.executable, "-c", LOOK_TWICE, os.fspath(directory)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"known\n"
        workers = store.workers()
        for worker in workers:
            os.kill(worker, signal.SIGSTOP)
        try:
            until = time.monotonic() + 1.2 * SECOND
            wait_until(lambda: time.monotonic() > until)
            process.communicate(b"!", timeout=5)
            answered = True
        except subprocess.TimeoutExpired:
            answered = False
        finally:
            for worker in workers:
                os.kill(worker, signal.SIGCONT)
        process.communicate(timeout=30)
        assert process.returncode == 0
    return answered


def test_what_is_inside_a_version_is_answered_by_the_kernel_alone_once_it_knows_it(store: MountedStore) -> None:
    """S7: A version never changes. The kernel may cache everything in it for as long as it likes."""
    source = store.top / "cached"
    (source / "below").mkdir(parents=True)
    (source / "below" / "file").write_bytes(b"x" * 100_000)
    version = store.put(source, name="cached")
    # More than one attempt, because the kernel may also forget: a benchmark beside this test may drop its caches.
    assert any(_needs_no_worker(store, version / "below") for _attempt in range(3))


def test_a_killed_worker_fails_no_reader_but_its_own_and_is_replaced(
    store: MountedStore, botocore_releases: tuple[Path, Path]
) -> None:
    """S16: A worker that is killed takes only its own request with it, and is replaced within a second."""
    source = botocore_releases[0]
    version = store.put(source, name="botocore")
    command = [sys.executable, "-m", "tests.support.programs.mount_reader", os.fspath(version), os.fspath(source)]
    readers = [
        subprocess.Popen([*command, "2000", str(seed)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        for seed in range(3)
    ]
    for reader in readers:
        assert reader.stdout is not None
        assert reader.stdout.readline() == "started\n"
    kills = 0
    while kills < 6 and any(reader.poll() is None for reader in readers):
        _kill_one(store)
        kills += 1
    reports = [json.loads(reader.communicate(timeout=60)[0]) for reader in readers]
    assert sum(len(report["failed"]) for report in reports) <= kills
    assert kills > 0
    assert [report["wrong"] for report in reports] == [[]] * len(readers)
    assert [line for line in store.troubles() if "was killed by signal 9" not in line] == []


def test_a_mount_shows_what_there_is_after_the_index_was_made_again(store: MountedStore) -> None:
    """S53: When `artfs fsck --repair` has made the index again, a mount works on the new one within a second."""
    artifact = store.mountpoint / "animals"
    with open(artifact / "v0" / "number") as open_before:
        for index in (1, 2):
            (store.store / "index" / "data.mdb").unlink()
            assert store.run("fsck", "--repair").code == 0
            store.put(_numbered(store, index), name="animals")
            _soon(partial(_names, artifact), ["latest", *(f"v{number}" for number in range(index + 1))])
            _soon((artifact / "latest" / "number").read_text, str(index))
        assert open_before.read() == "0"
