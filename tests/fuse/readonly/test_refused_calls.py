"""Each system call that would change something is refused with EROFS, in and above versions."""

from __future__ import annotations

import ctypes
import errno
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.mounts.mounts import Served

Call = Callable[[Path], object]
"""Does something to a directory that holds `file`, `dir` (empty) and `link`."""

_libc = ctypes.CDLL(None, use_errno=True)
AT_FDCWD = -100
RENAME_EXCHANGE = 2
O_TMPFILE = os.O_TMPFILE


def syscall(name: str, *arguments: object) -> None:
    """Call a function of the C library that Python does not wrap."""
    if getattr(_libc, name)(*arguments) == -1:
        raise OSError(ctypes.get_errno(), name)


def bind_socket(top: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        here = os.open(top, os.O_PATH)
        try:
            listener.bind(f"/proc/self/fd/{here}/socket")
        finally:
            os.close(here)


def exchange(top: Path) -> None:
    syscall("renameat2", AT_FDCWD, bytes(top / "file"), AT_FDCWD, bytes(top / "dir"), RENAME_EXCHANGE)


def set_times_of_link(top: Path) -> None:
    os.utime(top / "link", (1, 1), follow_symlinks=False)


CALLS: dict[str, Call] = {
    "open for writing": lambda top: os.open(top / "file", os.O_WRONLY),
    "open for both": lambda top: os.open(top / "file", os.O_RDWR),
    "open for appending": lambda top: os.open(top / "file", os.O_WRONLY | os.O_APPEND),
    "open and truncate": lambda top: os.open(top / "file", os.O_WRONLY | os.O_TRUNC),
    "truncate when opened for reading": lambda top: os.open(top / "file", os.O_RDONLY | os.O_TRUNC),
    "create": lambda top: os.open(top / "new", os.O_WRONLY | os.O_CREAT),
    "create for oneself": lambda top: os.open(top / "new", os.O_WRONLY | os.O_CREAT | os.O_EXCL),
    "create without a name": lambda top: os.open(top, O_TMPFILE | os.O_RDWR),
    "truncate": lambda top: os.truncate(top / "file", 0),
    "lengthen": lambda top: os.truncate(top / "file", 1 << 20),
    "mkdir": lambda top: os.mkdir(top / "new"),
    "rmdir": lambda top: os.rmdir(top / "dir"),
    "unlink": lambda top: os.unlink(top / "file"),
    "unlink a link": lambda top: os.unlink(top / "link"),
    "rename": lambda top: os.rename(top / "file", top / "new"),
    "rename over": lambda top: os.rename(top / "file", top / "link"),
    "rename a directory": lambda top: os.rename(top / "dir", top / "new"),
    "rename into": lambda top: os.rename(top / "file", top / "dir" / "file"),
    "exchange": exchange,
    "link": lambda top: os.link(top / "file", top / "new"),
    "symlink": lambda top: os.symlink("file", top / "new"),
    "mkfifo": lambda top: os.mkfifo(top / "new"),
    "mknod": lambda top: os.mknod(top / "new", 0o100644),
    "bind": bind_socket,
    "chmod": lambda top: os.chmod(top / "file", 0o600),
    "chmod a directory": lambda top: os.chmod(top / "dir", 0o700),
    "chmod itself": lambda top: os.chmod(top, 0o700),
    "chown": lambda top: os.chown(top / "file", os.getuid(), os.getgid()),
    "chown a link": lambda top: os.lchown(top / "link", os.getuid(), os.getgid()),
    "utime": lambda top: os.utime(top / "file"),
    "utime to a time": lambda top: os.utime(top / "file", (1, 1)),
    "utime of a link": set_times_of_link,
    "setxattr": lambda top: os.setxattr(top / "file", "user.colour", b"red"),
    "setxattr of what is there": lambda top: os.setxattr(top / "file", "user.artfs.ino", b"1"),
    "setxattr of a directory": lambda top: os.setxattr(top, "user.colour", b"red"),
    "removexattr": lambda top: os.removexattr(top / "file", "user.artfs.ino"),
}

DESCRIPTOR_CALLS: dict[str, Callable[[int], object]] = {
    "fchmod": lambda file: os.fchmod(file, 0o600),
    "fchown": lambda file: os.fchown(file, os.getuid(), os.getgid()),
    "futimens": os.utime,
    "fsetxattr": lambda file: os.setxattr(file, "user.colour", b"red"),
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One mount for all calls."""
    directory, mountpoint = tmp_path_factory.mktemp("served"), tmp_path_factory.mktemp("mnt")
    served = Served(directory, mountpoint, workers=1)
    yield served
    served.stop()


@pytest.fixture(params=["", "plain"])
def top(request: pytest.FixtureRequest, served: Served) -> Path:
    """The mount's own directory, and one whose names do not change."""
    name: str = request.param
    return served.mountpoint / name


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_call_that_would_change_something_is_refused(top: Path, call: Call) -> None:
    before = sorted(os.listdir(top))
    with pytest.raises(OSError) as caught:  # noqa: PT011 # the number is looked at below
        call(top)
    assert caught.value.errno == errno.EROFS, caught.value
    assert sorted(os.listdir(top)) == before


@pytest.mark.parametrize("call", DESCRIPTOR_CALLS.values(), ids=DESCRIPTOR_CALLS)
def test_so_it_is_through_an_open_file(top: Path, call: Callable[[int], object]) -> None:
    file = os.open(top / "file", os.O_RDONLY)
    try:
        with pytest.raises(OSError) as caught:  # noqa: PT011 # the number is looked at below
            call(file)
        assert caught.value.errno == errno.EROFS, caught.value
    finally:
        os.close(file)


def test_what_only_reads_is_allowed_as_everywhere(top: Path) -> None:
    file = os.open(top / "file", os.O_RDONLY)
    try:
        assert os.read(file, 100) == b"plain"
        assert os.lseek(file, 0, os.SEEK_DATA) == 0
        assert os.lseek(file, 0, os.SEEK_HOLE) == 5
        os.fsync(file)
        os.lockf(file, os.F_TEST, 0)
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_WILLNEED)
    finally:
        os.close(file)
    assert os.access(top / "file", os.R_OK)
    assert not os.access(top / "file", os.W_OK)
    assert os.access(top / "dir", os.X_OK)
