"""Faults that really fire: in Python's calls of the system and in LMDB's, counted and chosen by `faults.c`."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

from tests.support.faults.fault_child import make_template
from tests.support.mounts.mounts import ROOT

__all__ = ["check_run", "run_all", "shim"]

_UNTRUSTED = ("/index/data.mdb", "/journal/")


@cache
def shim(place: Path) -> Path:
    """Compile what is preloaded; once for a directory."""
    library = place / "faults.so"
    source = ROOT / "tests" / "support" / "faults" / "faults.c"
    subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    return library


def run_all(top: Path, scenario: str, fault: str, every: int = 1, first: int = 1) -> list[dict[str, Any]]:
    """Let each call of a scenario go wrong in turn; what was found each time, the last without a fault.

    Args:
        top: An empty directory.
        scenario: Of `fault_child.SCENARIOS`.
        fault: Of `fault_child.FAULTS`.
        every: Take each so-manieth call only.
        first: Begin with this one.
    """
    make_template(top)
    command = [
        sys.executable,
        "-m",
        "tests.support.faults.fault_child",
        scenario,
        fault,
        str(top),
        str(every),
        str(first),
    ]
    environment = {**os.environ, "LD_PRELOAD": str(shim(top))}
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert not ended.returncode, ended.stderr
    return [json.loads(line) for line in ended.stdout.splitlines()]


def check_run(found: dict[str, Any], fault: str) -> None:
    """Hold what was found after one run against the promises.

    Args:
        found: An element of what `run_all` gives.
        fault: As given to `run_all`.
    """
    reported, left, where = found["reported"], found["left"], (fault, found["k"], found["call"])
    assert not [line for line in reported if "traceback" in line], (where, reported)
    assert "traceback" not in left, (where, left)
    assert left["findings"] == [], where
    assert left["strange"] == [], (where, left["versions"])
    for line in reported:
        if "ref" in line:
            assert left["versions"].get(line["ref"]) == line["digest"], (where, line, left["versions"])
        if "imported" in line:
            assert line["imported"].items() <= left["versions"].items(), (where, line, left["versions"])
        if "file" in line:
            assert line["file"] in left["files"], (where, line, left["files"])
    # Only an index that was being replaced may be missing, and a command says how to make it again.
    assert all("fsck --repair" in message for message in left["refused"][:1]), (where, left["refused"])
    errors = [line for line in reported if "error" in line]
    if found["fired"] and fault in {"EIO", "ENOSPC", "EDQUOT"} and errors:
        _check_errors(errors, fault, where)


def _check_errors(errors: list[dict[str, Any]], fault: str, where: tuple[str, int, str]) -> None:
    first = errors[0]
    assert first["error"] in {"StorageError", "OutcomeUnknownError", "ReadOnlyStoreError", "OSError"}, (where, errors)
    if first["number"] is not None:
        assert first["number"] == getattr(errno, fault), (where, errors)
    _number, call, path = where[2].split(" ", 2)
    after_sync = call in {"fsync", "fdatasync"} and path.startswith(_UNTRUSTED) and path.count("/") == 2
    if after_sync and first["error"] != "ReadOnlyStoreError" and len(errors) > 1:
        assert errors[1]["error"] == "ReadOnlyStoreError", (where, errors)
