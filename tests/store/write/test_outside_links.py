"""Directories whose symlinks lead out of them, as a snapshot of Hugging Face's cache."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import pytest

import artfs
from artfs.errors import UnsupportedFileError
from artfs.store.write.outside_links import OutsideLinks
from artfs.store.write.scan import SourceDirectory, scan
from tests.support.commands import Commands


@pytest.fixture
def snapshot(tmp_path: Path) -> Path:
    """A snapshot: its files are symlinks into `../../blobs`."""
    blobs, snapshot = tmp_path / "model/blobs", tmp_path / "model/snapshots/86b5e09"
    blobs.mkdir(parents=True)
    (snapshot / "onnx").mkdir(parents=True)
    for name in ("aaa", "bbb"):
        (blobs / name).write_text(name)
    (blobs / "bbb").chmod(0o755)
    os.utime(blobs / "bbb", ns=(5, 7))
    (snapshot / "config.json").symlink_to("../../blobs/aaa")
    (snapshot / "onnx/model.onnx").symlink_to("../../../blobs/bbb")
    (snapshot / "best").symlink_to("onnx/model.onnx")
    return snapshot


@pytest.fixture
def command(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch) -> Commands:
    return Commands(tmp_path / "store", capfdbinary, monkeypatch)


def scanned(top: Path, ignore: bytes = b"", *, follow: bool = True) -> tuple[list[str], OutsideLinks]:
    """The paths that a scan finds, symlinks with their targets, and what it met of symlinks that lead outside."""
    links = OutsideLinks(follow)
    found: list[str] = []

    def walk(directory: SourceDirectory, prefix: str) -> None:
        found.extend(prefix + os.fsdecode(file.name) for file in directory.files)
        found.extend(f"{prefix}{os.fsdecode(link.name)} -> {os.fsdecode(link.extra)}" for link in directory.links)
        for child in directory.directories:
            found.append(f"{prefix}{os.fsdecode(child.name)}/")
            walk(child, f"{prefix}{os.fsdecode(child.name)}/")

    walk(scan(os.fsencode(top), ignore=ignore, links=links), "")
    return sorted(found), links


def test_put_says_that_symlinks_lead_outside_and_follows_them_when_asked(command: Commands, snapshot: Path) -> None:
    """Both are stored.

    S73: Of symlinks that lead out of a directory which is stored one line says how many there are, and names the first
    """
    ended = command("put", snapshot, "-n", "bert")
    assert (ended.code, ended.text) == (0, "bert:v0")
    first = os.fspath(snapshot / "config.json")
    assert ended.err.decode() == (
        "artfs: 2 symlinks lead out of the directory and will lead to nothing in the version; the first is "
        f"'{first}' -> '../../blobs/aaa': --follow-links stores what they lead to\n"
    )
    ended = command("put", snapshot, "-n", "bert", "--follow-links")
    assert (ended.text, ended.err) == ("bert:v1", b"")
    assert command.done("cat", "bert/best").out == b"bbb"


def test_add_dir_and_log_artifact_do_as_put_does(
    snapshot: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Contents, mode and time.

    S73: With `--follow-links` or `follow_links=True` what they lead to is stored in their place, with its mode and
    time; symlinks within stay symlinks.
    """
    monkeypatch.setenv("ARTFS_STORE", str(tmp_path / "store"))
    artifact = artfs.Artifact("bert")
    with pytest.warns(UserWarning, match="2 symlinks lead out of the directory.*follow_links=True stores") as caught:
        artifact.add_dir(snapshot)
    assert caught[0].filename == __file__
    with artfs.init() as run:
        with pytest.warns(UserWarning, match="2 symlinks lead out"):
            run.log_artifact(snapshot, name="bert")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            followed = run.log_artifact(snapshot, name="bert", follow_links=True)
    root = Path(followed.download(tmp_path / "out"))
    assert ((root / "config.json").read_text(), (root / "best").read_text()) == ("aaa", "bbb")
    status = os.lstat(root / "onnx/model.onnx")
    assert (status.st_mode, status.st_mtime_ns) == (0o100755, 7)
    assert os.readlink(root / "best") == "onnx/model.onnx"


def test_a_directory_that_is_followed_stands_alone(tmp_path: Path) -> None:
    top, shared = tmp_path / "top", tmp_path / "shared/data"
    (shared / "inner").mkdir(parents=True)
    top.mkdir()
    (shared / "a").write_text("a")
    (shared.parent / "beside").write_text("b")
    (shared / "inner/up").symlink_to("../a")
    (shared / "out").symlink_to("../beside")
    (top / "data").symlink_to(shared)
    (top / "beside").write_text("not that of the followed directory")
    found, links = scanned(top)
    assert found == ["beside", "data/", "data/a", "data/inner/", "data/inner/up -> ../a", "data/out"]
    assert links.kept == 0


@pytest.mark.parametrize("target", ["../..", "/", "../../", "../../top", "../sub/../.."])
def test_what_goes_in_circles_is_named_and_stays_a_symlink(tmp_path: Path, target: str) -> None:
    """However it goes there.

    S73: Those that lead to nothing or in circles are stored as they are and named.
    """
    top = tmp_path / "top"
    (top / "sub").mkdir(parents=True)
    (top / "sub/loop").symlink_to(target)
    found, links = scanned(top)
    assert found == ["sub/", f"sub/loop -> {target}"]
    assert links.warning("") == (
        f"1 symlink leads to nothing or in circles and cannot be followed; the first is '{top}/sub/loop' -> '{target}'"
    )


def test_two_directories_that_lead_to_each_other_are_followed_once(tmp_path: Path) -> None:
    for name, other in (("a", "b"), ("b", "a")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "to").symlink_to(f"../{other}")
        (tmp_path / name / f"in-{name}").write_text(name)
    found, links = scanned(tmp_path / "a")
    assert found == ["in-a", "to/", "to/in-b", "to/to -> ../a"]
    assert links.kept == 1


def test_symlinks_that_lead_nowhere_are_counted_and_the_first_is_named(tmp_path: Path) -> None:
    top = tmp_path / "top"
    top.mkdir()
    for name, target in (("a", "../gone"), ("b", "/gone"), ("c", "d"), ("d", "../top/c/x")):
        (top / name).symlink_to(target)
    found, links = scanned(top)
    assert found == ["a -> ../gone", "b -> /gone", "c -> d", "d -> ../top/c/x"]
    assert (links.kept, links.first) == (3, (os.fsencode(top / "a"), b"../gone"))


def test_what_is_ignored_is_neither_counted_nor_followed(tmp_path: Path) -> None:
    top, outside = tmp_path / "top", tmp_path / "outside"
    top.mkdir()
    outside.mkdir()
    (outside / "x.log").write_text("x")
    (outside / "kept").write_text("x")
    os.mkfifo(outside / "x.pipe")
    (top / "ignored").symlink_to("../gone")
    (top / "dir").symlink_to(outside)
    (top / "also").symlink_to(outside)
    found, links = scanned(top, b"/ignored\n*.log\n*.pipe\nalso/")
    assert (found, links.kept) == (["dir/", "dir/kept"], 0)
    with pytest.raises(UnsupportedFileError, match=r"outside/x\.pipe"):
        scanned(top)
