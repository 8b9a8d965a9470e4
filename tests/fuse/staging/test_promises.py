"""Promises about drafts that no other test quotes."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from artfs.store.fsck import fsck
from tests.support.mounts.mounts import wait_until
from tests.support.mounts.stagedstore import StagedStore

_BIG = 8 << 20


@pytest.fixture
def draft(staged: StagedStore) -> Path:
    """An empty draft."""
    place = staged.mountpoint / "animals"
    place.mkdir()
    return place


def _disk_bytes(staged: StagedStore) -> int:
    """Bytes that data files take on the disk."""
    return sum(path.stat().st_blocks * 512 for path in staged.store.glob("drafts/*/data/*"))


def test_a_write_to_a_part_of_a_file_keeps_that_part(staged: StagedStore, tmp_path: Path) -> None:
    """A draft is not a copy.

    S19: A draft that is opened over a version shows that version, and copies nothing of it: a write to a part of a
    file keeps that part and takes the rest from the version.
    """
    source = tmp_path / "source"
    source.mkdir()
    contents = os.urandom(_BIG)
    (source / "big").write_bytes(contents)
    staged.put(source, "animals")
    draft = staged.stage("animals")
    assert (draft / "big").read_bytes() == contents
    assert _disk_bytes(staged) == 0
    with open(draft / "big", "r+b") as file:
        file.seek(1 << 20)
        file.write(b"x" * 4096)
    assert (draft / "big").read_bytes() == contents[: 1 << 20] + b"x" * 4096 + contents[(1 << 20) + 4096 :]
    assert _disk_bytes(staged) < 64 << 10


def test_what_a_version_had_is_the_mounters_and_what_is_made_its_makers(staged: StagedStore, tmp_path: Path) -> None:
    """A draft has owners, as a local file system has.

    S21: What a version had belongs to the user who mounted; what is made belongs to who makes it. The kernel checks
    permissions by owner and mode, set-user-ID bits have no effect, and devices cannot be opened.
    """
    source = tmp_path / "source"
    source.mkdir()
    (source / "file").write_text("x")
    staged.put(source, "animals")
    staged.umount()
    staged.mount(allow_other=True)
    draft = staged.stage("animals")
    assert ((draft / "file").stat().st_uid, (draft / "file").stat().st_gid) == (os.geteuid(), os.getegid())
    draft.chmod(0o777)
    (draft / "private").write_text("secret")
    (draft / "private").chmod(0o600)
    os.mknod(draft / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    with pytest.raises(PermissionError):
        (draft / "null").read_bytes()
    program = (
        "import os; open('made', 'w').close(); print(os.stat('made').st_uid)\n"
        "try: open('private')\n"
        "except PermissionError: print('refused')\n"
    )
    command = ["setpriv", "--reuid=65534", "--clear-groups", sys.executable, "-c", program]
    printed = subprocess.run(command, cwd=draft, capture_output=True, text=True, timeout=30, check=True).stdout.split()
    assert printed == ["65534", "refused"]
    (draft / "id").write_bytes(Path("/usr/bin/id").read_bytes())
    (draft / "id").chmod(0o4755)
    command = ["setpriv", "--reuid=65534", "--clear-groups", "./id", "-u"]
    printed = subprocess.run(command, cwd=draft, capture_output=True, text=True, timeout=30, check=True).stdout.split()
    assert printed == ["65534"]


def test_inode_numbers_stay_over_commits_and_mounts(staged: StagedStore, draft: Path) -> None:
    """Numbers of inodes are for ever.

    S22: An inode number in a draft stays as long as the file is there, also over commits and mounts. The time of
    access changes only when it is set.
    """
    (draft / "d").mkdir()
    (draft / "d/a").write_text("a")
    (draft / "b").write_text("b")
    os.utime(draft / "b", ns=(123_456_789, 987_654_321))
    paths = [draft, draft / "d", draft / "d/a", draft / "b"]
    numbers = [path.stat().st_ino for path in paths]
    staged.commit(draft)
    (draft / "b").write_text("changed")
    (draft / "d/a").rename(draft / "a")
    paths[2] = draft / "a"
    assert [path.stat().st_ino for path in paths] == numbers
    os.utime(draft / "b", ns=(123_456_789, 987_654_321))
    assert (draft / "b").read_text() == "changed"
    staged.umount()
    staged.mount()
    assert [path.stat().st_ino for path in paths] == numbers
    assert (draft / "b").stat().st_atime_ns == 123_456_789


def test_a_draft_does_what_a_local_file_system_does(draft: Path) -> None:
    """What programs ask of a file system first.

    S20: Inside a draft files, directories, symlinks, hard links, FIFOs, sockets and devices are made, written, moved
    and removed as on a local file system: rename with NOREPLACE and EXCHANGE, O_APPEND, O_DIRECT, shared writable
    mappings, locks, files that are unlinked while open, listings that are stable while names come and go.

    (What it does in particular is in `test_basics`, `test_programs` and the machines; here is what programs ask first.)
    """
    (draft / "file").write_bytes(b"0123456789")
    os.link(draft / "file", draft / "second")
    os.symlink("file", draft / "link")
    os.mkfifo(draft / "fifo")
    (draft / "directory").mkdir()
    kinds = {path.name: stat.S_IFMT(path.lstat().st_mode) for path in draft.iterdir()}
    assert kinds == {
        "file": stat.S_IFREG,
        "second": stat.S_IFREG,
        "link": stat.S_IFLNK,
        "fifo": stat.S_IFIFO,
        "directory": stat.S_IFDIR,
    }
    assert (draft / "second").stat().st_nlink == 2
    with open(draft / "file", "r+b") as file:
        os.unlink(draft / "file")
        os.unlink(draft / "second")
        assert os.fstat(file.fileno()).st_nlink == 0
        file.seek(5)
        file.write(b"x")
        file.seek(0)
        assert file.read() == b"01234x6789"
    assert not (draft / "link").exists()


def test_a_draft_can_be_committed_after_the_index_was_made_again(staged: StagedStore, draft: Path) -> None:
    """S53: When `artfs fsck --repair` has made the index again, a mount works on the new one within a second."""
    (draft / "before").write_bytes(b"before")
    server = staged.server
    with open(draft / "open", "wb") as file:
        file.write(b"o")
        (staged.store / "index" / "data.mdb").unlink()
        assert not fsck(staged.store, repair=True).affected
        wait_until(lambda: staged.server != server)
        file.write(b"pen")
    (draft / "after").write_bytes(b"after")
    staged.commit(draft)
    version = staged.extracted("animals:v0")
    assert {path.name: path.read_bytes() for path in version.iterdir()} == {
        "before": b"before",
        "open": b"open",
        "after": b"after",
    }
