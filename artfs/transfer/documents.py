"""What the catalog knows of versions, as documents: made of one catalog, and collected for another."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from artfs.catalog import EdgeKind, Incoming, Run, Version, View, state_now
from artfs.errors import InvalidInputError
from artfs.format.bundle import (
    MAX_DOCUMENTS_SIZE,
    BundledAlias,
    BundledArtifact,
    BundledEdge,
    BundledRun,
    BundledVersion,
    Document,
    Summary,
    VersionIdentity,
    encode_document,
)
from artfs.names import LATEST

__all__ = ["DocumentCollector", "documents_of", "encoded_documents"]

_MADE_BY: Final = "artfs"


def documents_of(
    view: View,
    versions: Sequence[Version],
    since: Sequence[Version] = (),
    *,
    aliases: bool = False,
    all_runs: bool = False,
) -> list[Document]:
    """Return what the catalog knows of versions, in the order in which another takes it.

    Args:
        view: The catalog.
        versions: The versions, each once.
        since: Versions whose contents the other store has.
        aliases: With their aliases.
        all_runs: With all runs there are, not only those that used or logged one of them.
    """
    found: list[Document] = [
        Summary(
            time.time_ns(),
            _MADE_BY,
            len(versions),
            sum(version.size for version in versions),
            tuple(_identity(view, version) for version in since),
        )
    ]
    for serial in dict.fromkeys(version.artifact for version in versions):
        artifact = view.artifact(serial)
        if artifact is not None:
            found.append(BundledArtifact(artifact.name, artifact.type, artifact.created_ns, artifact.description))
    found += [_version(view, version) for version in versions]
    if aliases:
        found += [
            BundledAlias(view.ref(version).name, version.index, alias)
            for version in versions
            for alias in view.aliases_of(version)
            if alias != LATEST
        ]
    runs = {
        edge.run: None for version in versions for kind in EdgeKind for edge in view.edges_of_version(version, kind)
    }
    if all_runs:
        runs |= {run.id: None for run in view.runs()}
    found += [_run(run) for name in runs if (run := view.run(name)) is not None]
    found += [edge for name in runs for edge in _edges(view, name)]
    return found


def encoded_documents(documents: Sequence[Document]) -> list[bytes]:
    """Encode documents that are to be published by one journal record.

    Raises:
        InvalidInputError: They are too much for one.
    """
    encoded = [encode_document(document) for document in documents]
    if sum(map(len, encoded)) > MAX_DOCUMENTS_SIZE:
        versions = sum(isinstance(document, BundledVersion) for document in documents)
        raise InvalidInputError(
            f"the metadata, runs and lineage of these {versions} versions are more than "
            f"{MAX_DOCUMENTS_SIZE >> 20} MiB: take fewer versions at a time"
        )
    return encoded


def _identity(view: View, version: Version) -> VersionIdentity:
    return VersionIdentity(view.ref(version).name, version.index, version.created_ns, version.tree.root)


def _version(view: View, version: Version) -> BundledVersion:
    edge = None if version.logged_by is None else view.edge(version.logged_by, EdgeKind.LOGGED, version)
    return BundledVersion(
        view.ref(version).name,
        version.index,
        version.tree,
        version.created_ns,
        version.fields,
        version.logged_by,
        version.source,
        "api" if edge is None else edge.how,
        view.origin(version),
    )


def _run(run: Run) -> BundledRun:
    state, ended_ns = state_now(run), run.ended_ns
    if state == "crashed" and ended_ns is None:
        ended_ns = time.time_ns()  # when it was found out
    return BundledRun(
        run.id,
        run.fields,
        run.started_ns,
        run.user,
        run.host,
        run.pid,
        run.command,
        run.git,
        run.directory,
        run.dirty,
        None if state == "running" else state,
        ended_ns,
        run.exit_code,
    )


def _edges(view: View, run: str) -> list[BundledEdge]:
    found = []
    for kind in EdgeKind:
        for edge in view.edges_of_run(run, kind):
            version = view.version(edge.artifact, edge.index, deleted=True)
            if version is not None:
                about = edge.how, edge.time_ns, edge.entries, edge.paths
                found.append(BundledEdge(run, kind == EdgeKind.USED, _identity(view, version), *about))
    return found


@dataclass(slots=True)
class DocumentCollector:
    """Documents as they come, each checked to be in its place.

    Attributes:
        incoming: What came.
        summary: The first document.
    """

    incoming: Incoming
    summary: Summary | None = None
    _versions: set[tuple[str, int]] = field(default_factory=set)
    _runs: set[str] = field(default_factory=set)

    def add(self, document: Document) -> None:
        """Add a document.

        Raises:
            ValueError: It is not in its place.
        """
        match document:
            case Summary() if self.summary is None:
                self.summary = document
            case _ if self.summary is None:
                raise ValueError("it does not begin with its summary")
            case BundledArtifact() if document.name not in self.incoming.artifacts:
                self.incoming.artifacts[document.name] = document
            case BundledVersion() if document.artifact in self.incoming.artifacts:
                if (document.artifact, document.index) in self._versions:
                    raise ValueError("a version is in it twice")
                self._versions.add((document.artifact, document.index))
                self.incoming.versions.append(document)
            case BundledAlias() if (document.artifact, document.index) in self._versions:
                self.incoming.aliases.append(document)
            case BundledRun() if document.id not in self._runs:
                self._runs.add(document.id)
                self.incoming.runs.append(document)
            case BundledEdge() if document.run in self._runs:
                self.incoming.edges.append(document)
            case _:
                raise ValueError("a document in it is not in its place")
