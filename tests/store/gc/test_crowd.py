"""Readers, committers and gc side by side. `scripts/torture gc` does the same with more of them, for longer."""

from __future__ import annotations

from pathlib import Path

from tests.support.gc_crowd import run_crowd


def test_each_read_equals_its_digest_beside_committers_and_gc(tmp_path: Path) -> None:
    done = run_crowd(tmp_path, 1, readers=2, committers=2, rounds=12)
    assert done["committed"] == 24
    assert done["collected"] > 0
    assert done["freed"] > 0
    assert done["read"] > 0
