"""`mount`, `unmount` and `mounts`, with a real store, as programs call them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from artfs.catalog import NewVersion, current_actor
from artfs.errors import MountError, StoreFormatError, StoreNotFoundError
from artfs.fuse import MountInfo, MountOptions, mounts, unmount
from artfs.mountinfo import find_mount
from artfs.store import open_store
from tests.support.mounts.mounts import ROOT, children, is_alive, is_mounted, run_python, wait_until

MOUNT = """
import json, sys
from artfs.errors import ArtfsError
from artfs.fuse import MountOptions
from artfs.fuse import mount
try:
    mount(sys.argv[1], sys.argv[2], MountOptions(**json.loads(sys.argv[3])))
except ArtfsError as error:
    print(f"{type(error).__name__}: {error}")
    sys.exit(error.exit_code)
"""


def mount(store: Path, mountpoint: Path, **options: object) -> str:
    """Mount in the background by a process that ends then; the error in one line, or nothing."""
    ended = run_python(MOUNT, store, mountpoint, json.dumps(options))
    assert ended.stderr == ""
    assert (ended.returncode == 0) == (ended.stdout == "")
    return ended.stdout.removesuffix("\n")


def daemon_of(mountpoint: Path) -> int:
    info = find_mount(os.fspath(mountpoint))
    assert info is not None
    assert info.pid is not None
    return info.pid


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store with one version of one artifact."""
    source = tmp_path / "source"
    source.mkdir()
    (source / "labels.csv").write_text("tom,cat\n")
    (source / "weights").write_bytes(bytes(range(256)) * 1000)
    path = tmp_path / "store"
    with open_store(path, create=True) as opened:
        opened.put([source], NewVersion("animals"))
    return path


@pytest.fixture
def mountpoint(tmp_path: Path) -> Iterator[Path]:
    """An empty directory; what was mounted there is taken away."""
    path = tmp_path / "mnt"
    path.mkdir()
    yield path
    while (info := find_mount(os.fspath(path))) is not None:
        if info.pid is not None:
            os.kill(info.pid, signal.SIGKILL)
        subprocess.run(["umount", "-l", path], check=True)


def test_a_mount_answers_when_it_is_made_and_is_gone_when_it_is_unmounted(store: Path, mountpoint: Path) -> None:
    assert mount(store, mountpoint) == ""
    assert (mountpoint / "animals" / "latest" / "labels.csv").read_text() == "tom,cat\n"
    assert (mountpoint / "animals" / "v0" / "weights").read_bytes() == bytes(range(256)) * 1000
    pid = daemon_of(mountpoint)
    processes = [pid, *children(pid)]
    unmount(mountpoint)
    assert not is_mounted(mountpoint)
    wait_until(lambda: not any(is_alive(process) for process in processes))  # their files are closed, so they end
    assert os.listdir(mountpoint) == []


def test_the_daemon_has_nothing_of_its_starter(store: Path, mountpoint: Path) -> None:
    assert mount(store, mountpoint) == ""
    pid = daemon_of(mountpoint)
    status = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    assert status[1] != str(os.getpid())  # its parent
    assert status[3] != str(os.getsid(0))  # its session
    assert os.readlink(f"/proc/{pid}/cwd") == "/"
    assert [os.readlink(f"/proc/{pid}/fd/{standard}") for standard in (0, 1)] == ["/dev/null"] * 2
    assert Path(f"/proc/{pid}/comm").read_text() == "artfs-mount\n"
    unmount(mountpoint)


def test_the_mount_table_tells_what_is_mounted_where_and_by_whom(store: Path, mountpoint: Path) -> None:
    assert mount(store, mountpoint) == ""
    assert [info for info in mounts() if info.mountpoint == mountpoint] == [find_mount(os.fspath(mountpoint))]
    info = find_mount(os.fspath(mountpoint))
    assert isinstance(info, MountInfo)
    assert info.store == store
    assert is_alive(info.pid or 0)
    assert f"mounting {store} on {mountpoint}" in info.log.read_text()
    [line] = [line for line in Path("/proc/self/mounts").read_text().splitlines() if f" {mountpoint} " in line]
    source, _, kind, options, *_ = line.split()
    assert (source, kind) == (os.fspath(store), "fuse.artfs")
    assert {"ro", "nosuid", "nodev", "default_permissions"} <= set(options.split(","))
    assert "allow_other" not in options
    unmount(mountpoint)
    assert find_mount(os.fspath(mountpoint)) is None


