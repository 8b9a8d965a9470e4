"""The entries of an artifact by path: those added so far, or those of a version, read as needed."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

from artfs.api.artifact.manifest_entry import ManifestEntry, Owner
from artfs.api.artifact.pending_entries import PendingEntries
from artfs.catalog import Version
from artfs.errors import InvalidInputError, NotFoundError
from artfs.format.node import Kind
from artfs.names import parse_entry_path
from artfs.store.read.symlinks import directory_through_links, entry_at
from artfs.store.store import root_entry

__all__ = ["AddedEntries", "Manifest", "VersionEntries"]


class Manifest:
    """The contents of an artifact.

    Attributes:
        entries: Files, links and references by path; directories have no entry of their own.
        digest: Identifies all of it.
        size: Bytes of all files.
    """

    def __init__(self, entries: Mapping[str, ManifestEntry], digest: str, size: int) -> None:
        self.entries = entries
        self.digest = digest
        self.size = size

    def get_entry_by_path(self, path: str) -> ManifestEntry | None:
        """The entry at a path; None if there is none.

        Args:
            path: The path, `/`-separated.
        """
        return self.entries.get(path)

    def get_entries_in_directory(self, directory: str) -> list[ManifestEntry]:
        """The entries below a directory, at any depth.

        Args:
            directory: Its path, which may go through symlinks of a version; then the paths of the entries do too.
        """
        inside = directory.rstrip("/") + "/"
        if isinstance(self.entries, VersionEntries) and (linked := self.entries.below_linked(inside)) is not None:
            return linked
        return [entry for path, entry in self.entries.items() if path.startswith(inside)]

    def __len__(self) -> int:
        return len(self.entries)


class AddedEntries(Mapping[str, ManifestEntry]):
    """The entries that were added to an unlogged artifact."""

    def __init__(self, artifact: Owner, contents: PendingEntries) -> None:
        self._artifact = artifact
        self._contents = contents

    def __getitem__(self, path: str) -> ManifestEntry:
        raw = os.fsencode(path)
        row = self._contents.entries.get(raw)
        if row is None or row.kind == Kind.DIRECTORY:
            raise KeyError(path)
        return ManifestEntry(raw, row, self._artifact)

    def __iter__(self) -> Iterator[str]:
        return map(os.fsdecode, self._contents.leaves())

    def __len__(self) -> int:
        return sum(1 for _ in self._contents.leaves())


class VersionEntries(Mapping[str, ManifestEntry]):
    """The entries of a version. A path may go through symlinks; it is listed only where it is without them."""

    def __init__(self, artifact: Owner, version: Version) -> None:
        self._artifact = artifact
        self._version = version
        self._count: int | None = None

    def __getitem__(self, path: str) -> ManifestEntry:
        try:
            parts = parse_entry_path(path)
            row = entry_at(self._artifact.store, self._version, parts)
        except (NotFoundError, InvalidInputError) as error:
            raise KeyError(path) from error
        if row.kind == Kind.DIRECTORY:
            raise KeyError(path)
        return ManifestEntry(b"/".join(parts), row, self._artifact)

    def below_linked(self, directory: str) -> list[ManifestEntry] | None:
        """Return the entries below a directory that is reached through symlinks; None of any other.

        Args:
            directory: Its path, with a slash behind it.
        """
        raw, store = os.fsencode(directory), self._artifact.store
        found = directory_through_links(store, self._version, raw.rstrip(b"/"))
        if found is None:
            return None
        below = (pair for pair in store.walk(found) if pair[1].kind != Kind.DIRECTORY)
        return [ManifestEntry(raw + path, row, self._artifact) for path, row in below]

    def __iter__(self) -> Iterator[str]:
        for path, row in self._artifact.store.walk(root_entry(self._version)):
            if row.kind != Kind.DIRECTORY:
                yield os.fsdecode(path)

    def __len__(self) -> int:
        if self._count is None:
            self._count = sum(1 for _ in self)
        return self._count
