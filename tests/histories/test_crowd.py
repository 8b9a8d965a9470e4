"""Readers, committers and gc side by side. `scripts/torture crowd` does the same with more of them, for longer."""

from __future__ import annotations

import secrets
from pathlib import Path

from tests.support.torture.crowd.run import run_crowd


def test_each_read_equals_its_digest_beside_committers_and_gc_and_nothing_is_left_behind(tmp_path: Path) -> None:
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    crowded = run_crowd(tmp_path, seed, readers=2, committers=3, seconds=12)
    assert set(crowded.done) == {"committed", "deleted", "collected", "freed", "read", "read in the mount"}
    assert all(crowded.done.values()), crowded.done
    assert crowded.readers == "(no active readers)"
    assert crowded.troubles == []
