"""Files that change while they are added: noticed and reported with either policy, and never half of one kept."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import artfs
from artfs.errors import ReferenceChangedError, SourceChangedError
from tests.support.data.checked import assert_clean
from tests.support.programs import rewriter

POLICIES = ("immutable", "mutable")
SMALL, LARGE = 100_000, 12 << 20


def _overwrite(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"other")


def _append(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def _replace(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(b"other")
    other.rename(path)


CHANGES: dict[str, Callable[[Path], object]] = {
    "overwritten in place": _overwrite,
    "grown": _append,
    "cut short": lambda path: os.truncate(path, 1000),
    "replaced": _replace,
    "removed": Path.unlink,
}


class During:
    """Makes a change once, between a file's first bytes being read and the next.

    Attributes:
        fired: How often it was made.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, path: Path, change: Callable[[Path], object]) -> None:
        self.fired = 0
        self._read, self._readv, self._pread = os.read, os.readv, os.pread
        self._change, self._path, self._inode = change, path, path.stat().st_ino
        monkeypatch.setattr(os, "read", lambda file, size: self._after(file, self._read(file, size)))
        monkeypatch.setattr(os, "readv", lambda file, views: self._after(file, self._readv(file, views)))
        monkeypatch.setattr(os, "pread", lambda file, size, at: self._after(file, self._pread(file, size, at)))

    def _after(self, descriptor: int, read: object) -> object:
        if not self.fired and os.fstat(descriptor).st_ino == self._inode:
            self.fired += 1
            self._change(self._path)
        return read


@pytest.mark.parametrize("how", ["add_file", "add_dir"])
@pytest.mark.parametrize("size", [SMALL, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("policy", POLICIES)
def test_a_file_that_changes_while_it_is_added_is_reported_and_nothing_of_it_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, policy: str, change: str, size: int, how: str
) -> None:
    path = tmp_path / "source" / "a.bin"
    path.parent.mkdir()
    path.write_bytes(b"x" * size)
    artifact = artfs.Artifact("changing", store=tmp_path / "store")

    def add() -> object:
        if how == "add_file":
            return artifact.add_file(path, policy=policy)
        return artifact.add_dir(path.parent, policy=policy)

    with monkeypatch.context() as patch:
        during = During(patch, path, CHANGES[change])
        with pytest.raises(SourceChangedError, match=r"'.*a\.bin' changed while it was read") as caught:
            add()
        assert during.fired == 1
    assert type(caught.value) is SourceChangedError
    assert len(artifact.manifest.entries) == 0
    if change == "removed":
        path.write_bytes(b"again")
    add()
    artifact.save()
    assert artifact.open("a.bin").read() == path.read_bytes()
    artifact.store.close()
    assert_clean(tmp_path / "store")


@pytest.mark.parametrize("change", CHANGES)
def test_a_file_that_changes_while_it_is_referred_to_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"x" * SMALL)
    artifact = artfs.Artifact("changing", store=tmp_path / "store")
    with monkeypatch.context() as patch:
        during = During(patch, path, CHANGES[change])
        with pytest.raises(SourceChangedError) as caught:
            artifact.add_reference(path.as_uri())
        assert during.fired == 1
    assert type(caught.value) is SourceChangedError
    assert len(artifact.manifest.entries) == 0


@pytest.mark.parametrize("change", CHANGES)
def test_a_reference_whose_file_changes_while_it_is_read_gives_no_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"x" * SMALL)
    artifact = artfs.Artifact("changing", store=tmp_path / "store")
    artifact.add_reference(path.as_uri())
    artifact.save()
    with monkeypatch.context() as patch:
        during = During(patch, path, CHANGES[change])
        with pytest.raises(ReferenceChangedError) as caught:
            artifact.open("a.bin").read()
        assert during.fired == 1
    assert type(caught.value) is ReferenceChangedError


@pytest.mark.parametrize("policy", POLICIES)
def test_beside_a_process_that_rewrites_a_file_only_whole_moments_of_it_are_stored(tmp_path: Path, policy: str) -> None:
    path, size = tmp_path / "a.bin", 4 << 20
    path.write_bytes(rewriter.round_of(0, size))
    artifact = artfs.Artifact("raced", store=tmp_path / "store")
    line = [sys.executable, "-m", "tests.support.programs.rewriter", os.fspath(path), str(size)]
    with subprocess.Popen(line, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]) as writer:
        try:
            assert writer.stdout is not None
            assert writer.stdout.readline() == b"\n"  # it is at work
            outcomes: list[bool] = []
            while outcomes.count(False) < 3:
                outcomes.append(_added(artifact, path, f"{len(outcomes)}.bin", policy))
        finally:
            writer.kill()
    assert _added(artifact, path, "last.bin", policy)
    artifact.save()
    assert len(artifact.manifest.entries) == outcomes.count(True) + 1
    for entry in artifact.files():
        assert rewriter.is_moment(entry.open().read())
    assert artifact.open("last.bin").read() == path.read_bytes()


def _added(artifact: artfs.Artifact, path: Path, name: str, policy: str) -> bool:
    try:
        artifact.add_file(path, name=name, policy=policy)
    except SourceChangedError:
        return False
    return True