def test_the_kernel_reads_ahead_as_far_as_asked_where_that_can_be_set(store: Path, mountpoint: Path) -> None:
    assert mount(store, mountpoint, readahead_kib=384) == ""
    info = find_mount(os.fspath(mountpoint))
    assert info is not None
    setting = Path(f"/sys/class/bdi/{info.device}/read_ahead_kb")
    assert int(setting.read_text()) == (384 if os.access(setting, os.W_OK) else 128)
    unmount(mountpoint)


def test_a_store_with_an_odd_name_is_mounted_at_a_place_with_an_odd_name(tmp_path: Path) -> None:
    store, mountpoint = tmp_path / "a, b\\c\td#\n", tmp_path / "m n,\\\n"
    mountpoint.mkdir()
    with open_store(store, create=True):
        pass
    try:
        assert mount(store, mountpoint) == ""
        info = find_mount(os.fspath(mountpoint))
        assert info is not None
        assert info.store == store
        assert info.pid is not None
    finally:
        unmount(mountpoint)
    assert not is_mounted(mountpoint)


def test_a_stale_mountpoint_is_cleaned_up_by_the_next_mount(store: Path, mountpoint: Path) -> None:
    assert mount(store, mountpoint) == ""
    pid = daemon_of(mountpoint)
    os.stat(mountpoint / "animals")  # now in the kernel's cache, which must not pass for an answer
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not is_alive(pid))
    assert is_mounted(mountpoint)
    assert mount(store, mountpoint) == ""
    assert daemon_of(mountpoint) != pid
    assert (mountpoint / "animals" / "v0" / "labels.csv").read_text() == "tom,cat\n"
    unmount(mountpoint)
    assert not is_mounted(mountpoint)


def test_a_stale_mountpoint_can_be_unmounted(store: Path, mountpoint: Path) -> None:
    assert mount(store, mountpoint) == ""
    pid = daemon_of(mountpoint)
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not is_alive(pid))
    info = find_mount(os.fspath(mountpoint))
    assert info is not None
    assert info.pid is None
    unmount(mountpoint)
    assert not is_mounted(mountpoint)


def test_sigterm_unmounts_a_daemon(store: Path, mountpoint: Path) -> None:
    assert mount(store, mountpoint) == ""
    pid = daemon_of(mountpoint)
    os.kill(pid, signal.SIGTERM)
    wait_until(lambda: not is_alive(pid), 5.0)
    assert not is_mounted(mountpoint)


def test_mounting_twice_is_refused(store: Path, mountpoint: Path) -> None:
    assert mount(store, mountpoint) == ""
    refused = mount(store, mountpoint)
    assert refused.startswith(f"MountError: {mountpoint} is mounted already, with the store {store}: `artfs umount")
    link = mountpoint.parent / "link"
    link.symlink_to(mountpoint)
    assert "is mounted already" in mount(store, link)
    unmount(link)
    assert not is_mounted(mountpoint)


def test_an_unfit_mountpoint_is_refused(store: Path, mountpoint: Path, tmp_path: Path) -> None:
    missing, file, full = tmp_path / "missing" / "below", tmp_path / "file", tmp_path / "full"
    file.touch()
    full.mkdir()
    (full / "something").touch()
    inside = store / "tmp" / "mnt"
    inside.mkdir()
    assert mount(store, missing) == f"MountError: {missing} does not exist: make it with `mkdir -p {missing}`"
    assert mount(store, file / "x") == f"MountError: {file}/x is not a directory: choose an empty directory"
    assert mount(store, file) == f"MountError: {file} is not a directory: choose an empty directory"
    assert mount(store, full) == f"MountError: {full} is not empty: choose an empty directory"
    assert "is inside the store" in mount(store, inside)
    assert not is_mounted(mountpoint)


def test_a_store_that_cannot_be_opened_is_reported_and_not_mounted(store: Path, mountpoint: Path) -> None:
    assert mount(store.parent / "nowhere", mountpoint).startswith(f"{StoreNotFoundError.__name__}: ")
    form = json.loads((store / "format.json").read_text())
    (store / "format.json").write_text(json.dumps({**form, "version": 99}))
    assert mount(store, mountpoint).startswith(f"{StoreFormatError.__name__}: ")
    (store / "format.json").write_text(json.dumps(form))
    with open(store / "index" / "data.mdb", "r+b") as file:
        file.truncate(5000)
    assert mount(store, mountpoint).startswith("IntegrityError: ")
    assert not is_mounted(mountpoint)


