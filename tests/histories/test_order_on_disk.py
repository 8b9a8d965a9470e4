"""What must be on the disk before something else is: calls of the system, held against the rules of docs/FORMAT.md."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.faults.order import Call, broken_rules, record

RENAMES = {"put": 4, "commit": 2, "import": 2, "rebuild": 2, "stage": 2, "gc": 4, "repair": 3, "drafts": 2}
"""Renames that a scenario makes at the least: a recorder that misses them would prove nothing."""


@pytest.mark.parametrize("scenario", RENAMES)
def test_what_is_moved_into_place_and_its_name_are_on_the_disk_first(tmp_path: Path, scenario: str) -> None:
    calls = record(tmp_path, scenario)
    assert sum(call.name == "rename" for call in calls) >= RENAMES[scenario]
    assert list(broken_rules(calls)) == []


def test_each_sync_of_a_quarantine_is_one_that_the_rules_ask_for(tmp_path: Path) -> None:
    calls = record(tmp_path, "repair")
    moved = [call for call in calls if call.name == "rename" and call.path.startswith("/quarantine/")]
    assert moved
    for call in moved:
        for directory in ("/quarantine", call.source.rpartition("/")[0]):
            assert list(broken_rules([one for one in calls if one != Call("fsync", directory)])), directory
