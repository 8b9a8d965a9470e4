"""JSON objects of what is exported and imported; keys as promised in docs/COMMANDS.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from artfs.documents.document import Document, iso_time

if TYPE_CHECKING:
    from artfs.format.bundle import BundledVersion
    from artfs.transfer import Contents, Exported, Imported

__all__ = ["contents_document", "exported_document", "imported_document"]


def exported_document(exported: Exported) -> Document:
    """Return the result of an export."""
    return {
        "refs": list(exported.refs),
        "runs": exported.runs,
        "size": exported.size,
    }


def contents_document(contents: Contents) -> Document:
    """Return what a bundle says of itself."""
    came = contents.incoming
    return {
        "store": came.store.hex(),
        "made": iso_time(contents.summary.made_ns),
        "since": [str(version) for version in contents.summary.since],
        "versions": [{**_version(version), "type": came.artifacts[version.artifact].type} for version in came.versions],
        "aliases": {str(alias): f"v{alias.index}" for alias in came.aliases},
        "runs": [run.id for run in came.runs],
    }


def _version(version: BundledVersion) -> Document:
    return {
        "ref": str(version.identity),
        "created": iso_time(version.created_ns),
        "description": version.fields.description,
        "tags": list(version.fields.tags),
        "metadata": msgspec.Raw(version.fields.metadata),
        "digest": version.tree.digest.hex(),
        "size": version.tree.size,
        "entries": version.tree.entries,
    }


def imported_document(imported: Imported) -> Document:
    """Return the result of an import."""
    received = imported.received
    return {
        "store": imported.contents.incoming.store.hex(),
        "versions": [
            {
                "ref": f"{one.version.artifact}:v{one.index}",
                "was": str(one.version.identity),
                "arrival": str(one.arrival),
            }
            for one in received.versions
        ],
        "aliases": [str(alias) for alias in received.aliases],
        "kept_aliases": [str(alias) for alias in received.kept_aliases],
        "runs": received.runs,
        "renamed_runs": received.renamed_runs,
        "edges": received.edges,
        "edges_left_out": received.edges_left_out,
        "changed": received.changed,
        "size": imported.size,
        "written": imported.written,
    }
