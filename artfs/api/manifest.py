"""All entries of an artifact by path: of a draft those added so far, of a version those of its tree, read as needed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping

from artfs.api.contents import Contents
from artfs.api.entry import ManifestEntry
from artfs.catalog import Version
from artfs.errors import InvalidInputError, NotFoundError
from artfs.format.node import Entry, Kind
from artfs.names import parse_entry_path
from artfs.store.store import Store, root_entry

__all__ = ["DraftEntries", "Manifest", "VersionEntries"]

Make = Callable[[bytes, Entry], ManifestEntry]


class Manifest:
    """What an artifact contains.

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
            directory: Its path.
        """
        return [entry for path, entry in self.entries.items() if path.startswith(directory.rstrip("/") + "/")]

    def __len__(self) -> int:
        return len(self.entries)


class DraftEntries(Mapping[str, ManifestEntry]):
    """The entries of a draft."""

    def __init__(self, contents: Contents, make: Make) -> None:
        self._contents = contents
        self._make = make

    def __getitem__(self, path: str) -> ManifestEntry:
        raw = os.fsencode(path)
        row = self._contents.entries.get(raw)
        if row is None or row.kind == Kind.DIRECTORY:
            raise KeyError(path)
        return self._make(raw, row)

    def __iter__(self) -> Iterator[str]:
        return (os.fsdecode(path) for path, _entry in self._contents.leaves())

    def __len__(self) -> int:
        return sum(1 for _ in self._contents.leaves())


class VersionEntries(Mapping[str, ManifestEntry]):
    """The entries of a version."""

    def __init__(self, store: Callable[[], Store], version: Version, make: Make) -> None:
        self._store = store
        self._version = version
        self._make = make
        self._count: int | None = None

    def __getitem__(self, path: str) -> ManifestEntry:
        try:
            parts = parse_entry_path(path)
            row = self._store().entry(self._version, parts)
        except (NotFoundError, InvalidInputError) as error:
            raise KeyError(path) from error
        if row.kind == Kind.DIRECTORY:
            raise KeyError(path)
        return self._make(b"/".join(parts), row)

    def __iter__(self) -> Iterator[str]:
        return (os.fsdecode(path) for path, _row in self.rows())

    def __len__(self) -> int:
        if self._count is None:
            self._count = sum(1 for _ in self.rows())
        return self._count

    def rows(self) -> Iterator[tuple[bytes, Entry]]:
        """Paths and entries as trees have them, in tree order."""
        for path, row in self._store().walk(root_entry(self._version)):
            if row.kind != Kind.DIRECTORY:
                yield path, row
