"""The drafts that a run wrote into and that are not committed since."""

from __future__ import annotations

import os
from pathlib import Path

from artfs.cli.control_client.control_directory import ControlDirectory
from artfs.errors import ArtfsError
from artfs.mountinfo import mounts_of

__all__ = ["written_drafts"]


def written_drafts(store: Path, run: str) -> list[str]:
    """Return the directories of those drafts; none where the drafts of the store are not mounted, or not to be read."""
    tops = [os.fspath(mount.mountpoint) for mount in mounts_of(store) if mount.staging and mount.pid is not None]
    if not tops:
        return []
    try:
        listed = ControlDirectory(tops[0]).read_json("drafts") or []
    except ArtfsError:
        return []
    return [os.path.join(tops[0], draft["name"]) for draft in listed if run in draft.get("runs", ())]
