"""Commands on a store in which a directory was replaced by a symlink."""

from __future__ import annotations

from pathlib import Path

import pytest

from artfs.errors import StoreError
from tests.support.commands import Commands


@pytest.mark.parametrize("name", ["packs", "journal", "index", "drafts", "runs", "readers", "tmp", "logs"])
def test_each_command_refuses_a_store_with_a_symlink_for_a_directory(
    stored: Commands, images: Path, places: tuple[Path, Path], tmp_path: Path, name: str
) -> None:
    elsewhere = tmp_path / "elsewhere"
    (stored.store / name).rename(elsewhere)
    (stored.store / name).symlink_to(elsewhere)
    before = sorted(elsewhere.rglob("*"))
    commands: tuple[tuple[str | Path, ...], ...] = (
        ("put", images, "-n", "animals"),
        ("gc",),
        ("mount", places[0], "--staging", places[1]),
        ("fsck", "--repair"),
        ("ls",),
    )
    for words in commands:
        said = stored(*words).failed(StoreError.exit_code)
        assert said.startswith(f"{stored.store / name} is a symlink, which is not followed in a store"), words
    assert sorted(elsewhere.rglob("*")) == before
