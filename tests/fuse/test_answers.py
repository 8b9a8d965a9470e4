"""Answers to requests: a tree in memory, through the kernel."""

from __future__ import annotations

import errno
import mmap
import os
import stat
import subprocess
from pathlib import Path

import pytest
from pyfuse3 import FUSEError

from artfs.errors import ConflictError
from artfs.fuse.answers import guard
from artfs.fuse.prefork.scoreboard import BUSY, Scoreboard
from tests.fuse.conftest import Serve
from tests.support.mounts.mounts import wait_until
from tests.support.programs.fuse_server import MANY, content


def failure(path: Path | str) -> int | None:
    """The error number with which reading a file fails."""
    try:
        with open(path, "rb", buffering=0) as file:
            file.read()
    except OSError as error:
        return error.errno
    return None


def test_a_mounted_tree_reads_as_it_is(serve: Serve) -> None:
    served = serve(workers=2)
    assert served.said == "ready"
    top = os.fsencode(served.mountpoint)
    assert set(os.listdir(top)) >= {b"many", b"link", b"odd\n\xff", b"empty"}
    assert sorted(os.listdir(served.many), key=int) == [str(number) for number in range(MANY)]
    for number in range(0, MANY, 7):
        assert (served.many / str(number)).read_bytes() == content(number)
    assert os.listdir(top + b"/odd\n\xff") == [b"x" * 255]
    with open(top + b"/odd\n\xff/" + b"x" * 255, "rb") as file:
        assert file.read() == b"odd"
    assert os.readlink(served.mountpoint / "link") == "many/7"
    assert (served.mountpoint / "link").read_bytes() == content(7)
    assert (served.mountpoint / "empty").read_bytes() == b""
    with open(served.many / "1000", "rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as view:
        assert view[:] == content(1000)


def test_polling_before_sleeping_answers_the_same(serve: Serve) -> None:
    served = serve(workers=2, spin_us=50)
    for number in range(0, MANY, 50):
        assert (served.many / str(number)).read_bytes() == content(number)


def test_attributes_are_those_of_the_tree(serve: Serve) -> None:
    served = serve(workers=1)
    status = os.stat(served.many / "1234")
    assert stat.S_ISREG(status.st_mode)
    assert stat.S_IMODE(status.st_mode) == 0o444
    assert status.st_size == len(content(1234))
    assert status.st_blocks == -(-status.st_size // 512)
    assert status.st_nlink == 1
    assert (status.st_uid, status.st_gid) == (os.getuid(), os.getgid())
    assert status.st_mtime_ns == status.st_ctime_ns == 1_700_000_000_000_000_000 + status.st_ino
    assert os.stat(served.many).st_nlink == 1  # 2 would tell find(1) that there are no directories in it


def test_a_directory_lists_itself_and_its_parent_as_any_other_does(serve: Serve) -> None:
    served = serve(workers=1)
    listed = subprocess.run(
        ["ls", "-a", served.mountpoint], capture_output=True, check=True
    )  # os.listdir leaves them out
    assert listed.stdout.split(b"\n")[:2] == [b".", b".."]


def test_a_directory_can_be_read_on_from_any_offset(serve: Serve) -> None:
    served = serve(workers=2)
    whole = [entry.name for entry in os.scandir(served.many)]
    with os.scandir(served.many) as first, os.scandir(served.many) as second:
        mixed = [(next(first).name, next(second).name) for _ in range(MANY)]
    assert mixed == [(name, name) for name in whole]


def test_a_name_over_255_bytes_is_refused_as_too_long(serve: Serve) -> None:
    served = serve(workers=1)
    for directory in (served.mountpoint, served.many):
        with pytest.raises(OSError, match="File name too long") as caught:
            os.stat(directory / ("n" * 256))
        assert caught.value.errno == errno.ENAMETOOLONG


def test_extended_attributes_are_answered_by_name_and_not_listed(serve: Serve) -> None:
    served = serve(workers=1)
    path = served.many / "3"
    assert os.getxattr(path, "user.artfs.ino") == b"%d" % os.stat(path).st_ino
    assert os.listxattr(path) == []
    with pytest.raises(OSError, match="No data available"):
        os.getxattr(path, "user.artfs.colour")
    with pytest.raises(OSError, match="Operation not supported"):
        os.getxattr(path, "security.capability")


def test_statfs_tells_of_the_file_system_below(serve: Serve) -> None:
    served = serve(workers=1)
    here, below = os.statvfs(served.mountpoint), os.statvfs("/")
    assert (here.f_bsize, here.f_blocks, here.f_namemax) == (below.f_bsize, below.f_blocks, 255)


def test_the_kernel_asks_once_about_what_cannot_change(serve: Serve, served_directory: Path) -> None:
    trace = served_directory / "trace"
    trace.touch()
    served = serve(workers=2)
    for _ in range(3):
        os.stat(served.many / "5")
        assert failure(served.many / "absent") == errno.ENOENT
        assert (served.many / "6").read_bytes() == content(6)
    asked = trace.read_text().splitlines()
    assert [asked.count(f"lookup {name}") for name in ("5", "6", "absent")] == [1, 1, 1]
    assert asked.count(f"read {os.stat(served.many / '6').st_ino}") == 1


def test_what_may_change_is_asked_for_again_within_a_second(serve: Serve, served_directory: Path) -> None:
    trace = served_directory / "trace"
    trace.touch()
    served = serve(workers=2)

    def asked_again() -> bool:
        assert failure(served.mountpoint / "absent") == errno.ENOENT
        return trace.read_text().splitlines().count("lookup absent") > 1

    wait_until(asked_again, 1.0)


def test_an_error_nobody_foresaw_is_answered_and_the_worker_lives(serve: Serve) -> None:
    served = serve(workers=1)
    before = served.workers()
    assert failure(served.mountpoint / "raise") == errno.EIO
    assert (served.many / "1").read_bytes() == content(1)
    assert served.workers() == before
    log = served.logged("nobody foresaw")
    assert "read of inode" in log
    assert "RuntimeError" in log


def test_damage_is_an_input_output_error_and_a_line_in_the_log(serve: Serve) -> None:
    served = serve(workers=1)
    assert failure(served.mountpoint / "damaged") == errno.EIO
    log = served.logged("pack 77 is damaged at 4096")
    assert "Traceback" not in log


def test_what_was_deleted_meanwhile_is_a_stale_handle(serve: Serve) -> None:
    served = serve(workers=1)
    assert failure(served.mountpoint / "gone") == errno.ESTALE
    assert "deleted meanwhile" not in served.log()


@pytest.mark.parametrize(
    ("error", "number", "logged"),
    [
        (FileExistsError(errno.EEXIST, "exists"), errno.EEXIST, ""),
        (OSError(errno.ENOSPC, "full"), errno.ENOSPC, "answer of inode 7: [Errno 28] full"),
        (ConflictError("busy"), errno.EEXIST, "answer of inode 7: busy"),
        (FUSEError(errno.EPERM), errno.EPERM, ""),
    ],
)
def test_an_expected_error_is_logged_only_if_it_is_grave(
    caplog: pytest.LogCaptureFixture, error: Exception, number: int, logged: str
) -> None:
    def answer(_inode: int) -> None:
        raise error

    state = Scoreboard(1).slot(0)
    with pytest.raises(FUSEError) as caught:
        guard(answer, state, (OSError,))(7).send(None)
    assert caught.value.errno == number
    assert state[BUSY] == 1
    assert "\n".join(record.getMessage() for record in caplog.records) == logged
    assert all(record.exc_info is None for record in caplog.records)
