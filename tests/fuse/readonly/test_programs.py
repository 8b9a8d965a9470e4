"""Real programs read mounted copies of real things as they read the things themselves."""

from __future__ import annotations

import csv
import hashlib
import json
import mmap
import os
import random
import shutil
import sqlite3
import struct
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.data.trees import make_odd_tree, snapshot
from tests.support.mounts.mountedstore import MountedStore

Copy = tuple[Path, Path]
"""A directory, and where its copy is mounted."""

_GIT_IDENTITY = {
    "GIT_AUTHOR_NAME": "Ann",
    "GIT_AUTHOR_EMAIL": "ann@example.org",
    "GIT_COMMITTER_NAME": "Ann",
    "GIT_COMMITTER_EMAIL": "ann@example.org",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
}


def _run(*command: str | bytes | Path, at: Path, stdin: bytes = b"") -> bytes:
    """Run a program that must end well and complain of nothing; its output."""
    environment = {**os.environ, **_GIT_IDENTITY, "LC_ALL": "C"}
    ended = subprocess.run(command, cwd=at, input=stdin, capture_output=True, timeout=120, check=False, env=environment)
    assert (ended.returncode, ended.stderr) == (0, b""), ended
    return ended.stdout


@pytest.fixture(scope="module")
def store(shared: MountedStore) -> MountedStore:
    """A mounted store."""
    shared.done("init")
    shared.mount()
    return shared


@pytest.fixture(scope="module")
def odd(store: MountedStore) -> Copy:
    """Everything that an artifact can hold."""
    make_odd_tree(store.top / "odd")
    return store.top / "odd", store.put(store.top / "odd", name="odd")


@pytest.fixture(scope="module")
def emoji(store: MountedStore, openmoji: Path) -> Copy:
    """A real package of 11,500 small files."""
    return openmoji, store.put(openmoji, name="openmoji")


@pytest.fixture(scope="module")
def repository(store: MountedStore, botocore_releases: tuple[Path, Path]) -> Copy:
    """A git repository with a commit for each of two releases; the first is in a pack, the second is loose objects."""
    top = store.top / "repository"
    for number, release in enumerate(botocore_releases):
        shutil.copytree(release / "botocore", top / "botocore", dirs_exist_ok=True, ignore=_only_small)
        if number == 0:
            _run("git", "init", "--quiet", "--initial-branch=main", at=top)
        _run("git", "add", "--all", at=top)
        _run("git", "commit", "--quiet", "--message", release.name, at=top)
        if number == 0:
            _run("git", "gc", "--quiet", at=top)
    return top, store.put(top, name="repository")


def _only_small(directory: str, names: Sequence[str]) -> list[str]:
    """What to leave out: the large data files, which are most of the package and would make git the slowest here."""
    return [name for name in names if name.endswith(".gz") and os.path.getsize(os.path.join(directory, name)) > 5000]


@pytest.fixture(scope="module")
def database(store: MountedStore, openmoji: Path) -> Copy:
    """A directory with a database of all emoji."""
    top = store.top / "database"
    top.mkdir()
    with open(openmoji / "package" / "data" / "openmoji.csv", newline="") as file:
        rows = [(row["hexcode"], row["group"], row["annotation"]) for row in csv.DictReader(file)]
    with sqlite3.connect(top / "emoji.db") as connection:
        connection.execute("CREATE TABLE emoji (hexcode TEXT PRIMARY KEY, grp TEXT, annotation TEXT) STRICT")
        connection.execute("CREATE INDEX by_group ON emoji (grp, annotation)")
        connection.executemany("INSERT INTO emoji VALUES (?, ?, ?)", rows)
    connection.close()
    return top, store.put(top, name="database")


@pytest.fixture(scope="module")
def model(store: MountedStore, minilm_model: Path) -> Copy:
    """A real model, most of it one file of 91 MB."""
    return minilm_model, store.put(minilm_model, name="minilm")


def test_git_checks_and_reads_a_mounted_repository(repository: Copy) -> None:
    source, version = repository
    assert len(list((version / ".git" / "objects" / "pack").glob("*.pack"))) == 1
    assert len(list((version / ".git" / "objects").glob("??/*"))) > 20
    assert _run("git", "fsck", "--full", "--strict", at=version) == b""
    log = _run("git", "log", "-p", "--stat", at=version)
    assert log == _run("git", "log", "-p", "--stat", at=source)
    assert log.count(b"\ncommit ") + log.startswith(b"commit ") == 2
    assert _run("git", "status", "--porcelain", at=version) == b""


def test_git_clones_a_mounted_repository(repository: Copy, tmp_path: Path) -> None:
    _source, version = repository
    _run("git", "clone", "--quiet", version, tmp_path / "clone", at=tmp_path)
    ours, theirs = (_run("git", "ls-tree", "-r", "HEAD", at=top) for top in (tmp_path / "clone", version))
    assert ours == theirs
    assert (tmp_path / "clone/botocore/__init__.py").read_bytes() == (version / "botocore/__init__.py").read_bytes()


@pytest.mark.parametrize("name", ["odd", "emoji"])
def test_tar_makes_the_same_archive_of_a_mounted_copy(name: str, request: pytest.FixtureRequest) -> None:
    copy: Copy = request.getfixturevalue(name)
    command = ["tar", "--create", "--format=pax", "--pax-option=delete=atime,delete=ctime", "--sort=name"]
    command += ["--hard-dereference", "--owner=0", "--group=0", "--file=-", "."]  # owners are not stored
    archives = [_run(*command, at=top) for top in copy]
    assert len(archives[0]) > 10_000_000
    assert hashlib.sha256(archives[0]).digest() == hashlib.sha256(archives[1]).digest()


