"""A draft as programs see it: a writable directory."""

from __future__ import annotations

import errno
import filecmp
import json
import mmap
import os
import shutil
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.data.trees import make_odd_tree, snapshot
from tests.support.libc import renameat2
from tests.support.mounts.stagedstore import StagedStore


@pytest.fixture
def draft(staged: StagedStore) -> Path:
    """An empty draft."""
    place = staged.mountpoint / "animals"
    place.mkdir()
    return place


def test_a_tree_is_copied_in_read_back_and_committed(staged: StagedStore, draft: Path, tmp_path: Path) -> None:
    source = tmp_path / "odd"
    make_odd_tree(source)
    subprocess.run(["cp", "-a", f"{source}/.", draft], check=True)
    copied, original = snapshot(draft), snapshot(source)
    assert copied == original
    ref = staged.commit(draft, message="odd")
    assert ref == "animals:v0"
    assert snapshot(staged.extracted(ref)) == original
    assert snapshot(draft) == original
    staged.umount()
    staged.mount()
    assert snapshot(draft) == original
    assert staged.troubles() == []


def test_a_draft_over_a_version_shows_it_and_takes_changes(staged: StagedStore, tmp_path: Path) -> None:
    source = tmp_path / "source"
    make_odd_tree(source)
    staged.put(source, "odd")
    draft = staged.stage("odd")
    assert snapshot(draft) == snapshot(source)
    for top in (draft, source):
        with open(top / "size-9000001", "r+b") as file:
            file.seek(5_000_000)
            file.write(b"x" * 100_000)
        (top / "many").rename(top / "moved")
        (top / "moved/007").unlink()
        os.truncate(top / "zeros", 1_000_001)
        shutil.rmtree(top / "deep")
        os.link(top / "text.csv", top / "moved/link")
    times = {name: (source / name).stat().st_mtime_ns for name in ("size-9000001", "zeros", "moved", ".")}
    for name, mtime_ns in times.items():
        os.utime(draft / name, ns=(0, mtime_ns))
    assert snapshot(draft) == snapshot(source)
    assert snapshot(staged.extracted(staged.commit(draft))) == snapshot(source)


def test_renames_do_what_rename_does(draft: Path) -> None:
    (draft / "a").write_text("a")
    (draft / "b").write_text("b")
    with pytest.raises(FileExistsError):
        renameat2(os.fsencode(draft / "a"), os.fsencode(draft / "b"), 1)
    renameat2(os.fsencode(draft / "a"), os.fsencode(draft / "b"), 2)
    assert ((draft / "a").read_text(), (draft / "b").read_text()) == ("b", "a")
    (draft / "a").rename(draft / "b")
    assert os.listdir(draft) == ["b"]
    assert (draft / "b").read_text() == "b"
    (draft / "d/e").mkdir(parents=True)
    with pytest.raises(OSError, match="Invalid argument"):
        (draft / "d").rename(draft / "d/e/f")


def test_a_file_that_is_unlinked_while_open_is_read_and_written_on(draft: Path) -> None:
    with open(draft / "a", "w+b") as file:
        file.write(b"1" * 100_000)
        file.flush()
        (draft / "a").unlink()
        assert os.listdir(draft) == []
        file.write(b"2" * 100_000)
        file.seek(0)
        assert file.read() == b"1" * 100_000 + b"2" * 100_000
        assert os.fstat(file.fileno()).st_nlink == 0


def test_a_shared_mapping_is_written_to_the_file(draft: Path) -> None:
    path = draft / "mapped"
    path.write_bytes(bytes(1 << 20))
    with open(path, "r+b") as file, mmap.mmap(file.fileno(), 0) as memory:
        memory[500_000:500_005] = b"hello"
        memory.flush()
        assert os.pread(file.fileno(), 5, 500_000) == b"hello"
    assert path.read_bytes()[500_000:500_005] == b"hello"


def test_appending_and_holes(draft: Path) -> None:
    path = draft / "log"
    for number in range(100):
        with open(path, "a", encoding="ascii") as file:
            file.write(f"{number}\n")
    assert path.read_text() == "".join(f"{number}\n" for number in range(100))
    with open(draft / "sparse", "wb") as file:
        file.seek(10_000_000)
        file.write(b"end")
    assert (draft / "sparse").read_bytes() == bytes(10_000_000) + b"end"


def test_links_modes_times_and_special_files(draft: Path) -> None:
    (draft / "a").write_text("a")
    os.link(draft / "a", draft / "b")
    assert (draft / "a").stat().st_nlink == 2
    assert (draft / "a").stat().st_ino == (draft / "b").stat().st_ino
    (draft / "a").unlink()
    assert (draft / "b").stat().st_nlink == 1
    (draft / "b").chmod(0o640)
    os.utime(draft / "b", ns=(1, 1_234_567_890_123_456_789))
    status = (draft / "b").stat()
    assert (stat.S_IMODE(status.st_mode), status.st_atime_ns, status.st_mtime_ns) == (
        0o640,
        1,
        1_234_567_890_123_456_789,
    )
    os.mkfifo(draft / "pipe", 0o622)
    assert stat.S_ISFIFO((draft / "pipe").stat().st_mode)
    with pytest.raises(OSError, match="not supported"):
        os.setxattr(draft / "b", "user.x", b"1")


