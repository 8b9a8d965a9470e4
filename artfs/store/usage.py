"""Where the bytes are: what versions hold, what of it only they hold, and what the packs take on disk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from artfs.catalog import Version
from artfs.format.node import Entry, Kind
from artfs.store.store import Store, root_entry

__all__ = ["Total", "Usage", "totals", "usage"]


@dataclass(frozen=True, slots=True)
class Usage:
    """The space of one version.

    Attributes:
        version: Which.
        size: Bytes of its files.
        stored: Bytes of its chunks in the packs, each chunk counted once.
        own: Of those, bytes of chunks that no other of the versions looked at has.
    """

    version: Version
    size: int
    stored: int
    own: int

    @property
    def shared(self) -> int:
        """Bytes of chunks that another version has too."""
        return self.stored - self.own


@dataclass(frozen=True, slots=True)
class Total:
    """The space of the store.

    Attributes:
        size: Bytes of the files of all versions.
        stored: Bytes of their chunks in the packs, each counted once.
        packs: Bytes of the pack files on disk.
    """

    size: int
    stored: int
    packs: int


def usage(store: Store, versions: Sequence[Version], among: Sequence[Version] | None = None) -> list[Usage]:
    """Measure versions.

    Args:
        store: Where they are.
        versions: What to measure.
        among: Whose chunks count as shared; by default every version of the store.
    """
    everyone = list(among) if among is not None else _all_versions(store)
    chunks = {
        version.serial: _chunks(store, version) for version in {v.serial: v for v in (*everyone, *versions)}.values()
    }
    holders = Counter(chunk for version in everyone for chunk in chunks[version.serial])
    measured = []
    for version in versions:
        sizes = _stored_sizes(store, chunks[version.serial])
        own = sum(size for chunk, size in sizes.items() if holders[chunk] <= 1)
        measured.append(Usage(version, version.size, sum(sizes.values()), own))
    return measured


def totals(store: Store) -> Total:
    """Measure the whole store."""
    versions = _all_versions(store)
    chunks = set[bytes]().union(*(_chunks(store, version) for version in versions))
    with store.catalog.view() as view:
        packs = sum(row.size for _pack, row in view.packs())
    return Total(sum(version.size for version in versions), sum(_stored_sizes(store, chunks).values()), packs)


def _all_versions(store: Store) -> list[Version]:
    with store.catalog.view() as view:
        return [version for artifact in view.artifacts() for version in view.versions(artifact.serial)]


def _chunks(store: Store, version: Version) -> set[bytes]:
    return {piece.digest for entry in _files(store, root_entry(version)) for piece in store.pages.pieces(entry)}


def _files(store: Store, top: Entry) -> Iterator[Entry]:
    return (entry for _path, entry in store.walk(top) if entry.kind == Kind.FILE)


def _stored_sizes(store: Store, chunks: set[bytes]) -> dict[bytes, int]:
    with store.catalog.view() as view:
        return {chunk: location.stored_len for chunk, location in view.locations(chunks).items()}
