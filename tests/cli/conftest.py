"""A store to run commands on, and something to put into it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.commands import Commands


@pytest.fixture
def artfs(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch) -> Commands:
    """Runs commands in an empty directory; their store is not made yet."""
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
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
