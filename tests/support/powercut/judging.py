"""Whether a store kept its promises over a power cut."""

from __future__ import annotations

from bisect import bisect_right
from typing import Any

__all__ = ["broken_promises"]

_EMPTY: dict[str, Any] = {"artifacts": {}, "runs": {}}


def broken_promises(told: list[dict[str, Any]], position: int, found: dict[str, Any]) -> list[str]:
    """Hold what is left of a store against what was acknowledged.

    Args:
        told: What `history` told, in order.
        position: How long the disk's log was when the power went.
        found: What `looking` found.

    Returns:
        A line for each promise that is broken.
    """
    last = bisect_right([line["at"] for line in told], position) - 1
    before, after = told[last], told[min(last + 1, len(told) - 1)]
    broken = [f"fsck: {finding}" for finding in found["findings"]]
    if found["missing"]:
        return [*broken, *(["the store is missing"] if before["state"] else [])]
    # Only an index that was being replaced may be missing, and a command says how to make it again.
    if found["refused"] and not ("fsck --repair" in found["refused"][0] and after["step"] == "rebuild"):
        broken.append(f"an open was refused: {found['refused'][0]}")
    if found["state"] not in (before["state"] or _EMPTY, after["state"] or _EMPTY):
        broken.append(f"neither what was acknowledged, {before['state']}, nor with {after['step']}: {found['state']}")
    known = {digest: contents for line in told for digest, contents in line["contents"].items()}
    broken += [
        f"version {digest} holds something else" for digest, sum_ in found["contents"].items() if known[digest] != sum_
    ]
    return broken + _broken_drafts(before["drafts"], after["drafts"], found["drafts"])


def _broken_drafts(before: dict[str, Any], after: dict[str, Any], found: dict[str, Any]) -> list[str]:
    if set(found) not in (set(before), set(after)):
        return [f"drafts {sorted(found)} are neither {sorted(before)} nor {sorted(after)}"]
    broken = []
    for name in set(before) & set(found):
        now = after.get(name, {"kept": {}, "gone": []})
        for file, sum_ in before[name]["kept"].items():
            if file in now["kept"] and found[name].get(file) not in (sum_, now["kept"][file]):
                broken.append(f"{name}/{file} was synced, and is not there as it was")
        gone = set(before[name]["gone"]) & set(now["gone"]) & set(found[name])
        broken += [f"{name}/{file} was removed, and is there" for file in sorted(gone)]
    return broken
