"""A store to run commands on, and something to put into it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.commands import Commands


@pytest.fixture
def artfs(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch) -> Commands:
    """Runs commands in an empty directory, with settings of its own; their store is not made yet."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setenv("ARTFS_CONFIG", str(tmp_path / "config.toml"))
    return Commands(tmp_path / "store", capfdbinary, monkeypatch)


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """A small directory: two files, one of them below another directory, and a link to it."""
    top = tmp_path / "images"
    (top / "cats").mkdir(parents=True)
    (top / "labels.csv").write_text("tom,cat\n")
    (top / "cats" / "tom.png").write_bytes(bytes(range(256)) * 20)
    (top / "best").symlink_to("cats/tom.png")
    return top


@pytest.fixture
def stored(artfs: Commands, images: Path) -> Commands:
    """`animals:v0`, which has the alias `best`."""
    artfs.done("put", images, "-n", "animals", "-a", "best")
    return artfs


@pytest.fixture
def places(artfs: Commands, tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    """Two empty directories to mount at; whatever is mounted there is unmounted at the end."""
    both = tmp_path / "art", tmp_path / "stage"
    for place in both:
        place.mkdir()
    yield both
    artfs.process("umount", "--lazy", *both)


@pytest.fixture
def staging(stored: Commands, places: tuple[Path, Path]) -> Path:
    """Where the drafts of the store are mounted; the store itself is mounted beside it, at `art`."""
    ended = stored.process("mount", places[0], "--staging", places[1])
    assert (ended.code, ended.err) == (0, b""), ended
    return places[1]


@pytest.fixture
def draft(stored: Commands, staging: Path) -> Path:
    """An open draft of `animals`."""
    opened = Path(stored.done("stage", "animals").text)
    assert opened == staging / "animals"
    return opened