def test_a_directory_is_listed_while_it_changes(draft: Path) -> None:
    for number in range(2000):
        (draft / f"{number:04}").touch()
    seen = []
    with os.scandir(draft) as entries:
        for entry in entries:
            seen.append(entry.name)
            os.unlink(entry.path)
    assert sorted(seen) == [f"{number:04}" for number in range(2000)]
    assert os.listdir(draft) == []


def test_the_root_holds_drafts_and_nothing_else(staged: StagedStore, draft: Path) -> None:
    root = staged.mountpoint
    attempts: tuple[Callable[[], object], ...] = (
        (root / "file").touch,
        lambda: (root / "link").symlink_to("animals"),
        lambda: draft.rename(root / "other"),
        lambda: os.mkfifo(root / "pipe"),
        lambda: (draft / ".artfs").rename(draft / "x"),
        (draft / ".artfs").rmdir,
        (draft / ".artfs/commit").unlink,
        (draft / ".artfs/x").mkdir,
        (root / ".artfs").rmdir,
    )
    for attempt in attempts:
        with pytest.raises(PermissionError) as caught:
            attempt()
        assert caught.value.errno == errno.EPERM
    with pytest.raises(OSError, match="Invalid argument"):
        (root / "no name: for an artifact").mkdir()
    with pytest.raises(FileExistsError):
        draft.mkdir()
    (root / "other").mkdir()
    assert sorted(os.listdir(root)) == ["animals", "other"]
    (draft / "a").write_text("a")
    with pytest.raises(OSError, match="cross-device"):
        os.rename(draft / "a", root / "other/a")
    with pytest.raises(OSError, match="cross-device"):
        os.link(draft / "a", root / "other/a")
    with pytest.raises(OSError, match="not empty"):
        draft.rmdir()
    (root / "other").rmdir()
    assert os.listdir(root) == ["animals"]
    assert [entry["name"] for entry in json.loads(staged.read("drafts"))] == ["animals"]
    assert os.listdir(draft) == ["a"]
    assert sorted(os.listdir(draft / ".artfs")) == ["commit", "conflicts", "meta", "result", "status"]


def test_a_draft_that_was_closed_is_gone_for_those_who_are_in_it(staged: StagedStore, draft: Path) -> None:
    (draft / "d").mkdir()
    inside = os.open(draft / "d", os.O_RDONLY)
    try:
        staged.write("discard", {"name": "animals", "force": True})
        with pytest.raises(OSError, match=r"[Ss]tale|No such"):
            os.stat("x", dir_fd=inside)
        draft.mkdir()
        assert os.listdir(draft) == []
    finally:
        os.close(inside)
    assert [path.name for path in (staged.store / "drafts").glob("[0-9]*")] == ["2.animals"]


def test_a_draft_that_was_discarded_is_gone_at_once(staged: StagedStore) -> None:
    for number in range(30):
        draft = staged.stage("animals")
        (draft / f"{number}").touch()
        assert os.listdir(draft) == [f"{number}"]
        staged.write("discard", {"name": "animals", "force": True})
        assert not os.path.lexists(draft)
        draft.mkdir()
        draft.rmdir()


def test_one_mount_serves_all_drafts_and_leaves_nothing(staged: StagedStore, draft: Path, tmp_path: Path) -> None:
    assert staged.info.staging
    (draft / "a").write_text("a")
    code, said = staged.try_mount(at=_made(tmp_path / "second"))
    assert code == 4
    assert "are served by another staging mount" in said
    staged.umount()
    assert os.listdir(staged.mountpoint) == []
    assert list((staged.store / "logs").glob("*.pid")) == []
    staged.mount()
    assert (draft / "a").read_text() == "a"


def _made(path: Path) -> Path:
    path.mkdir()
    return path


def test_real_programs_work_in_a_draft(draft: Path) -> None:
    def run(*command: str | Path) -> None:
        subprocess.run(command, cwd=draft, check=True, capture_output=True, timeout=100)

    library = Path(json.__file__).parent
    run("cp", "-r", library, "json")
    assert filecmp.dircmp(library, draft / "json").diff_files == []
    run("tar", "-cf", "json.tar", "json")
    run("mkdir", "out")
    run("tar", "-xf", "json.tar", "-C", "out")
    run("diff", "-r", "json", "out/json")
    run("python3", "-m", "compileall", "-q", "out")
    code = "import sqlite3; c=sqlite3.connect('db'); c.execute('create table t(x)'); "
    code += "c.executemany('insert into t values(?)', [(n,) for n in range(1000)]); c.commit(); c.close(); "
    code += "assert sqlite3.connect('db').execute('select sum(x) from t').fetchone() == (499500,)"
    run("python3", "-c", code)
    run("git", "init", "-q", ".")
    run("git", "-c", "user.name=x", "-c", "user.email=x", "commit", "-q", "--allow-empty", "-m", "first")
    run("git", "add", "json")
    run("git", "-c", "user.name=x", "-c", "user.email=x", "commit", "-q", "-m", "second")
    run("git", "fsck", "--strict")
    run("rm", "-r", ".git", "out", "json")
