"""Stores that are checked: what is wrong with one, as `artfs fsck --read-data` would say."""

from __future__ import annotations

from pathlib import Path

from artfs.drafts.fsck import check_store
from artfs.store.fsck import Report

__all__ = ["assert_clean", "invariants"]


def assert_clean(store: Path, *, read_data: bool = True) -> Report:
    """Prove that a store has no damage. It may be open, mounted and written to meanwhile.

    Args:
        store: Its directory.
        read_data: Whether to read all data too.
    """
    report = check_store(store, read_data=read_data)
    assert report.findings == ()
    assert report.affected == ()
    return report


def invariants(report: Report) -> set[str]:
    """Which invariants are broken."""
    return {finding.invariant for finding in report.findings}
