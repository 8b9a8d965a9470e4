"""`verify` and `checkout` leave alone what `.artfsignore` names, as git does with ignored files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import artfs
from artfs.api.artifact.artifact import Artifact
from artfs.errors import InvalidInputError


@pytest.fixture
def logged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Artifact]:
    """A version that ignores `*.log` and `cache/`, but has `kept.log`; it is written out at `copy`."""
    monkeypatch.setenv("ARTFS_STORE", str(tmp_path / "store"))
    source = tmp_path / "source"
    (source / "sub").mkdir(parents=True)
    (source / ".artfsignore").write_text("*.log\ncache/\n!kept.log\n")
    (source / "a.txt").write_text("a")
    (source / "sub/kept.log").write_text("kept")
    artifact = artfs.Artifact("animals")
    artifact.add_dir(source)
    artifact.save()
    artifact.download(tmp_path / "copy")
    yield artifact
    artifact.store.close()


@pytest.fixture
def copy(logged: Artifact, tmp_path: Path) -> Path:
    """The copy, with ignored files beside, below and in directories that the version does not have."""
    assert logged.name == "animals:v0"
    top = tmp_path / "copy"
    for path in ("train.log", "sub/train.log", "cache/deep/file", "new/cache/file", "new/deep/train.log"):
        (top / path).parent.mkdir(parents=True, exist_ok=True)
        (top / path).write_text("ignored")
    return top


def _files(top: Path) -> set[str]:
    return {str(path.relative_to(top)) for path in top.rglob("*") if not path.is_dir()}


def test_verify_reports_no_ignored_files(logged: Artifact, copy: Path) -> None:
    logged.verify(copy)
    (copy / "new/deep/other").write_text("not ignored")
    (copy / "sub/kept.log").write_text("changed")
    with pytest.raises(InvalidInputError) as raised:
        logged.verify(copy)
    said = str(raised.value)
    assert "'new/deep/other' is not in the version" in said
    assert "'sub/kept.log' has other contents" in said
    assert "train.log" not in said


def test_checkout_leaves_ignored_files_and_removes_the_others(logged: Artifact, copy: Path) -> None:
    before = _files(copy)
    for path in ("other", "new/other", "gone/deep/other"):
        (copy / path).parent.mkdir(parents=True, exist_ok=True)
        (copy / path).write_text("not ignored")
    logged.checkout(copy)
    assert _files(copy) == before
    assert not (copy / "gone").exists()


def test_checkout_counts_the_rules_of_the_version_where_the_directory_has_none(logged: Artifact, copy: Path) -> None:
    (copy / ".artfsignore").unlink()
    logged.checkout(copy)
    assert (copy / "train.log").exists()


def test_what_is_ignored_and_in_the_way_is_replaced(logged: Artifact, copy: Path) -> None:
    (copy / "sub/kept.log").unlink()
    (copy / "sub/kept.log").mkdir()
    (copy / "sub/kept.log/train.log").write_text("ignored")
    logged.checkout(copy)
    assert (copy / "sub/kept.log").read_text() == "kept"
