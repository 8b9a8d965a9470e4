"""Discarded drafts: the directory `drafts/discarded/`, which gc empties.

    <number>.<time>.<name>/     a discarded draft: its number, when it was discarded (nanoseconds since 1970), its name
    .old-<number>/              one that gc removes

A draft is moved there and back by one rename: it is open, discarded or gone as a whole.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from artfs.drafts.registry import DraftLocation, DraftRegistry, room_of
from artfs.errors import NotFoundError, StorageError
from artfs.files import sync_directory
from artfs.files.store_files import make_directory, remove_tree, rename

__all__ = ["DiscardedDraft", "DiscardedDrafts"]

_DISCARDED: Final = re.compile(r"([1-9][0-9]{0,7})\.([0-9]{1,20})\.(.+)\Z")


class DiscardedDraft(NamedTuple):
    """A draft that can be brought back.

    Attributes:
        number: That it had; as an open draft it gets another one.
        discarded_ns: When it was discarded (nanoseconds since 1970).
        name: That it had in the staging root.
        path: Its directory.
    """

    number: int
    discarded_ns: int
    name: str
    path: Path


class DiscardedDrafts:
    """Lists the discarded drafts of a store, keeps them, brings them back and removes them.

    Args:
        drafts: The directory of the store's drafts.
    """

    def __init__(self, drafts: Path) -> None:
        self._drafts = drafts
        self._discarded = drafts / "discarded"

    def list(self) -> Sequence[DiscardedDraft]:
        """The discarded drafts, by number.

        Raises:
            StorageError: The system refused.
        """
        try:
            found = [_DISCARDED.match(name) for name in os.listdir(self._discarded)]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StorageError.of(error, f"reading {self._discarded}") from error
        return sorted(
            DiscardedDraft(int(match[1]), int(match[2]), match[3], self._discarded / match[0])
            for match in found
            if match
        )

    def keep(self, location: DraftLocation) -> DiscardedDraft:
        """Close a draft that no process has open any more, and keep what is in it.

        Raises:
            StorageError: The system refused; the draft is as it was.
        """
        now = time.time_ns()
        kept = self._discarded / f"{location.number}.{now}.{location.name}"
        try:
            make_directory(self._discarded, exist_ok=True)
            rename(location.path, kept)
            sync_directory(self._discarded)
            sync_directory(self._drafts)
        except OSError as error:
            raise StorageError.of(error, f"closing the draft {location.name}") from error
        return DiscardedDraft(location.number, now, location.name, kept)

    def bring_back(self, number: int, name: str = "") -> DraftLocation:
        """Open a discarded draft again, under another number. The caller serves the drafts.

        Args:
            number: That it had.
            name: In the staging root; empty: that it had.

        Raises:
            NotFoundError: There is none of that number, or gc has removed it.
            InvalidInputError: The name is not allowed.
            ConflictError: A draft of that name is open.
            StorageError: The system refused; the draft is as it was.
        """
        draft = next((draft for draft in self.list() if draft.number == number), None)
        if draft is None:
            raise _gone(number)
        try:
            location = DraftRegistry(self._drafts).adopt(draft.path, name or draft.name)
            sync_directory(self._discarded)
        except FileNotFoundError:
            raise _gone(number) from None
        except OSError as error:
            raise StorageError.of(error, f"opening the draft {draft.name}") from error
        return location

    def remove(self, draft: DiscardedDraft) -> int | None:
        """Remove a discarded draft for good; one that was brought back meanwhile stays.

        Returns:
            Bytes on the disk that it took; None if it was brought back.

        Raises:
            StorageError: The system refused.
        """
        old = self._discarded / f".old-{draft.number}"
        try:
            rename(draft.path, old)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StorageError.of(error, f"removing the discarded draft {draft.name}") from error
        size = room_of(old)
        remove_tree(old)
        return size

    def remove_until(self, time_ns: int) -> Sequence[tuple[DiscardedDraft, int]]:
        """Remove the drafts that were discarded until then (nanoseconds since 1970), and what a killed gc has left.

        Returns:
            The drafts, and the bytes on the disk that each took.

        Raises:
            StorageError: The system refused.
        """
        with suppress(FileNotFoundError):
            for name in os.listdir(self._discarded):
                if name.startswith(".old-"):
                    remove_tree(self._discarded / name)
        old = [draft for draft in self.list() if draft.discarded_ns <= time_ns]
        return [(draft, size) for draft in old if (size := self.remove(draft)) is not None]


def _gone(number: int) -> NotFoundError:
    return NotFoundError(f"there is no discarded draft {number} to bring back: `artfs undelete` lists them")
