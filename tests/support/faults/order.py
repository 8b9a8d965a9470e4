"""The order in which calls of the system reach a disk, held against the must-rules of docs/FORMAT.md.

What was not synced may be missing after a power cut, and what was done later may be there.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.support.faults.fault_child import make_template
from tests.support.faults.faults import shim
from tests.support.mounts.mounts import ROOT

__all__ = ["Call", "broken_rules", "record"]

_SYNCS = ("fsync", "fdatasync")
_SCRATCH = ("/tmp/", "/readers")  # noqa: S108 # of the store: swept, so its names need not last


class Call(NamedTuple):
    """One call that changes the store.

    Attributes:
        name: Of the system call.
        path: What it changes, below the store's directory.
        source: What a rename moves.
    """

    name: str
    path: str
    source: str = ""


def record(top: Path, scenario: str) -> list[Call]:
    """Play a scenario of `fault_child.SCENARIOS` without a fault, and return its calls."""
    make_template(top)
    command = [sys.executable, "-m", "tests.support.faults.fault_child", scenario, "kill", str(top), "1", "0"]
    environment = {**os.environ, "LD_PRELOAD": str(shim(top))}
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    calls = []
    for line in ended.stdout.splitlines():
        _number, name, rest = line.split(" ", 2)
        path, _arrow, source = rest.partition(" <- ")
        calls.append(Call(name, path, source))
    return calls


def broken_rules(calls: list[Call]) -> Iterator[str]:
    """Yield what a power cut could make of the calls that must not be.

    - What is renamed into place has its bytes on the disk: a file is synced after its last write, a directory and the
      files in it after the last of them was made.
    - A name that was made or moved is on the disk before anything is committed after it: its directory is synced. So is
      the one that it was moved out of, at the end.
    - A directory is on the disk before something is moved into it.
    - A record of the journal is on the disk before the index is changed.
    - A pack is removed or quarantined only when the index is on the disk.
    """
    for at, call in enumerate(calls):
        before, after = calls[:at], calls[at + 1 :]
        if call.path.startswith(_SCRATCH):
            continue
        if call.name == "rename":
            yield from _of_rename(call, before, after)
        elif call.name == "mkdir":
            used = next(
                (i for i, one in enumerate(after) if _parent(one.path) == call.path and one.name == "rename"), None
            )
            if not _synced(_parent(_final(call.path, after)), after[:used]):
                yield f"{call.path} was made, and its name never synced"
        elif call.path.startswith("/journal/") and "write" in call.name:
            index = next((i for i, one in enumerate(after) if one.path == "/index/data.mdb"), None)
            if not _synced(call.path, after[:index]) and not call.path.endswith("/new"):
                yield f"{call.path} was written, and not synced before the index"


def _of_rename(call: Call, before: list[Call], after: list[Call]) -> Iterator[str]:
    inside = [one for one in before if one.path == call.source or one.path.startswith(f"{call.source}/")]
    for path in {one.path for one in inside if "write" in one.name}:
        last = max(at for at, one in enumerate(inside) if one.path == path and "write" in one.name)
        # LMDB writes the last page of a transaction through a descriptor that is synchronous.
        of_lmdb = path.endswith("/data.mdb") and _synced(path, inside[:last])
        if not _synced(path, inside[last:]) and not of_lmdb:
            yield f"{path} was renamed to {call.path}, and its bytes not synced"
        if path != call.source and not _synced(_parent(path), inside):
            yield f"{call.source} was renamed to {call.path}, and the names in it not synced"
    committed = next((at for at, one in enumerate(after) if _commits(one)), None)
    if not _synced(_parent(call.path), after[:committed]):
        yield f"{call.path} was renamed, and its name not synced before what followed"
    if _parent(call.source) != _parent(call.path) and not call.source.startswith(_SCRATCH):
        if not _synced(_parent(call.source), after):
            yield f"{call.source} was renamed to {call.path}, and its old directory never synced"
        if "/packs/" in call.source and not _is_index_synced(before):
            yield f"{call.source} was moved away before the index was synced"


def _commits(call: Call) -> bool:
    return "write" in call.name and call.path.startswith(("/index/data.mdb", "/journal/"))


def _is_index_synced(before: list[Call]) -> bool:
    found = [call.name for call in before if call.path == "/index/data.mdb"]
    return not found or any(name in _SYNCS for name in found)


def _synced(path: str, calls: list[Call]) -> bool:
    return any(call.name in _SYNCS and call.path == path for call in calls)


def _final(path: str, after: list[Call]) -> str:
    """Where a directory is once it has its last name."""
    for call in after:
        if call.source == path:
            path = call.path
    return path


def _parent(path: str) -> str:
    return path.rpartition("/")[0]