@pytest.mark.parametrize("name", ["odd", "emoji"])
def test_rsync_finds_nothing_to_do(name: str, request: pytest.FixtureRequest) -> None:
    source, version = request.getfixturevalue(name)
    command = ["rsync", "--checksum", "--dry-run", "--archive", "--itemize-changes", "--delete"]
    command += ["--no-owner", "--no-group"]  # not stored
    assert _run(*command, f"{source}/", f"{version}/", at=source) == b""
    assert _run(*command, f"{version}/", f"{source}/", at=source) == b""


@pytest.mark.parametrize("how", ["mode=ro", "immutable=1", "mode=ro&nolock=1"])
def test_sqlite_checks_and_queries_a_mounted_database(database: Copy, how: str) -> None:
    source, version = database
    query = "PRAGMA integrity_check; SELECT grp, count(*), max(annotation) FROM emoji GROUP BY grp ORDER BY grp;"
    answers = [
        _run("sqlite3", f"file:{top}/emoji.db?{how}", at=top, stdin=query.encode()).splitlines()
        for top in (source, version)
    ]
    assert answers[1] == answers[0]
    assert answers[1][0] == b"ok"
    assert len(answers[1]) > 5


def test_sqlite_reports_that_a_mounted_database_cannot_be_written(database: Copy) -> None:
    ended = subprocess.run(
        ["sqlite3", database[1] / "emoji.db", "DELETE FROM emoji;"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "readonly database" in ended.stderr


def test_a_models_tensors_are_read_through_a_map(model: Copy) -> None:
    """A reader of safetensors maps the file and takes tensors from anywhere in it."""
    (source,), (weights,) = (list(top.rglob("*.safetensors")) for top in model)
    data = source.read_bytes()
    with open(weights, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
        assert len(view) == len(data)
        (length,) = struct.unpack_from("<Q", view)
        tensors = [tensor for name, tensor in json.loads(view[8 : 8 + length]).items() if name != "__metadata__"]
        assert len(tensors) > 100
        rng = random.Random(7)
        rng.shuffle(tensors)
        for tensor in tensors:
            start, end = (8 + length + offset for offset in tensor["data_offsets"])
            assert view[start:end] == data[start:end]
        for _ in range(2000):
            at = rng.randrange(len(data))
            size = rng.choice((1, 100, 5000))
            assert view[at : at + size] == data[at : at + size]


def test_a_private_map_can_be_written_to_and_the_file_stays_as_it_is(model: Copy) -> None:
    """S7: A version never changes. The kernel may cache everything in it for as long as it likes."""
    (weights,) = model[1].rglob("*.safetensors")
    before = weights.read_bytes()[:4096]
    with open(weights, "rb") as file, mmap.mmap(file.fileno(), 4096, access=mmap.ACCESS_COPY) as view:
        view[:4] = b"mine"
        assert view[:4096] == b"mine" + before[4:]
    assert weights.read_bytes()[:4096] == before


@pytest.mark.parametrize("name", ["odd", "emoji"])
def test_find_tells_the_same_of_a_mounted_copy(name: str, request: pytest.FixtureRequest) -> None:
    source, version = request.getfixturevalue(name)
    for expression in (
        [".", "-printf", r"%P %y %m %T@ %l\0"],
        [".", "-type", "f", "-printf", r"%P %s\0"],  # the size of a directory is the file system's own
        [".", "-empty", "-print0"],
        ["-L", ".", "-xtype", "l", "-print0"],
    ):
        here, there = (sorted(_run("find", *expression, at=top).split(b"\0")) for top in (version, source))
        assert here == there


def test_sums_of_a_source_are_those_of_its_mounted_copy(odd: Copy, emoji: Copy) -> None:
    for source, version in (odd, emoji):
        files = _run("find", ".", "-type", "f", "-print0", at=source)
        sums = _run("xargs", "-0", "sha256sum", at=source, stdin=files)
        checked = _run("sha256sum", "--check", "--strict", at=version, stdin=sums)
        assert checked.count(b": OK\n") == sums.count(b"\n") == files.count(b"\0")


def test_cp_copies_a_mounted_version_out_whole(odd: Copy, tmp_path: Path) -> None:
    """Proof of S15.

    S15: `user.artfs.ref`, `user.artfs.digest`, `user.artfs.type` and `user.artfs.logged_by` are answered by name and
    not listed, so that copying tools do not copy them.
    """
    source, version = odd
    _run("cp", "-a", version, tmp_path / "copy", at=tmp_path)
    assert snapshot(tmp_path / "copy") == snapshot(source)
    for path in (tmp_path / "copy", *(tmp_path / "copy").rglob("*")):
        assert os.listxattr(path, follow_symlinks=False) == []


def test_many_programs_read_at_once_what_none_has_read_before(store: MountedStore, emoji: Copy) -> None:
    """The mount is another one, so that the kernel knows nothing of it."""
    source, version = emoji
    place = store.mount("--workers", "4", at=store.place("other"))
    again = place / version.relative_to(store.mountpoint)
    files = _run("find", ".", "-type", "f", "-print0", at=source)
    sums = _run("xargs", "-0", "sha256sum", at=source, stdin=files)
    readers = []
    for number in range(4):
        lines = sums.splitlines(keepends=True)
        random.Random(number).shuffle(lines)
        (store.top / f"sums-{number}").write_bytes(b"".join(lines))
        command = ["sha256sum", "--check", "--quiet", "--strict", os.fspath(store.top / f"sums-{number}")]
        readers.append(subprocess.Popen(command, cwd=again, stdout=subprocess.PIPE, stderr=subprocess.STDOUT))
    assert [(reader.communicate(timeout=120)[0], reader.returncode) for reader in readers] == [(b"", 0)] * 4
    store.umount(place)
