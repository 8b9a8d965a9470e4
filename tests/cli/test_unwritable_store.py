"""A store that cannot be written: everything that only looks works on it, and what would write says so."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

import artfs as package
from artfs.catalog import IndexEnvironment
from artfs.drafts.control.stage_request import StageRequest
from artfs.drafts.registry import DraftRegistry
from artfs.errors import ReadOnlyStoreError
from artfs.store import open_store
from tests.support.commands import Commands, store_state
from tests.support.mounts.mounts import ROOT, as_user

LOOKS: tuple[tuple[str, ...], ...] = (
    ("ls",),
    ("ls", "-lR", "animals"),
    ("tree", "animals"),
    ("cat", "animals/labels.csv"),
    ("get", "animals", "out"),
    ("log", "animals"),
    ("show", "animals"),
    ("diff", "animals:v0", "animals:v1"),
    ("alias", "ls", "animals"),
    ("tag", "ls", "animals"),
    ("lineage", "animals"),
    ("history", "--verify"),
    ("runs",),
    ("info",),
    ("drafts",),
    ("du",),
    ("warm", "animals"),
    ("fsck",),
    ("fsck", "--read-data"),
    ("gc", "--dry-run"),
    ("init",),
)
WRITES: tuple[tuple[str, ...], ...] = (
    ("put", "../images", "-n", "animals"),
    ("alias", "add", "animals", "good"),
    ("tag", "add", "animals", "clean"),
    ("edit", "animals", "--description", "x"),
    ("rename", "animals", "zoo"),
    ("link", "animals", "zoo"),
    ("rm", "animals:latest", "--delete-aliases"),
    ("gc",),
    ("run", "--", "true"),
)


@pytest.fixture
def read_only(stored: Commands, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Commands]:
    """The store, with two versions, a draft and a run, behind a read-only bind mount."""
    (images / "more").write_text("more")
    assert stored.process("run", "--", "true").code == 0
    stored.done("put", images, "-n", "animals")
    with open_store(stored.store) as store:
        DraftRegistry(store.layout.drafts).stage(store, StageRequest("animals"), (os.getuid(), os.getgid()))
    place = tmp_path / "read-only"
    place.mkdir()
    subprocess.run(["mount", "--bind", stored.store, place], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", place], check=True)
        monkeypatch.setenv("ARTFS_STORE", str(place))
        stored.environment["ARTFS_STORE"] = str(place)
        yield stored
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


@pytest.mark.by_root
def test_every_command_that_only_looks_works_on_a_store_that_cannot_be_written(read_only: Commands) -> None:
    """Every command is listed here, with what it prints left to its own tests.

    S70: On a store that cannot be written (a read-only file system, a snapshot, another user's that may be read) all
    commands that only look work, and so do Python, fsspec and the read-only mount; what would write says so.
    """
    for words in LOOKS:
        read_only.done(*words)
    checks = read_only("doctor", "--json").json["checks"]  # the machine may have dead mounts of others
    assert [c for c in checks if c["state"] == "problem" and not c["what"].startswith("mount ")] == []
    [draft] = read_only.done("drafts", "--json").json
    assert (draft["base"], draft["behind"], draft["summary"]["added"]) == ("animals:v1", False, 0), draft


@pytest.mark.by_root
def test_what_would_write_says_that_the_store_cannot_be_written(read_only: Commands) -> None:
    before = store_state(read_only.store)
    for words in WRITES:
        ended = read_only(*words)
        assert ended.failed(ended.code).endswith(
            ("Read-only file system", "commands that only look work on this store")
        )
        assert ended.code in (ReadOnlyStoreError.exit_code, 8), (words, ended)
    assert store_state(read_only.store) == before


@pytest.mark.by_root
def test_a_store_that_cannot_be_written_is_mounted_and_read(read_only: Commands, places: tuple[Path, Path]) -> None:
    ended = read_only.process("mount", places[0])
    assert (ended.code, ended.err) == (0, b""), ended
    assert (places[0] / "animals/latest/labels.csv").read_text() == "tom,cat\n"
    assert "its daemon is gone" not in read_only.process("info").text
    assert read_only.process("umount", places[0]).code == 0
    ended = read_only.process("mount", places[0], "--staging", places[1])
    assert "Read-only file system" in ended.failed(8)


@pytest.mark.by_root
def test_gc_keeps_what_is_read_in_a_mount_of_a_store_that_cannot_be_written(
    read_only: Commands, images: Path, places: tuple[Path, Path]
) -> None:
    """The mount cannot say what it reads, so gc keeps all until it is unmounted."""
    writable = ("--store", read_only.store)
    content = os.urandom(1 << 20)
    (images / "large").write_bytes(content)
    read_only.done(*writable, "put", images, "-n", "animals")
    (images / "large").unlink()
    read_only.done(*writable, "put", images, "-n", "animals")
    assert read_only.process("mount", places[0]).code == 0
    with open(places[0] / "animals/v2/large", "rb", buffering=0) as file:
        assert read_only.process(*writable, "rm", "animals:v2").code == 0
        assert read_only.process(*writable, "gc", "--now").code == 0
        assert file.read() == content
    assert read_only.process("umount", places[0]).code == 0
    assert read_only.process(*writable, "gc", "--dry-run", "--json").json["packs"] > 0


@pytest.mark.by_root
@pytest.mark.usefixtures("read_only")
def test_python_and_fsspec_read_a_store_that_cannot_be_written(tmp_path: Path) -> None:
    api = package.Api()
    assert api.artifact("animals").open("labels.csv").read() == b"tom,cat\n"
    assert [run.state for run in api.runs()] == ["finished"]
    api.artifact("animals").download(str(tmp_path / "copy"))
    assert (tmp_path / "copy/more").read_text() == "more"
    assert fsspec.open("artfs://animals/labels.csv").open().read() == b"tom,cat\n"
    with pytest.raises(ReadOnlyStoreError, match="cannot be written"):
        package.init(name="writes")


def test_a_user_who_may_only_read_reads(stored: Commands, request: pytest.FixtureRequest) -> None:
    before = store_state(stored.store)
    if os.geteuid() != 0:  # the owner, without the right to write
        subprocess.run(["chmod", "-R", "a-w", stored.store], check=True)
        request.addfinalizer(lambda: subprocess.run(["chmod", "-R", "u+w", stored.store], check=True))
    words = as_user(sys.executable, "-m", "artfs.cli", "--store", stored.store, device=False)
    for command in (("ls",), ("cat", "animals/labels.csv"), ("lineage", "animals"), ("fsck", "--read-data")):
        ended = subprocess.run([*words, *command], cwd=ROOT, capture_output=True, check=False)
        assert (ended.returncode, ended.stderr) == (0, b""), (command, ended)
    ended = subprocess.run([*words, "alias", "add", "animals", "x"], cwd=ROOT, capture_output=True, check=False)
    assert ended.returncode == ReadOnlyStoreError.exit_code
    assert os.strerror(errno.EACCES).encode() in ended.stderr
    assert store_state(stored.store) == before


@pytest.mark.by_root
def test_a_reader_that_cannot_write_sees_changes_of_those_that_can(read_only: Commands) -> None:
    """A commit waits for its transaction, so no page that it reads is written over."""
    place = Path(os.environ["ARTFS_STORE"])
    with IndexEnvironment.open(place / "index") as reader:
        before = reader.snapshot_id()
        words = read_only.line("--store", read_only.store, "alias", "add", "animals", "good")
        txn = reader.begin_read()
        writer = subprocess.Popen(words, env=read_only.environment)
        with pytest.raises(subprocess.TimeoutExpired):
            writer.wait(1.0)
        assert reader.snapshot_id() == before
        txn.abort()
        assert writer.wait(30) == 0
        assert reader.snapshot_id() > before
