"""What a store holds, in words that can be compared: before a power cut, and after it."""

from __future__ import annotations

import hashlib
import json
import random
from functools import lru_cache
from typing import Any

from artfs.catalog import EdgeKind, View
from artfs.store import Store

__all__ = ["file_bytes", "state_of", "sum_of"]


def state_of(store: Store) -> dict[str, Any]:
    """Artifacts, their versions and aliases, and runs, as they are in sight now."""
    with store.catalog.view() as view:
        artifacts = {
            artifact.name: {
                "versions": {version.name: version.digest.hex() for version in view.versions(artifact.serial)},
                "aliases": {row.name: row.index for row in view.aliases(artifact.serial)},
            }
            for artifact in view.artifacts()
        }
        return {"artifacts": artifacts, "runs": {run.id: [run.state, _used(view, run.id)] for run in view.runs()}}


def _used(view: View, run: str) -> list[int]:
    return sorted(edge.index for edge in view.edges_of_run(run, EdgeKind.USED))


def sum_of(files: dict[str, str]) -> str:
    """One digest of what `file_sums` tells."""
    return hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()


@lru_cache(maxsize=256)
def file_bytes(number: int, size: int) -> bytes:
    """What a history writes into its so-manieth file."""
    return random.Random(number).randbytes(size)
