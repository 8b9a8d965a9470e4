"""Whatever call of the system goes wrong, what was acknowledged is there and whole, and nothing is there by halves.

Each call by which a put, commit, rebuild, repair, draft or gc changes the store, LMDB's among them, is met in turn.
"""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from tests.support.faults.faults import check_run, run_all

FEWEST = {"put": 40, "commit": 20, "import": 20, "rebuild": 15, "stage": 40, "gc": 60, "repair": 20}
"""Calls that a scenario makes at the least: a harness that no longer meets them would prove nothing."""

_STEP = 14


@pytest.mark.parametrize("scenario", FEWEST)
def test_a_kill_before_any_call_loses_nothing_that_was_acknowledged(tmp_path: Path, scenario: str) -> None:
    found = run_all(tmp_path, scenario, "kill")
    assert [run["killed"] for run in found] == [True] * (len(found) - 1) + [False]
    assert len(found) > FEWEST[scenario]
    for run in found:
        check_run(run, "kill")


def test_an_import_shows_all_its_versions_or_none_whatever_goes_wrong(tmp_path: Path) -> None:
    for fault in ("kill", "ENOSPC"):
        (tmp_path / fault).mkdir()
        seen = set()
        for run in run_all(tmp_path / fault, "import", fault):
            versions = frozenset(run["left"]["versions"])
            assert versions in ({"animals:v0"}, {"animals:v0", "animals:v1", "animals:v2"}), (run["call"], versions)
            seen.add(versions)
        assert len(seen) == 2


@pytest.mark.parametrize("scenario", ["put", "import", "stage"])
def test_an_input_output_error_at_any_call_is_reported_and_loses_nothing(tmp_path: Path, scenario: str) -> None:
    found = run_all(tmp_path, scenario, "EIO")
    assert len(found) > FEWEST[scenario]
    assert any(line.get("error") for run in found for line in run["reported"])
    for run in found:
        check_run(run, "EIO")


@pytest.mark.parametrize("fault", ["torn", "short", "ENOSPC", "EDQUOT"])
@pytest.mark.parametrize("scenario", FEWEST)
def test_other_faults_at_every_few_calls_lose_nothing(tmp_path: Path, scenario: str, fault: str) -> None:
    """`scripts/torture faults` meets them all."""
    first = 1 + secrets.randbelow(_STEP)
    print(f"every {_STEP}th call from call {first} on")
    found = run_all(tmp_path, scenario, fault, every=_STEP, first=first)
    assert len(found) > FEWEST[scenario] // _STEP
    for run in found:
        check_run(run, fault)


def test_a_store_whose_sync_failed_is_read_only_in_that_process_and_can_be_read(tmp_path: Path) -> None:
    met = set()
    for run in run_all(tmp_path, "put", "EIO"):
        _number, call, path = (run["call"] or "0 - -").split(" ", 2)
        if path.startswith(("/index/", "/journal/")) and any("error" in line for line in run["reported"]):
            met.add((call, path.split("/")[1]))
            errors = [line["error"] for line in run["reported"] if "error" in line]
            assert set(errors) <= {"StorageError", "OutcomeUnknownError", "ReadOnlyStoreError"}, (run["call"], errors)
    assert {("fsync", "journal"), ("fdatasync", "index"), ("pwrite", "index")} <= met


def test_a_writer_that_could_not_begin_does_not_keep_gc_waiting(tmp_path: Path) -> None:
    for run in run_all(tmp_path, "gc", "ENOSPC", every=92, first=1):
        assert "ConflictError" not in {line.get("error") for line in run["reported"]}, run["call"]
        check_run(run, "ENOSPC")
