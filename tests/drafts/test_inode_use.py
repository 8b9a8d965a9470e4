"""Lookups of inodes that the kernel remembers."""

from __future__ import annotations

from artfs.drafts.db.schema import BASE
from artfs.drafts.inode_use import LookupCounts


def test_inodes_from_before_this_process_count_as_used_until_the_kernel_forgets_them() -> None:
    usage = LookupCounts(100)
    assert usage.is_used(99)
    assert usage.is_used(BASE + 5)
    assert not usage.is_used(100)
    usage.remember(99)
    assert usage.forget(99, 5)  # it knew of it before
    usage.opened(98, writing=False)
    assert not usage.forget(98, 1)
    fresh = LookupCounts()
    assert not fresh.is_used(5)
    fresh.remember(5)
    fresh.remember(5)
    assert not fresh.forget(5, 1)
    assert fresh.forget(5, 1)
