"""Inode numbers and file handles of a staging mount."""

from __future__ import annotations

from artfs.drafts.db.schema import BASE
from artfs.drafts.registry import MAX_NUMBER
from artfs.fuse.staging.inode_numbers import (
    CONTROL,
    WRITING,
    control_handle,
    is_control,
    join,
    local_of_handle,
    split,
)


def test_inodes_and_handles_have_distinct_numbers() -> None:
    highest = join(MAX_NUMBER, BASE + 2**37 - 1)
    assert highest < 2**64
    assert split(highest) == (MAX_NUMBER, BASE + 2**37 - 1)
    assert split((highest | WRITING) & ~WRITING) == split(highest)
    file = join(5, CONTROL + 3)
    handles = {control_handle(file, opening) for opening in range(1000)}
    assert len(handles) == 1000
    assert {local_of_handle(split(handle)[1]) for handle in handles} == {CONTROL + 3}
    assert all(is_control(split(handle)[1]) for handle in handles)
    assert not is_control(BASE)
    assert not is_control(2**37 - 1)
