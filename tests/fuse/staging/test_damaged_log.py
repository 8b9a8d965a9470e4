"""A draft whose redo log was damaged says so wherever one looks, and when it is committed."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

from artfs.drafts.fsck import check_store
from tests.support.data.checked import assert_clean
from tests.support.mounts.mounts import ROOT, is_alive, wait_until
from tests.support.mounts.stagedstore import StagedStore

NAMES = 74


def _artfs(staged: StagedStore, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "artfs.cli", "--store", str(staged.store), *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def _killed(staged: StagedStore) -> Path:
    """Kill all processes of the mount, whose changes are in the redo log; the log."""
    family = [staged.supervisor, staged.server, staged.storer]
    for pid in family:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not any(is_alive(pid) for pid in family))
    [log] = staged.store.glob("drafts/1.*/redo-*.log")
    return log


def test_a_damaged_log_is_reported_and_committed_only_if_that_is_accepted(staged: StagedStore) -> None:
    """All changes of a mount whose processes were killed are in the log.

    S74: Damage in the middle of a draft's redo log costs the changes of the damaged records; those that are sound,
    before and behind it, are there. The mount's log, `artfs status` and `artfs fsck` say so, the damaged log is kept,
    and a commit fails until it accepts the damage.
    """
    draft = staged.stage("animals")
    for number in range(NAMES):
        (draft / f"name-{number}").write_bytes(b"%d" % number * 100)
    log = _killed(staged)
    data = bytearray(log.read_bytes())
    data[len(data) * 15 // 100] ^= 1
    log.write_bytes(data)
    assert "R13" in {finding.invariant for finding in check_store(staged.store).findings}
    staged.mount()
    (draft / "more").write_bytes(b"more")

    names = {path.name for path in draft.rglob("*") if path.is_file()}
    sound = {f"name-{number}" for number in range(NAMES) if f"name-{number}" in names}
    assert len(sound) >= NAMES - 1
    assert "more" in names
    assert "draft animals: the redo log was damaged" in staged.log()
    assert log.with_name(log.name.replace("redo", "damaged")).read_bytes()[: len(data)] == data
    assert "\ndamaged: the redo log was damaged" in (draft / ".artfs/status").read_text()
    assert "\ndamaged: the redo log was damaged" in _artfs(staged, "status", str(draft)).stdout
    assert "may be lacking" in json.loads(_artfs(staged, "status", "--json", str(draft)).stdout)["damage"]
    assert {finding.invariant for finding in check_store(staged.store).findings} == {"R13"}

    refused = _artfs(staged, "commit", str(draft))
    assert refused.returncode == 7
    assert "commit with --accept-damage" in refused.stderr
    assert refused.stderr.count("\n") == 1
    refused = _artfs(staged, "discard", str(draft))
    assert refused.returncode == 4
    accepted = _artfs(staged, "commit", "--accept-damage", str(draft))
    assert accepted.stdout == "animals:v0\n", accepted.stderr
    assert "damaged" not in (draft / ".artfs/status").read_text()
    extracted = {path.name for path in staged.extracted("animals:v0").rglob("*") if path.is_file()}
    assert extracted == names
    (draft / "again").write_bytes(b"again")
    assert staged.commit(draft) == "animals:v1"
    assert_clean(staged.store)


def test_a_log_that_was_cut_off_is_no_damage(staged: StagedStore) -> None:
    draft = staged.stage("animals")
    for number in range(10):
        (draft / f"name-{number}").write_bytes(b"%d" % number * 100)
    log = _killed(staged)
    os.truncate(log, log.stat().st_size - random.Random(7).randrange(1, 20))
    staged.mount()
    assert "damaged" not in (draft / ".artfs/status").read_text()
    assert staged.commit(draft) == "animals:v0"
    assert_clean(staged.store)
