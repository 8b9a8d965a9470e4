"""Promises about drafts that no other test quotes."""

from __future__ import annotations

import os
import secrets
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from artfs.store import open_store
from artfs.store.fsck import fsck
from artfs.vfs.draft.draft import Draft
from artfs.vfs.draft.environment import RowsEnvironment
from artfs.vfs.draft.rows import BASE
from artfs.vfs.draft.table import Txn
from tests.support.drafts import make_draft
from tests.support.mounts import wait_until
from tests.support.stagedstore import StagedStore

_BIG = 8 << 20


@pytest.fixture
def draft(staged: StagedStore) -> Path:
    """An empty draft."""
    place = staged.mountpoint / "animals"
    place.mkdir()
    return place


def held(staged: StagedStore) -> int:
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
    assert held(staged) == 0
    with open(draft / "big", "r+b") as file:
        file.seek(1 << 20)
        file.write(b"x" * 4096)
    assert (draft / "big").read_bytes() == contents[: 1 << 20] + b"x" * 4096 + contents[(1 << 20) + 4096 :]
    assert held(staged) < 64 << 10


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
    told = subprocess.run(command, cwd=draft, capture_output=True, text=True, timeout=30, check=True).stdout.split()
    assert told == ["65534", "refused"]
    (draft / "id").write_bytes(Path("/usr/bin/id").read_bytes())
    (draft / "id").chmod(0o4755)
    command = ["setpriv", "--reuid=65534", "--clear-groups", "./id", "-u"]
    told = subprocess.run(command, cwd=draft, capture_output=True, text=True, timeout=30, check=True).stdout.split()
    assert told == ["65534"]


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


def test_syncing_a_file_syncs_its_bytes_and_then_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """S25: What was synced (fsync, sync) survives a power cut."""
    synced: list[str] = []
    real = os.fdatasync

    def fdatasync(descriptor: int) -> None:
        synced.append(os.path.basename(os.readlink(f"/proc/self/fd/{descriptor}")))
        real(descriptor)

    with open_store(tmp_path / "store", create=True) as store:
        draft = Draft(make_draft(tmp_path / "draft", None), store)
        try:
            small = draft.make(BASE, b"small", stat.S_IFREG | 0o644, 0, 0).ino
            large = draft.make(BASE, b"large", stat.S_IFREG | 0o644, 0, 0).ino
            monkeypatch.setattr(os, "fdatasync", fdatasync)
            for ino, size, kind in ((small, 100, "spool-"), (large, 1 << 20, "")):
                draft.write(ino, 0, b"x" * size)
                synced.clear()
                draft.sync(ino)
                assert len(synced) == 2
                assert synced[0].removeprefix(kind).isdigit()
                assert synced[1].startswith("redo-")
        finally:
            draft.close()


def test_the_names_of_data_files_are_synced_before_any_row_that_speaks_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file of which rows are on the disk, and the name is not, could not be read after a power cut."""
    synced: list[str] = []
    real, real_commit = os.fsync, RowsEnvironment.commit

    def fsync(descriptor: int) -> None:
        synced.append(os.path.basename(os.readlink(f"/proc/self/fd/{descriptor}")))
        real(descriptor)

    def commit(environment: RowsEnvironment, txn: Txn) -> None:
        synced.append("rows")
        real_commit(environment, txn)

    with open_store(tmp_path / "store", create=True) as store:
        place = make_draft(tmp_path / "draft", None)
        monkeypatch.setattr(os, "fsync", fsync)
        monkeypatch.setattr(RowsEnvironment, "commit", commit)
        for _new_or_opened_again in range(2):
            draft = Draft(place, store)
            try:
                synced_file, other = (
                    draft.make(BASE, secrets.token_bytes(8).hex().encode(), stat.S_IFREG | 0o644, 0, 0).ino
                    for _ in range(2)
                )
                draft.write(synced_file, 0, b"x" * (1 << 20))
                draft.write(other, 0, b"x" * (1 << 20))
                synced.clear()
                draft.sync(synced_file)  # and with it the rows of the other
                assert synced[0] == "data"
                draft.write(other, 1 << 20, b"y")
                synced.clear()
                draft.checkpoint()
                assert "data" not in synced  # which costs a flush of the disk
                third = draft.make(BASE, secrets.token_bytes(8).hex().encode(), stat.S_IFREG | 0o644, 0, 0).ino
                draft.write(third, 0, b"x" * (1 << 20))
                synced.clear()
                draft.checkpoint()
                assert synced.index("data") < synced.index("rows")
            finally:
                draft.close()


@pytest.mark.parametrize("size", [500, 300_000])
def test_what_was_synced_survives_an_append_of_which_the_bytes_are_lost(tmp_path: Path, size: int) -> None:
    """The kernel writes whole pages: an append writes again what its page had, and that may have been synced.

    S25: What was synced (fsync, sync) survives a power cut.
    """
    data = tmp_path / "draft" / "data"
    with open_store(tmp_path / "store", create=True) as store:
        draft = Draft(make_draft(tmp_path / "draft", None), store)
        try:
            ino = draft.make(BASE, b"log", stat.S_IFREG | 0o644, 0, 0).ino
            draft.write(ino, 0, b"a" * size)
            draft.sync(ino)
            draft.freeze()
            draft.thaw()
            durable = set(os.listdir(data))
            page = size // 4096 * 4096
            piece = b"a" * (size - page) + b"b" * 100
            assert draft.write(ino, page, piece) == len(piece)
            assert bytes(draft.read(ino, 0, size + 200)) == b"a" * size + b"b" * 100
            lost = set(os.listdir(data)) - durable
            assert lost
            for name in lost:
                os.truncate(data / name, 0)
            assert bytes(draft.read(ino, 0, size + 200)) == b"a" * size + bytes(100)
        finally:
            draft.close()


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
