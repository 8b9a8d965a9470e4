"""JSON objects of a store as a whole; keys as promised in docs/COMMANDS.md."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from artfs.documents.document import Document, json_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from artfs.mountinfo import MountInfo
    from artfs.store import Store
    from artfs.store.usage import ArtifactUsage

__all__ = ["artifacts_space_document", "info_document"]


def info_document(store: Store, mounts: Sequence[MountInfo]) -> Document:
    """Return what a store holds, and where it is mounted."""
    with store.catalog.view() as view:
        artifacts = list(view.artifacts())
        sizes = [version.size for artifact in artifacts for version in view.versions(artifact.serial)]
        packs = [row.size for _pack, row in view.packs()]
        changes = view.state().seq
    room = os.statvfs(store.path)
    return {
        **json_text("store", os.fsencode(store.path)),
        "id": store.layout.format.store_id,
        "format": store.layout.format.version,
        "artifacts": len(artifacts),
        "versions": len(sizes),
        "size": sum(sizes),
        "packs": len(packs),
        "pack_bytes": sum(packs),
        "index_bytes": sum(file.stat().st_blocks * 512 for file in store.layout.index.iterdir()),
        "reserve_bytes": store.layout.ballast.size,
        "changes": changes,
        "free_bytes": room.f_bavail * room.f_frsize,
        "mounts": [_mount_document(mount) for mount in mounts],
    }


def _mount_document(mount: MountInfo) -> Document:
    return {**json_text("path", os.fsencode(mount.mountpoint)), "pid": mount.pid, "staging": mount.staging}


def artifacts_space_document(measured: Iterable[ArtifactUsage]) -> Document:
    """Return the space of artifacts, each as a whole."""
    keys = ("versions", "size", "stored", "own", "elsewhere")
    return {"artifacts": [{"name": one.artifact.name, **{key: getattr(one, key) for key in keys}} for one in measured]}
