"""Disk usage: bytes of versions, bytes that only one version has, of references, and of the packs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from artfs.catalog import Artifact, Version
from artfs.format.node import Kind
from artfs.format.reference import stored_file
from artfs.store.store import Store, root_entry

__all__ = ["ArtifactUsage", "StoreUsage", "VersionUsage", "artifact_usage", "stored_bytes", "totals", "usage"]


@dataclass(frozen=True, slots=True)
class VersionUsage:
    """Disk usage of one version.

    Attributes:
        version: As given.
        size: Bytes of its files.
        stored: Bytes of its chunks in the packs, each chunk counted once.
        own: Of those, bytes of chunks that no other of the measured versions has.
        elsewhere: Of `size`, what references are to: the store does not have it.
    """

    version: Version
    size: int
    stored: int
    own: int
    elsewhere: int

    @property
    def shared(self) -> int:
        """Bytes of chunks that another version has too."""
        return self.stored - self.own


@dataclass(frozen=True, slots=True)
class ArtifactUsage:
    """Disk usage of all versions of an artifact.

    Attributes:
        artifact: The artifact.
        versions: Their number.
        size: Bytes of their files.
        stored: Bytes of their chunks in the packs, each chunk counted once.
        own: Of those, bytes of chunks that no other artifact has.
        elsewhere: Of `size`, what references are to: the store does not have it.
    """

    artifact: Artifact
    versions: int
    size: int
    stored: int
    own: int
    elsewhere: int


@dataclass(frozen=True, slots=True)
class StoreUsage:
    """Disk usage of the store.

    Attributes:
        size: Bytes of the files of all versions.
        stored: Bytes of their chunks in the packs, each counted once.
        packs: Bytes of the pack files on disk.
    """

    size: int
    stored: int
    packs: int


@dataclass(slots=True)
class _Contents:
    """The chunks of files, and bytes of references."""

    chunks: set[bytes]
    elsewhere: int


def usage(store: Store, versions: Sequence[Version], among: Sequence[Version] | None = None) -> list[VersionUsage]:
    """Measure versions.

    Args:
        store: Where they are.
        versions: What to measure.
        among: Versions whose chunks count as shared; by default every version of the store.
    """
    everyone = list(among) if among is not None else _all_versions(store)
    contents = {
        version.serial: _contents(store, version) for version in {v.serial: v for v in (*everyone, *versions)}.values()
    }
    users = Counter(chunk for version in everyone for chunk in contents[version.serial].chunks)
    measured = []
    for version in versions:
        found = contents[version.serial]
        sizes = _stored_sizes(store, found.chunks)
        own = sum(size for chunk, size in sizes.items() if users[chunk] <= 1)
        measured.append(VersionUsage(version, version.size, sum(sizes.values()), own, found.elsewhere))
    return measured


def artifact_usage(store: Store) -> list[ArtifactUsage]:
    """Measure each artifact as a whole."""
    with store.catalog.view() as view:
        versions = {artifact: list(view.versions(artifact.serial)) for artifact in view.artifacts()}
    contents = {
        artifact.serial: _together([_contents(store, version) for version in found])
        for artifact, found in versions.items()
    }
    users = Counter(chunk for one in contents.values() for chunk in one.chunks)
    measured = []
    for artifact, found in versions.items():
        together = contents[artifact.serial]
        sizes = _stored_sizes(store, together.chunks)
        own = sum(size for chunk, size in sizes.items() if users[chunk] == 1)
        total = sum(version.size for version in found)
        measured.append(ArtifactUsage(artifact, len(found), total, sum(sizes.values()), own, together.elsewhere))
    return measured


def totals(store: Store) -> StoreUsage:
    """Measure the whole store."""
    versions = _all_versions(store)
    chunks = _together([_contents(store, version) for version in versions]).chunks
    with store.catalog.view() as view:
        packs = sum(row.size for _pack, row in view.packs())
    return StoreUsage(sum(version.size for version in versions), sum(_stored_sizes(store, chunks).values()), packs)


def stored_bytes(store: Store, versions: Sequence[Version]) -> int:
    """Return the bytes of the chunks that versions have, each counted once."""
    chunks = _together([_contents(store, version) for version in versions]).chunks
    return sum(_stored_sizes(store, chunks).values())


def _all_versions(store: Store) -> list[Version]:
    with store.catalog.view() as view:
        return [version for artifact in view.artifacts() for version in view.versions(artifact.serial)]


def _contents(store: Store, version: Version) -> _Contents:
    found = _Contents(set(), 0)
    for _path, entry in store.walk(root_entry(version)):
        file = stored_file(entry)
        if file is not None:
            found.chunks.update(piece.digest for piece in store.pages.pieces(file))
        if entry.kind == Kind.REFERENCE:
            found.elsewhere += entry.size
    return found


def _together(contents: Sequence[_Contents]) -> _Contents:
    return _Contents(set[bytes]().union(*(one.chunks for one in contents)), sum(one.elsewhere for one in contents))


def _stored_sizes(store: Store, chunks: set[bytes]) -> dict[bytes, int]:
    with store.catalog.view() as view:
        return {chunk: location.stored_len for chunk, location in view.locations(chunks).items()}
