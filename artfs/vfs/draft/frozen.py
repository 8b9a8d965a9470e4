"""A frozen draft, in the process that stores and commits."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from artfs.errors import IntegrityError
from artfs.store import Store
from artfs.vfs.draft.datafiles import DataFiles
from artfs.vfs.draft.rows import META_JSON, META_ORIGIN, META_STATE
from artfs.vfs.draft.snapshot import DraftSnapshot
from artfs.vfs.draft.tree import DraftTree

__all__ = ["FrozenDraft"]


class FrozenDraft(DraftTree):
    """A draft as of its last checkpoint.

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
        self._files = DataFiles(directory / "data")
        try:
            if any(self._snapshot.get(key) is None for key in (META_ORIGIN, META_STATE)):
                raise IntegrityError(f"the rows of the draft {directory.name} are damaged: see `artfs fsck`")
            owner = directory.stat()
            super().__init__(self._snapshot, self._files, store, (owner.st_uid, owner.st_gid))
            self.meta = self.rows.get(META_JSON) or b""
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End it."""
        self._files.close()
        self._snapshot.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()
