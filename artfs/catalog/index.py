"""The LMDB environment of a store's index, which many processes read and write.

It can be rebuilt beside them, and the new index takes the place of the old one. A writer that still has the old files
open would lose what it wrote there: every write first checks that `data.mdb` is still the file that was opened.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, ClassVar, Final

from artfs.errors import StorageError, StoreError
from artfs.files.store_files import make_directory
from artfs.kv import crash_marker
from artfs.kv.environment import Environment
from artfs.kv.errors import DatabaseErrors, LmdbError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from artfs.kv.checked_rows import Txn

__all__ = ["INDEX_ERRORS", "IndexEnvironment", "damaged_index"]

INDEX_ERRORS: Final = DatabaseErrors(
    "the index", "the index is damaged ({}): run `artfs fsck --repair`, which makes it again"
)
"""Nothing is lost with a damaged index: all of it can be made again."""
damaged_index: Final = INDEX_ERRORS.damaged


class IndexEnvironment(Environment):
    """An open index. `IndexEnvironment.open` makes one."""

    errors: ClassVar = INDEX_ERRORS
    single_writer: ClassVar = False
    max_readers: ClassVar = 1024
    spare_transactions: ClassVar = 8

    @staticmethod
    def exists(index: Path) -> bool:
        """True if the directory has an index at all, damaged or not.

        Raises:
            StorageError: The system refused to look: there may well be one.
        """
        try:
            return (index / "data.mdb").stat().st_size > 0
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:
            raise StorageError.of(error, f"looking for the index {index}") from error

    @classmethod
    def open(cls, index: Path, *, create: bool = False) -> IndexEnvironment:
        """Open the index in a directory.

        Args:
            index: The directory.
            create: Make it where it is missing.

        Raises:
            IntegrityError: There is none, or it is cut off or otherwise damaged.
            StoreError: This process has it open already.
            StorageError: The system refused.
        """
        try:
            if create:
                make_directory(index, exist_ok=True)
                crash_marker.create(index)
            elif not cls.exists(index):
                raise INDEX_ERRORS.damaged("it is missing")
            return cls(index, create=create)
        except (LmdbError, OSError) as error:
            raise INDEX_ERRORS.artfs_error(error, f"opening the index {index}") from error

    @contextmanager
    def write(self) -> Iterator[Txn]:
        """Run a block in a write transaction: commit when it ends well, abort otherwise.

        Raises:
            ReadOnlyStoreError: A commit or fsync failed earlier.
            StorageError: The commit failed; nothing of it is visible, and the environment is poisoned.
            StoreError: Opened before a fork, or closed, or the environment was replaced.
        """
        txn = self.begin_write()
        try:
            self.check_in_place()
            yield txn
        except LmdbError as error:
            txn.abort()
            raise self._failure(error, "changing the index") from error
        except BaseException:
            txn.abort()
            raise
        self.commit(txn)

    def check_in_place(self) -> None:
        """Prove that the open index is still the store's.

        Raises:
            StoreError: It was made again.
            StorageError: The system refused.
        """
        try:
            replaced = self._is_replaced()
        except OSError as error:
            raise StorageError.of(error, f"looking for the index {self.path}") from error
        if replaced:
            raise StoreError("the index was made again meanwhile: open the store again and repeat")

    def is_in_place(self) -> bool:
        """True if the open index is the store's, or there is no other."""
        try:
            return not self._is_replaced()
        except OSError:
            return True

    def _is_replaced(self) -> bool:
        return (self.path / "data.mdb").stat().st_ino != self._inode
