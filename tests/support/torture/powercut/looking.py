"""What a process finds in a store after the power went."""

from __future__ import annotations

import stat
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from unittest.mock import patch

from artfs.catalog import NewVersion, current_actor
from artfs.drafts.db import redo_records
from artfs.drafts.db.schema import BASE
from artfs.drafts.draft import Draft
from artfs.drafts.fsck import check_store
from artfs.drafts.gc_roots import collect_store
from artfs.drafts.registry import DraftRegistry
from artfs.errors import ArtfsError, StoreNotFoundError
from artfs.store import Store, open_store
from artfs.store.layout import read_layout
from tests.support.data.filesums import file_sums
from tests.support.torture.powercut.state import state_of, sum_of
from tests.support.torture.powercut.telling import sum_of_bytes

__all__ = ["Kept", "look"]

Kept = Mapping[str, Mapping[str, int]]
Sum = tuple[int, str]


@patch.object(redo_records, "_this_boot", new=lambda: 0)  # the machine was started again
def look(path: Path, aside: Path, kept: Kept, *, damaged: bool = False) -> dict[str, Any]:
    """Open a store, read all of it, check it, and go on with it.

    Args:
        path: The store's directory.
        aside: A directory of something to store.
        kept: Of each draft, the sizes that its synced files had; of what is longer now, the beginning is looked at too.
        damaged: Whether the store was being repaired when the power went: then that is done once more.

    Returns:
        `opened`: how long an open took, in seconds; `refused`: what it said, and what `artfs fsck --repair` found then;
        `missing`: whether there was no store. `state`: what is in sight; `contents`: a digest of the contents of each
        version, by its digest; `drafts`: the files at the top of each, with size and SHA-256 of the whole, and
        of its beginning. `findings`: what fsck says. `left over`: what is in `tmp/`.
    """
    found: dict[str, Any] = {"refused": [], "missing": False}
    begin = time.monotonic()
    try:
        open_store(path).close()
    except StoreNotFoundError:
        found["missing"] = True
        open_store(path, create=True).close()
    except ArtfsError as error:
        found["refused"].append(str(error))
    found["opened"] = time.monotonic() - begin
    if found["refused"]:
        repaired = check_store(path, repair=True)
        found["refused"] += [f"{finding.invariant} {finding.message}" for finding in repaired.findings]
    if damaged:
        check_store(path, repair=True)
    found["findings"] = _findings(path)
    with open_store(path) as store:
        found["state"] = state_of(store)
        found["contents"] = _contents(store)
        found["drafts"] = _drafts(store, kept)
        store.put([aside], NewVersion("afterwards"))
        collect_store(store, current_actor(), timeout=1.0)
    found["findings"] += _findings(path)
    found["left over"] = sorted(entry.name for entry in read_layout(path).tmp.iterdir())
    return found


def _findings(path: Path) -> list[str]:
    return [f"{finding.invariant} {finding.message}" for finding in check_store(path, read_data=True).findings]


def _contents(store: Store) -> dict[str, str]:
    with store.catalog.view() as view:
        versions = [version for artifact in view.artifacts() for version in view.versions(artifact.serial)]
    return {version.digest.hex(): sum_of(file_sums(store, version)) for version in versions}


def _drafts(store: Store, kept: Kept) -> dict[str, dict[str, list[Sum]]]:
    home = DraftRegistry(store.layout.drafts)
    found = {}
    with home.lock():
        for place in home.list():
            draft = Draft(place.path, store)
            try:
                found[place.name] = _files(draft, kept.get(place.name, {}))
            finally:
                draft.close()
    return found


def _files(draft: Draft, kept: Mapping[str, int]) -> dict[str, list[Sum]]:
    found = {}
    for name, attributes, _offset in draft.listdir(BASE):
        if stat.S_ISREG(attributes.mode):
            data = bytes(draft.files.read(attributes.ino, 0, attributes.size))
            pieces = [data, data[: kept.get(name.decode(), 0)]]
            found[name.decode()] = [(len(piece), sum_of_bytes(piece)) for piece in pieces]
    return found
