"""Artifacts, versions and entries as objects of JSON documents; the keys are a promise (docs/COMMANDS.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from artfs.cli.output import Document, json_text
from artfs.cli.text import KINDS, iso_time
from artfs.format.node import Entry, Kind

if TYPE_CHECKING:
    from artfs.catalog import Artifact, Version, View

__all__ = ["artifact_document", "entry_document", "version_document"]


def artifact_document(view: View, artifact: Artifact) -> Document:
    """An artifact with what its versions come to."""
    versions = list(view.versions(artifact.serial))
    latest = view.latest(artifact.serial)
    return {
        "name": artifact.name,
        "type": artifact.type,
        "description": artifact.description,
        "created": iso_time(artifact.created_ns),
        "versions": len(versions),
        "latest": latest.name if latest else None,
        "size": latest.size if latest else 0,
        "total_size": sum(version.size for version in versions),
        "aliases": {row.name: f"v{row.index}" for row in view.aliases(artifact.serial)},
    }


def version_document(view: View, version: Version) -> Document:
    """All that the catalog says of a version; the metadata are the stored JSON itself."""
    import msgspec

    ref = view.ref(version)
    artifact = view.artifact_by_name(ref.name)
    ttl = version.ttl_ns
    return {
        "ref": str(ref),
        "artifact": ref.name,
        "version": version.name,
        "type": artifact.type if artifact else None,
        "aliases": view.aliases_of(version),
        "tags": list(version.tags),
        "description": version.description,
        "metadata": msgspec.Raw(version.metadata),
        "digest": version.digest.hex(),
        "size": version.size,
        "entries": version.entries,
        "created": iso_time(version.created_ns),
        "ttl_seconds": None if ttl is None else ttl // 1_000_000_000,
        "expires": None if ttl is None else iso_time(version.created_ns + ttl),
        "logged_by": version.logged_by,
        "source": version.source,
    }


def entry_document(path: bytes, entry: Entry) -> Document:
    """One entry of a version."""
    document = {
        **json_text("path", path),
        "kind": KINDS[entry.kind],
        "mode": f"{entry.mode:04o}",
        "mtime": iso_time(entry.mtime_ns),
        "size": entry.size,
        "digest": entry.digest.hex(),
    }
    if entry.kind == Kind.DIRECTORY:
        document["entries"] = entry.below
    elif entry.kind == Kind.SYMLINK:
        document.update(json_text("target", entry.extra))
    return document