def test_unmounting_what_is_in_use_is_refused_and_lazily_done(store: Path, mountpoint: Path) -> None:
    assert mount(store, mountpoint) == ""
    pid = daemon_of(mountpoint)
    with open(mountpoint / "animals" / "v0" / "labels.csv") as file:
        with pytest.raises(MountError, match=r"is in use: end what uses it .*--lazy"):
            unmount(mountpoint)
        assert is_mounted(mountpoint)
        unmount(mountpoint, lazy=True)
        assert not is_mounted(mountpoint)
        assert file.read() == "tom,cat\n"
    wait_until(lambda: not is_alive(pid))


def test_unmounting_what_is_no_mount_is_refused(mountpoint: Path) -> None:
    for path in (mountpoint, mountpoint / "missing", "/", "/proc"):
        with pytest.raises(MountError, match="is not an artfs mount"):
            unmount(path)


def test_two_mounts_of_one_store_serve_at_once_and_see_what_is_put(store: Path, mountpoint: Path) -> None:
    other = mountpoint.parent / "other"
    other.mkdir()
    assert mount(store, mountpoint, workers=1) == ""
    try:
        assert mount(store, other, workers=2) == ""
        assert (mountpoint / "animals/latest").readlink() == (other / "animals/latest").readlink() == Path("v0")
        (store.parent / "source" / "more").write_text("more")
        with open_store(store) as opened:
            opened.put([store.parent / "source"], NewVersion("animals"))
        for top in (mountpoint, other):
            wait_until((top / "animals/latest/more").exists, 1.0)
        assert len(children(daemon_of(mountpoint))) == 1
        assert len(children(daemon_of(other))) == 2
    finally:
        unmount(other)
    assert (mountpoint / "animals/v1/more").read_text() == "more"
    unmount(mountpoint)


def test_a_deleted_artifact_is_gone_within_a_second_and_a_new_one_of_its_name_is_there(
    store: Path, mountpoint: Path
) -> None:
    assert mount(store, mountpoint) == ""
    directory = mountpoint / "animals"
    assert (directory / "v0" / "labels.csv").exists()
    with open_store(store) as opened:
        opened.catalog.delete_artifact("animals", current_actor(), delete_aliases=True)
    wait_until(lambda: not directory.exists(), 1.0)
    assert os.listdir(mountpoint) == []
    with open_store(store) as opened:
        opened.put([store.parent / "source"], NewVersion("animals"))
    wait_until(directory.exists, 1.0)
    assert (directory / "latest").readlink() == Path("v1")  # an index is never used twice
    assert not (directory / "v0").exists()
    assert (directory / "latest" / "labels.csv").read_text() == "tom,cat\n"
    unmount(mountpoint)


def test_in_the_foreground_it_says_when_it_answers_and_ends_when_unmounted(store: Path, mountpoint: Path) -> None:
    code = """
import sys
from artfs.fuse import mount
mount(sys.argv[1], sys.argv[2], foreground=True, on_ready=lambda info: print(info.mountpoint, flush=True))
print("ended")
"""
    process = subprocess.Popen(
        [sys.executable, "-c", code, store, mountpoint],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == f"{mountpoint}\n"
    assert (mountpoint / "animals" / "v0" / "labels.csv").read_text() == "tom,cat\n"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert out == "ended\n"
    assert "no longer mounted" in err
    assert process.returncode == 0
    assert not is_mounted(mountpoint)


def test_bad_options_are_refused(store: Path, mountpoint: Path) -> None:
    for options in ({"workers": 0}, {"workers": 9, "max_workers": 8}, {"max_workers": 0}, {"cache_mib": -1}):
        assert mount(store, mountpoint, **options).startswith("InvalidInputError: "), options
    assert MountOptions(workers=3).worker_count == 3
    assert not is_mounted(mountpoint)


def test_neither_listing_nor_unmounting_loads_the_server() -> None:
    code = """
import sys
from artfs.fuse import MountOptions, mounts, unmount
from artfs.fuse import mount
mounts()
print(sorted({"pyfuse3", "trio", "lmdb", "artfs.store", "artfs.vfs"} & set(sys.modules)))
"""
    assert run_python(code).stdout == "[]\n"
