"""What was acknowledged is there after a power cut, on an ext4 and on an XFS.

A history, in one process or in a staging mount, runs on a real file system whose disk remembers each write and flush.
Then the disk is made as a power cut may have left it: all that was written before the last flush, and of the rest
anything. The kernel repairs the file system, and a process looks at the store. `scripts/torture powercut` does it a
thousand times.
"""

from __future__ import annotations

import secrets

import pytest

from tests.support.torture.powercut.devices import FILE_SYSTEMS
from tests.support.torture.powercut.powercuts import HISTORIES, check_power_cuts, cut_power, may_cut_power


def _seed() -> int:
    number = secrets.randbits(32)
    print(f"seed {number}")
    return number


@pytest.mark.parametrize("history", HISTORIES)
@pytest.mark.parametrize("kind", FILE_SYSTEMS)
def test_a_power_cut_loses_nothing_that_was_acknowledged(kind: str, history: str) -> None:
    """Proof of S25 and S32.

    S25: What was synced (fsync, sync) survives a power cut.

    S32: A version that a commit named is there after a kill -9 or a power cut.
    """
    if not may_cut_power():
        return  # only root may attach a disk
    cuts = 16 if history == "repairs" else 8  # between its many flushes there is less to lose
    done = cut_power(kind, _seed(), cuts, history=history)
    print(done)
    check_power_cuts(done)


@pytest.mark.parametrize("kind", FILE_SYSTEMS)
def test_without_syncs_a_power_cut_loses_what_was_acknowledged(kind: str) -> None:
    """The proof above would find out."""
    if not may_cut_power():
        return  # only root may attach a disk
    done = cut_power(kind, _seed(), 20, no_sync="/")
    assert done.history["swallowed"] > 100
    assert done.broken


@pytest.mark.parametrize(
    ("place", "history"),
    [("/store/tmp/", "library"), ("/store/journal", "library"), ("/store/index", "library"), ("/data/", "mount")],
)
def test_no_sync_is_made_for_nothing(place: str, history: str) -> None:
    """Those of packs, of the journal, of the index and of a draft's data files: without them something is lost."""
    if not may_cut_power():
        return  # only root may attach a disk
    done = cut_power("xfs", _seed(), 12, history=history, no_sync=place)
    assert done.history["swallowed"]
    assert done.broken
