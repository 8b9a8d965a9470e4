"""JSON objects of artifacts, versions and entries; keys as promised in docs/COMMANDS.md."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from artfs.documents.document import KINDS, Document, iso_time, json_text
from artfs.format.node import Entry, Kind
from artfs.format.reference import decode_reference

if TYPE_CHECKING:
    from artfs.catalog import Artifact, Version, View

__all__ = ["ArtifactTotals", "artifact_document", "artifact_totals", "entry_document", "version_document"]


@dataclass(frozen=True, slots=True)
class ArtifactTotals:
    """What counts all versions of an artifact.

    Attributes:
        versions: The number of those that are not deleted.
        deleted: The number of those that can be brought back.
        size: Bytes of the files of those that are not deleted.
    """

    versions: int
    deleted: int
    size: int


def artifact_totals(view: View, artifact: int) -> ArtifactTotals:
    """Count the versions of an artifact (by its serial): this reads all of them."""
    versions = deleted = size = 0
    for version in view.versions(artifact, deleted=True):
        if not version.deleted:
            versions += 1
            size += version.size
        elif not version.removed:
            deleted += 1
    return ArtifactTotals(versions, deleted, size)


def artifact_document(view: View, artifact: Artifact, totals: ArtifactTotals | None = None) -> Document:
    """Return an artifact, with its latest version and the size of all.

    Args:
        view: Where it is.
        artifact: The artifact.
        totals: Its totals, if they are known; else they are counted now.
    """
    totals = totals or artifact_totals(view, artifact.serial)
    latest = view.latest(artifact.serial)
    return {
        "name": artifact.name,
        "type": artifact.type,
        "description": artifact.description,
        "created": iso_time(artifact.created_ns),
        "versions": totals.versions,
        "deleted": totals.deleted,
        "latest": latest.name if latest else None,
        "size": latest.size if latest else 0,
        "total_size": totals.size,
        "aliases": {row.name: f"v{row.index}" for row in view.aliases(artifact.serial)},
    }


def version_document(view: View, version: Version) -> Document:
    """Return everything that the catalog has of a version; the metadata is the stored JSON."""
    ref = view.ref(version)
    artifact = view.artifact_by_name(ref.name)
    ttl, origin = version.ttl_ns, view.origin(version)
    link, source = view.link(version), view.source(version)
    document: Document = {
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
        "logged_by": source.logged_by,
        "source": version.source,
    }
    if link is not None:
        document["link"] = {"ref": str(view.ref(source)), "run": link.run}
    if origin is not None:
        document["origin"] = {"store": origin.store.hex(), "ref": str(origin)}
    return document


def entry_document(path: bytes, entry: Entry) -> Document:
    """Return one entry of a version."""
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
    elif entry.kind == Kind.REFERENCE:
        reference = decode_reference(entry)
        document |= {"uri": reference.uri, "etag": reference.etag, "version_id": reference.version_id}
    return document
