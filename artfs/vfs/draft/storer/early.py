"""What was stored of files before a commit asked for it. All of it is in memory alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from artfs.catalog import Catalog
from artfs.vfs.draft.jobs import Job, Stored
from artfs.vfs.draft.rows import InodeRow
from artfs.vfs.draft.storer.files import Growth

__all__ = ["Early"]

_KNOWN: Final = 100_000
_GROWING: Final = 64


class Early:
    """Files that are stored whole, and files that are being stored while they grow; by draft and inode.

    Args:
        catalog: Tells which chunks the store has.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._growing: dict[tuple[Path, int], Growth] = {}
        self._whole: dict[tuple[Path, int], Stored] = {}

    def growth(self, draft: Path, job: Job) -> Growth | None:
        """What a job goes on from; None: an earlier process began with it, and the commit will go on from there."""
        key = draft, job.ino
        growth = self._growing.get(key)
        usable = growth is not None and growth.counter == job.counter and growth.told <= job.held
        if growth is not None and usable and job.start <= growth.end <= job.size:
            return growth
        self._growing.pop(key, None)
        if job.start:
            return None
        if len(self._growing) >= _GROWING:  # some may have been removed, of which nobody tells
            self._growing.pop(next(iter(self._growing)))
        growth = self._growing[key] = Growth(job.counter)
        return growth

    def lost(self, draft: Path, ino: int) -> None:
        """A file that grows cannot be read any more, or does not grow any more."""
        self._growing.pop((draft, ino), None)

    def stored(self, draft: Path, result: Stored) -> None:
        """A file is stored whole."""
        if len(self._whole) >= _KNOWN:
            self._whole.clear()
        self._whole[draft, result.ino] = result

    def whole(self, draft: Path, ino: int, row: InodeRow) -> Stored | None:
        """What was stored of a file, if that is all of what its row says."""
        known = self._whole.get((draft, ino))
        return known if known is not None and (known.counter, known.size) == (row.counter, row.size) else None

    def begun(self, draft: Path, ino: int, row: InodeRow) -> Growth | None:
        """Take over what is stored of a file that grew, if the store still has it and it is the row's."""
        growth = self._growing.pop((draft, ino), None)
        if growth is None or growth.counter != row.counter or growth.end > row.size:
            return None
        return None if self._missing([piece.digest for piece in growth.pieces]) else growth

    def look_up_again(self) -> None:
        """A session begins: gc may have been there when none kept it away."""
        for growth in self._growing.values():
            if self._missing(growth.untold()):
                growth.cut_back()

    def news(self) -> Iterator[tuple[Path, int, Growth]]:
        """Files that grow of which the draft should be told that more is stored; they count as told."""
        for (draft, ino), growth in self._growing.items():
            if growth.is_news:
                growth.told = growth.end
                yield draft, ino, growth

    def forget_whole(self) -> None:
        """The rows of drafts hold what was stored whole; one that was frozen before, or has changed since, does not."""
        self._whole.clear()

    def forget(self) -> None:
        """Nothing of it is stored."""
        self._whole.clear()
        self._growing.clear()

    def _missing(self, chunks: Sequence[bytes]) -> bool:
        """Whether the store has not all of these, or not for long."""
        with self._catalog.view() as view:
            return bool(view.missing(chunks))
