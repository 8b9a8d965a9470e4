"""Whether a store kept its promises over a power cut."""

from __future__ import annotations

from bisect import bisect_right
from typing import Any

__all__ = ["broken_promises", "is_repair", "standing"]

_EMPTY: dict[str, Any] = {"artifacts": {}, "runs": {}}


def standing(acknowledged: list[dict[str, Any]], position: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """What was acknowledged when the disk's log was so long, and what would have been next."""
    last = bisect_right([line["at"] for line in acknowledged], position) - 1
    return acknowledged[last], acknowledged[min(last + 1, len(acknowledged) - 1)]


def is_repair(step: str) -> bool:
    """Whether a step damages something and has it repaired."""
    return step.startswith("repair ")


def broken_promises(acknowledged: list[dict[str, Any]], position: int, found: dict[str, Any]) -> list[str]:
    """Compare what is left of a store with what was acknowledged.

    Args:
        acknowledged: What `history` acknowledged, in order.
        position: How long the disk's log was when the power went.
        found: What `looking` found.

    Returns:
        A line for each promise that is broken.
    """
    before, after = standing(acknowledged, position)
    broken = [f"fsck: {finding}" for finding in found["findings"]]
    broken += [f"tmp/{name} is left for ever" for name in found["left over"]]
    if found["missing"]:
        return [*broken, *(["the store is missing"] if before["state"] else [])]
    # Only an index that was being replaced may be missing, and a command says how to make it again.
    making_index = after["step"] in {"rebuild", "repair the index"}
    if found["refused"] and not ("fsck --repair" in found["refused"][0] and making_index):
        broken.append(f"an open was refused: {found['refused'][0]}")
    if found["state"] not in (before["state"] or _EMPTY, after["state"] or _EMPTY):
        broken.append(f"neither what was acknowledged, {before['state']}, nor with {after['step']}: {found['state']}")
    known = {digest: contents for line in acknowledged for digest, contents in line["contents"].items()}
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
        for file, kept in before[name]["kept"].items():
            following = now["kept"].get(file, None)
            whole, beginning = found[name].get(file, [None, None])
            # What is being replaced or appended to may be either, and what is appended is not promised yet.
            if following is not None and whole not in (kept, following) and not (following != kept == beginning):
                broken.append(f"{name}/{file} was synced as {kept}, and is {whole}, of which {beginning}")
        gone = set(before[name]["gone"]) & set(now["gone"]) & set(found[name])
        broken += [f"{name}/{file} was removed, and is there" for file in sorted(gone)]
    return broken
