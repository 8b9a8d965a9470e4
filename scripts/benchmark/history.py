"""Make a store with many versions of one artifact, straight through the catalog; a program that `page` runs.

python history.py STORE VERSIONS          they have the same contents
python history.py STORE VERSIONS --runs   each was made by a run, from one before it
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial

from artfs.catalog import NewVersion, Version, View, current_actor
from artfs.format.operations import AliasSet, Op, VersionCreated, VersionFields
from artfs.format.runs import RunFields, RunFinished, RunStarted, RunUsed
from artfs.names import LATEST, parse_ref
from artfs.store import open_store

_AT_ONCE = 1_000
_NEAR = 40  # a run uses the version that is so many before its own, or v0


def make(store_path: str, count: int, *, runs: bool) -> None:
    """Store v0, and publish the others in records of many operations: a commit each would take minutes."""
    with tempfile.TemporaryDirectory() as empty, open_store(store_path, create=True) as store:
        store.put([empty], NewVersion(name="many"))
        first = store.version(parse_ref("many"))
        for start in range(1, count, _AT_ONCE):
            indexes = range(start, min(start + _AT_ONCE, count))
            store.catalog.publish(partial(_build, first=first, indexes=indexes, runs=runs), current_actor())


def _build(view: View, first: Version, indexes: range, *, runs: bool) -> list[Op]:
    """Return the operations of some versions; `latest` is the last."""
    serial, latest = view.state().next_serial, view.alias(first.artifact, LATEST)
    assert latest is not None
    ops = [op for place, index in enumerate(indexes) for op in _version(first, serial + place, index, runs=runs)]
    return [*ops, AliasSet(latest.serial, first.artifact, LATEST, indexes[-1], latest.index)]


def _version(first: Version, serial: int, index: int, *, runs: bool) -> Iterator[Op]:
    run, now = f"{index:08}" if runs else None, time.time_ns()
    if run:
        yield RunStarted(run, RunFields(f"train-{index}", "train"), now, "user", "host", 1)
        yield RunUsed(run, first.artifact, max(0, index - _NEAR), "api", now)
    yield VersionCreated(serial, first.artifact, index, first.tree, now, VersionFields(), run)
    if run:
        yield RunFinished(run, "finished", now)


if __name__ == "__main__":
    make(sys.argv[1], int(sys.argv[2]), runs="--runs" in sys.argv[3:])
