"""The stack of directories goes deeper than descriptors, and comes back to the same directories or says so."""

from __future__ import annotations

import os
from pathlib import Path

from artfs.files.directory_stack import DirectoryStack

_FLAGS = os.O_RDONLY | os.O_DIRECTORY


def _descend(stack: DirectoryStack, levels: int) -> None:
    for _level in range(levels):
        os.mkdir("d", dir_fd=stack.here)
        stack.enter(os.open("d", _FLAGS, dir_fd=stack.here))


def test_few_directories_are_open_and_the_way_back_leads_to_the_same(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    top = os.open(tmp_path, _FLAGS)
    with DirectoryStack(top) as stack:
        _descend(stack, 500)
        assert len(os.listdir("/proc/self/fd")) < before + 100
        for _level in range(500):
            assert stack.leave()
        assert stack.here == top
    os.close(top)
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_directory_that_was_moved_away_is_noticed(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    (tmp_path / "elsewhere").mkdir()
    top = os.open(tmp_path, _FLAGS)
    with DirectoryStack(top) as stack:
        _descend(stack, 100)
        place = tmp_path.joinpath(*["d"] * 20)
        place.rename(tmp_path / "elsewhere/d")
        assert not all(stack.leave() for _level in range(100))
    os.close(top)
    assert len(os.listdir("/proc/self/fd")) == before
