"""Read-only view of a draft, as it is or as of its last checkpoint, for commit and status."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

from artfs.closing import Closing
from artfs.drafts.data.data_files import DataFiles
from artfs.drafts.data.file_io import FileReader, MappedExtent, extents
from artfs.drafts.db.database import DraftSnapshot
from artfs.drafts.db.schema import (
    BASE,
    META_DAMAGE,
    META_JSON,
    META_ORIGIN,
    META_STATE,
    DraftCounters,
    InodeRow,
    Origin,
    RowReader,
    decode_damage,
    decode_origin,
    decode_state,
    u64_key,
)
from artfs.drafts.namespace.directories import DirectoryReader
from artfs.drafts.namespace.inodes import BaseTree, InodeTable
from artfs.errors import IntegrityError
from artfs.format.digest import Data
from artfs.format.node import Entry
from artfs.store import Store

__all__ = ["DraftView", "FrozenDraft", "owner_of", "writers_in"]


def owner_of(origin: Origin, directory: Path) -> tuple[int, int]:
    """User and group of a draft, which entries of the base get: versions store none."""
    if origin.uid >= 0:
        return origin.uid, origin.gid
    status = directory.stat()
    return status.st_uid, status.st_gid


def writers_in(rows: RowReader, counters: DraftCounters) -> list[str]:
    """Runs that wrote into a draft since its last commit, each once."""
    found = rows.items(b"W", u64_key(counters.committed + 1))
    return list(dict.fromkeys(key[8:].decode() for key, _nothing in found))


class DraftView:
    """Names, inodes and contents of a draft.

    Args:
        rows: The draft's rows, which do not change while this is used.
        data_files: Its data files.
        store: Reads what is under it.
        directory: The draft's.

    Attributes:
        rows: As given.
        origin: Where the draft comes from.
        counters: As in its rows.
        damage: Of its redo log, that no commit accepted; None: none.
    """

    def __init__(self, rows: RowReader, data_files: DataFiles, store: Store, directory: Path) -> None:
        self.rows = rows
        self.origin = decode_origin(rows.get(META_ORIGIN) or b"")
        self.counters = decode_state(rows.get(META_STATE) or b"")
        damage = rows.get(META_DAMAGE)
        self.damage = None if damage is None else decode_damage(damage)
        self._inodes = InodeTable(rows, BaseTree(self.origin.lower, store.pages), owner_of(self.origin, directory))
        self._directories = DirectoryReader(rows, self._inodes, store.pages)
        self._files = FileReader(rows, self._inodes, data_files, store.content)

    def inode(self, ino: int) -> InodeRow:
        """An inode."""
        return self._inodes.get(ino)

    def base_entry(self, ino: int) -> Entry | None:
        """The entry of the base for an inode that did not change; None for any other."""
        return None if ino <= BASE or self._inodes.has_row(ino) else self._inodes.base.entry(ino)

    def is_directory(self, ino: int) -> bool:
        """True if an inode is a directory."""
        return stat.S_ISDIR(self.inode(ino).mode)

    def find(self, directory: int, name: bytes) -> int:
        """The inode that a name leads to, 0 if none."""
        return self._directories.find(directory, name)

    def names_of(self, ino: int) -> list[tuple[int, bytes]]:
        """All names of an inode, as directory and name; none if it was removed."""
        return self._directories.names_of(ino)

    def names_in(self, directory: int) -> Iterator[tuple[bytes, int]]:
        """All names in a directory, with their inodes."""
        for name, ino, _following in self._directories.entries(directory):
            yield name, ino

    def writers(self) -> list[str]:
        """The runs that wrote since the last commit."""
        return writers_in(self.rows, self.counters)

    def readers(self) -> set[str]:
        """The runs that read what was committed, since the last commit."""
        found = self.rows.items(b"U", u64_key(self.counters.committed + 1))
        return {key[8:].decode() for key, _nothing in found}

    def read(self, ino: int, offset: int, size: int) -> Data:
        """Read from a file."""
        return self._files.read(ino, offset, size)

    def extents(self, ino: int) -> list[MappedExtent]:
        """The ranges of a file that are in data files."""
        return list(extents(self.rows, ino))


class FrozenDraft(DraftView, Closing):
    """A draft as of its last checkpoint, read by another process than the one that serves it.

    Args:
        directory: The draft's.
        store: Reads what is under it.

    Attributes:
        meta: JSON of its control directory.

    Raises:
        IntegrityError: Its rows are damaged.
        StorageError: The system refused.
    """

    def __init__(self, directory: Path, store: Store) -> None:
        self._snapshot = DraftSnapshot.open(directory)
        self._data_files = DataFiles(directory / "data")
        try:
            if any(self._snapshot.get(key) is None for key in (META_ORIGIN, META_STATE)):
                raise IntegrityError(f"the rows of the draft {directory.name} are damaged: see `artfs fsck`")
            super().__init__(self._snapshot, self._data_files, store, directory)
            self.meta = self.rows.get(META_JSON) or b""
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close its rows and data files."""
        self._data_files.close()
        self._snapshot.close()
