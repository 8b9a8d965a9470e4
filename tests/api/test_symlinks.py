"""Symlinks inside a version are followed by the API as a mount follows them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

import artfs
from artfs.errors import InvalidInputError, NotFoundError, UnsafeTargetError


@pytest.fixture
def model(tmp_path: Path) -> Iterator[artfs.Artifact]:
    """A version with symlinks of all kinds; `data` beside its store is what it was made from."""
    top = tmp_path / "data"
    (top / "epochs").mkdir(parents=True)
    (top / "epochs" / "epoch3.pt").write_text("weights")
    for link, target in (
        ("last.pt", "epochs/epoch3.pt"),
        ("again.pt", "last.pt"),
        ("current", "epochs"),
        ("epochs/top", ".."),
        ("gone.pt", "epochs/epoch4.pt"),
        ("outside.pt", "../elsewhere"),
        ("circle", "circle"),
    ):
        (top / link).symlink_to(target)
    artifact = artfs.Artifact("m", store=tmp_path / "store")
    with pytest.warns(UserWarning, match="1 symlink leads out of the directory"):
        artifact.add_dir(top)
    artifact.save()
    yield artfs.Api(tmp_path / "store").artifact("m")
    artifact.store.close()


@pytest.mark.parametrize(
    "path", ["last.pt", "again.pt", "current/epoch3.pt", "current/top/last.pt", "epochs/top/current/epoch3.pt"]
)
def test_a_path_leads_through_symlinks_to_the_file_that_a_file_system_shows(
    model: artfs.Artifact, tmp_path: Path, path: str
) -> None:
    """What is read, copied and fetched is the file.

    S61: A path that goes through symlinks inside a version leads to the same file in a mount, for `artfs cat` and
    `artfs get`, in Python and through fsspec.
    """
    assert (tmp_path / "data" / path).read_text() == "weights"
    assert model.open(path).read() == b"weights"
    assert model.open(path, "r").read() == "weights"
    assert model.manifest.entries[path].open().read() == b"weights"
    copied = Path(model.get_entry(path).download(tmp_path / "out"))
    assert copied == tmp_path / "out" / path
    assert (copied.read_text(), copied.is_symlink()) == ("weights", False)
    files = fsspec.filesystem("artfs", store=str(tmp_path / "store"))
    assert files.cat(f"m/{path}") == b"weights"
    files.get(f"m/{path}", str(tmp_path / "fetched"))
    assert (tmp_path / "fetched").read_text() == "weights"


def test_a_symlink_is_an_entry_of_its_own_and_only_real_paths_are_listed(model: artfs.Artifact) -> None:
    assert list(model.manifest.entries) == [
        *("again.pt", "circle", "current", "epochs/epoch3.pt", "epochs/top", "gone.pt", "last.pt", "outside.pt")
    ]
    assert model.get_entry("last.pt") == model.manifest.entries["last.pt"] != model.get_entry("epochs/epoch3.pt")
    assert "current/epoch3.pt" in model.manifest.entries
    for missing in ("current/none", "last.pt/x", "outside.pt/x", "circle/x"):
        with pytest.raises(KeyError):
            model.get_entry(missing)


def test_a_symlink_that_leads_to_no_file_of_the_version_is_refused_with_its_path(model: artfs.Artifact) -> None:
    with pytest.raises(NotFoundError, match=r"epochs/epoch4\.pt"):
        model.open("gone.pt")
    with pytest.raises(InvalidInputError, match=r"'outside\.pt' leads out of the version"):
        model.open("outside.pt")
    with pytest.raises(InvalidInputError, match="circle"):
        model.open("circle")
    with pytest.raises(InvalidInputError, match="'current' leads to a directory"):
        model.open("current")


def test_a_symlink_to_a_directory_is_downloaded_as_that_directory(tmp_path: Path) -> None:
    files = artfs.Artifact("nested", store=tmp_path / "store")
    for path in ("a/b/one", "a/two"):
        with files.new_file(path) as file:
            file.write(path)
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "short").symlink_to("a/b")
    files.add_dir(tmp_path / "links")
    files.save()
    out = Path(files.get_entry("short").download(tmp_path / "out"))
    assert (out.is_symlink(), (out / "one").read_text()) == (False, "a/b/one")


def test_a_symlink_that_leads_nowhere_is_downloaded_as_it_is_and_never_outside(
    model: artfs.Artifact, tmp_path: Path
) -> None:
    assert Path(model.get_entry("gone.pt").download(tmp_path / "out")).readlink() == Path("epochs/epoch4.pt")
    with pytest.raises(UnsafeTargetError, match="leads outside"):
        model.get_entry("outside.pt").download(tmp_path / "out")


def test_a_directory_is_listed_and_downloaded_through_a_symlink(model: artfs.Artifact, tmp_path: Path) -> None:
    listed = model.manifest.get_entries_in_directory("current")
    assert [entry.path for entry in listed] == ["current/epoch3.pt", "current/top"]
    assert listed[0].open().read() == b"weights"
    assert [entry.path for entry in model.manifest.get_entries_in_directory("epochs/")] == [
        *("epochs/epoch3.pt", "epochs/top")
    ]
    for nothing in ("circle", "gone.pt", "outside.pt", "last.pt", "none", "../x"):
        assert model.manifest.get_entries_in_directory(nothing) == []
    for prefix in ("current/ep", "epochs/ep", "current/top/current/epoch3.pt"):
        out = tmp_path / prefix.replace("/", "-")
        model.download(out, path_prefix=prefix)
        assert [path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()] == [
            f"{prefix.rpartition('/')[0]}/epoch3.pt"
        ]
