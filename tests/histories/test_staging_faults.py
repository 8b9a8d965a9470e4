"""Whatever call of a staging mount's processes goes wrong: the program in the draft gets an error, and nothing is lost.

A program copies files into a draft, edits, renames, unlinks, syncs and commits. `scripts/torture staging-faults` lets
each call go wrong by which the server, the storer or the supervisor changes the store, LMDB's among them; here every
70th is met. `tests.support.torture.stagingfaults.run.wrongs` has what is promised.
"""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from tests.support.faults.fault_child import FAULTS
from tests.support.torture.stagingfaults.run import play_all, wrongs

_EVERY = 70
_FEWEST = 100
"""Calls that the mount's processes make at the least: a harness that no longer meets them would prove nothing."""


@pytest.mark.parametrize("fault", FAULTS)
def test_no_fault_of_a_staging_mounts_processes_loses_what_was_acknowledged(tmp_path: Path, fault: str) -> None:
    """S26: The draft stays as it was before that request, and takes the next one.

    S24: What a program wrote and closed survives a kill -9 of any process of the mount, and of all of them

    S32: A commit that fails has published nothing, and the draft is as it was.
    """
    first = 1 + secrets.randbelow(_EVERY)
    print(f"every {_EVERY}th call from call {first} on")
    found = list(play_all(tmp_path, fault, every=_EVERY, first=first))
    assert [run["fired"] for run in found] == [*(run["k"] for run in found[:-1]), 0]
    assert found[-1]["calls"] >= _FEWEST
    for run in found:
        assert wrongs(run, fault) == [], (run["k"], run["call"])
