"""A staging mount whose processes meet a fault at each of their calls in turn; what may come of it and what not."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from tests.support.faults.fault_child import make_template
from tests.support.faults.faults import shim
from tests.support.mounts.mounts import ROOT

__all__ = ["play_all", "wrongs"]

Found = dict[str, Any]
_NUMBERS: Final = {"EIO": errno.EIO, "ENOSPC": errno.ENOSPC, "EDQUOT": errno.EDQUOT}
_UNSURE: Final = frozenset({"unknown", "forgotten"})


def play_all(top: Path, fault: str, every: int = 1, first: int = 1) -> Iterator[Found]:
    """Let each call of a staging mount's processes go wrong in turn, while a program works in a draft.

    Args:
        top: An empty directory.
        fault: Of `fault_child.FAULTS`.
        every: Take each so-manieth call only.
        first: Begin with this one.

    Yields:
        What was found each time, the last without a fault.
    """
    make_template(top)
    command = [
        sys.executable,
        "-m",
        "tests.support.torture.stagingfaults.scene",
        fault,
        str(top),
        str(every),
        str(first),
    ]
    environment = {**os.environ, "LD_PRELOAD": str(shim(top))}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield from map(json.loads, process.stdout)
        except BaseException:  # as the test's time is over: leaving the block would wait for all runs that are left
            process.terminate()
            raise
    assert process.returncode == 0


def wrongs(found: Found, fault: str) -> list[str]:
    """Compare what was found after one run with the promises; what is not as it has to be.

    Args:
        found: An element of what `play_all` gives.
        fault: As given to `play_all`.
    """
    broken = [
        f"{step}: {outcome}" for step, outcome in found.items() if isinstance(outcome, dict) and _is_broken(outcome)
    ]
    if broken:
        return broken
    return [*_of_mounting(found, fault), *_of_work(found, fault), *_of_what_is_left(found, fault)]


def _is_broken(outcome: Found) -> bool:
    return "traceback" in outcome or "hung" in outcome


def _of_mounting(found: Found, fault: str) -> Iterator[str]:
    outcome = found["mounted"]
    if outcome and (fault not in _NUMBERS and fault not in {"kill", "torn"}):
        yield f"mounting: {outcome}"
    for step in ("mounted again", "remounted", "unmounted at the end"):
        if found.get(step):
            yield f"{step}: {found[step]}"
    if found["unmounted"] and not found["worked"]["gone"]:
        yield f"unmounted: {found['unmounted']}"


def _of_work(found: Found, fault: str) -> Iterator[str]:
    worked = found["worked"]
    if worked["gone"]:
        if not found["call"].endswith("of artfs-mount"):
            yield "the mount is gone"
    else:
        yield from (
            f"reported: {what} {number}"
            for what, number in worked["errors"]
            if not _may_tell(what, number, fault, found["call"])
        )
        yield from _differences("in the mount", worked["tree"], worked["expected"], worked["unsure"])
    # A process that does not trust the disk any more changes nothing or syncs nothing, up to its end.
    unsynced = any(what.startswith("fsync ") for what, _number in worked["errors"])
    for what, number in worked["errors later"]:
        of_sync = {_NUMBERS.get(fault, errno.EIO), errno.EIO} if unsynced and what.startswith("fsync ") else set()
        if number not in {errno.EROFS} | of_sync:
            yield f"reported later: {what} {number}"
    for commit in worked["commits"]:
        if commit["state"] == "late":
            yield f"no outcome: {commit}"
    yield from (f"log: {line}" for line in found["log"] if "Traceback" in line or "internal error" in line)


def _may_tell(what: str, number: int, fault: str, call: str) -> bool:
    """Whether an error is one that SEMANTICS names: the fault's, or that of a process that trusts the disk no more."""
    if fault == "short" and "/data.mdb " in call:
        return number in {errno.EIO, errno.EROFS}  # LMDB takes a write that is short for an error of the disk
    if fault not in _NUMBERS:
        return False
    # At a close the kernel forgets which one it was; and a write to a part of a page reads the rest, which was refused.
    of_gathered = {errno.EIO} if what.startswith(("close ", "write ")) else set()
    return number in {_NUMBERS[fault], errno.EROFS} | of_gathered


def _names_refused_bytes(commit: Found, fault: str) -> bool:
    """True if the commit was refused for a file with bytes that the fault refused, possibly after its close (S57)."""
    return fault in _NUMBERS and commit["error"] == "SourceError" and "bytes are missing" in str(commit)


def _of_what_is_left(found: Found, fault: str) -> Iterator[str]:
    worked, looked, left = found["worked"], found["looked"], found["left"]
    yield from _differences("in the next mount", looked["tree"], worked["expected at the end"], worked["unsure"])
    yield from (f"in the next mount: {what} {number}" for what, number in looked["errors"])
    yield from (f"fsck: {finding}" for finding in left["findings"])
    by_token = {version["token"]: (ref, version["tree"]) for ref, version in left["versions"].items()}
    if len(by_token) != len(left["versions"]):
        yield f"a commit made two versions: {left['versions']}"
    for commit in looked["commits"]:
        if commit["state"] != "committed" and not _names_refused_bytes(commit, fault):
            yield f"in the next mount: {commit}"
    for commit in (*worked["commits"], *looked["commits"]):
        ref, tree = by_token.get(commit["token"], ("", {}))
        if commit["state"] == "committed" and commit["ref"] != ref:
            yield f"a version is missing: {commit}"
        if commit["state"] == "failed" and commit["error"] != "OutcomeUnknownError" and ref:
            yield f"a commit that failed has made {ref}: {commit}"
        if ref:
            yield from _differences(f"in {ref}", tree, commit["tree"], commit["unsure"])


def _differences(where: str, tree: Found, expected: Found, unsure: list[str]) -> Iterator[str]:
    for path in sorted((tree.keys() | expected.keys()) - set(unsure)):
        if path not in tree or path not in expected or tree[path] != expected[path]:
            yield f"{where}: {path} is {tree.get(path, 'missing')} and not {expected.get(path, 'missing')}"
