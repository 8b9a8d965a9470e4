"""Power cuts: a history on a recorded disk, and what is left of its store after each of many cuts."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

from tests.support.mounts.mounts import ROOT, apart

__all__ = ["CUTS_A_ROUND", "HISTORIES", "PowerCuts", "check_power_cuts", "cut_power", "may_cut_power"]

HISTORIES = ("library", "mount", "repairs")
"""In one process, in a staging mount, and in one process that repairs most of the time, with the cuts in repairs."""

CUTS_A_ROUND = 100
"""Of all kinds of history on both file systems, in a round of `scripts/torture powercut`."""

_PATIENCE = 280.0


@dataclass(frozen=True, slots=True)
class PowerCuts:
    """What came of one history.

    Attributes:
        history: The mount `options` of the file system, how many `records` and `flushes` the disk got, the
            `steps` that were acknowledged, and how many syncs were `swallowed`.
        cuts: Of each cut: after which `record` of how many (`of`), `during` which step; how many writes since the last
            flush were `written` and how many `dropped`, wholly or in part; how long it took until the store was
            `opened`, in seconds; what was `refused`; which promises were `broken`.
    """

    history: dict[str, Any]
    cuts: list[dict[str, Any]]

    @property
    def broken(self) -> list[str]:
        """Promises that were broken."""
        return [f"at record {cut['record']}, {cut['during']}: {line}" for cut in self.cuts for line in cut["broken"]]

    def __str__(self) -> str:
        dropping = sum(bool(cut["dropped"]) for cut in self.cuts)
        refused = sum(bool(cut["refused"]) for cut in self.cuts)
        slowest = max(cut["opened"] for cut in self.cuts)
        return (
            f"{len(self.cuts)} cuts in {self.history['records']} records with {self.history['flushes']} flushes"
            f" ({self.history['options'] or 'defaults'}), {dropping} of them dropped writes,"
            f" {len({cut['record'] for cut in self.cuts if cut['broken']})} lost something,"
            f" {refused} needed the index made again; opened within {slowest:.3f} s"
        )


def may_cut_power() -> bool:
    """Whether this user is root, or may become root without a password: nobody else may attach a disk."""
    return os.geteuid() == 0 or subprocess.run(_as_root("true"), capture_output=True, check=False).returncode == 0


def cut_power(kind: str, seed: int, cuts: int, *, history: str = "library", no_sync: str = "") -> PowerCuts:
    """Record a history on a disk, and let the power go so many times.

    It runs in namespaces of its own, with which its mounts, loop devices and processes go.

    Args:
        kind: Of `devices.FILE_SYSTEMS`.
        seed: Chooses what is done, and what each cut leaves.
        cuts: How many.
        history: Of `HISTORIES`.
        no_sync: Have every sync do nothing that concerns a path with this in it; "/": every sync.
    """
    alone = apart("--propagation=private", "--pid", "--fork", "--kill-child", "--mount-proc", by_root=True)
    command = [
        sys.executable,
        "-m",
        "tests.support.torture.powercut.cutting",
        kind,
        history,
        str(seed),
        str(cuts),
        no_sync,
    ]
    ended = subprocess.run(
        _as_root(*alone, *command), cwd=ROOT, capture_output=True, text=True, timeout=_PATIENCE, check=False
    )
    assert not ended.returncode, ended.stderr
    about, *found = [json.loads(line) for line in ended.stdout.splitlines()]
    assert len(found) == cuts
    return PowerCuts(about, found)


def check_power_cuts(done: PowerCuts) -> None:
    """Hold what came of a history against the promises; that its faults fired, too."""
    assert not done.broken, "\n".join(done.broken)
    assert done.history["flushes"] > 10, done.history
    assert any(cut["dropped"] for cut in done.cuts)


def _as_root(*command: str) -> list[str]:
    if os.geteuid() == 0:
        return list(command)
    return [shutil.which("sudo") or "sudo", "--non-interactive", *command] if shutil.which("sudo") else ["false"]
