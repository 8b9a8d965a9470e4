"""Files that were stored before a commit asked for them. All of it is in memory only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from artfs.catalog import Catalog
from artfs.drafts.db.schema import InodeRow
from artfs.drafts.storer_protocol import StoreJob, StoreResult
from artfs.format.chunklist import Piece

__all__ = ["PartialFile", "PrestoredFiles"]

_MAX_COMPLETE: Final = 100_000
_MAX_PARTIAL: Final = 64
_ACK_BYTES: Final = 64 << 20


@dataclass(slots=True)
class PartialFile:
    """A file that is stored while it grows; `artfs.drafts.writeback` draws its life.

    Attributes:
        counter: Of its row; with another one it is another file.
        end: Bytes that are cut and stored.
        pieces: Its chunks so far.
        acked: Bytes that the server was given a result of. No row may refer to the chunks after them, so that gc may
            delete those once this process's session has ended.
    """

    counter: int
    end: int = 0
    pieces: list[Piece] = field(default_factory=list)
    acked: int = 0

    @property
    def should_ack(self) -> bool:
        """Return whether so much more is stored that the server should get a result.

        A quarter more, since each result takes a list of all chunks so far.
        """
        return self.end - self.acked >= max(_ACK_BYTES, self.acked // 4)

    def append(self, pieces: Sequence[Piece]) -> None:
        """Add the chunks that were stored next."""
        self.pieces += pieces
        self.end += sum(piece.length for piece in pieces)

    def unacked(self) -> list[bytes]:
        """The chunks after what is acked, the last one first."""
        at = self.end
        found: list[bytes] = []
        for piece in reversed(self.pieces):
            if at <= self.acked:
                break
            at -= piece.length
            found.append(piece.digest)
        return found

    def drop_unacked(self) -> None:
        """Go back to what is acked: the rest is stored again."""
        del self.pieces[len(self.pieces) - len(self.unacked()) :]
        self.end = self.acked


class PrestoredFiles:
    """Files that are stored completely, and files that are stored while they grow; by draft and inode.

    Args:
        catalog: Knows which chunks the store has.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._partial: dict[tuple[Path, int], PartialFile] = {}
        self._complete: dict[tuple[Path, int], StoreResult] = {}

    def resume(self, draft: Path, job: StoreJob) -> PartialFile | None:
        """The file that a job goes on with; None if an earlier process began it, and the commit stores it."""
        key = draft, job.ino
        partial = self._partial.pop(key, None)
        if (
            partial is None
            or partial.counter != job.counter
            or partial.acked > job.acked
            or not job.start <= partial.end <= job.size
        ):
            if job.start:
                return None
            partial = PartialFile(job.counter)
        if len(self._partial) >= _MAX_PARTIAL:  # some may be of removed files, which no job speaks of
            self._partial.pop(next(iter(self._partial)))
        self._partial[key] = partial
        return partial

    def forget(self, draft: Path, ino: int) -> None:
        """Forget a file that cannot be read any more, or does not grow any more."""
        self._partial.pop((draft, ino), None)

    def add_complete(self, draft: Path, result: StoreResult) -> None:
        """Remember a file that is stored completely."""
        if len(self._complete) >= _MAX_COMPLETE:
            self._complete.clear()
        self._complete[draft, result.ino] = result

    def find_complete(self, draft: Path, ino: int, row: InodeRow) -> StoreResult | None:
        """The content of a file that is stored completely, as its row has it."""
        found = self._complete.get((draft, ino))
        return found if found is not None and (found.counter, found.size) == (row.counter, row.size) else None

    def take_partial(self, draft: Path, ino: int, row: InodeRow) -> PartialFile | None:
        """Take out what is stored of a file that grew, if it is the row's and the store still has it."""
        partial = self._partial.pop((draft, ino), None)
        if partial is None or partial.counter != row.counter or partial.end > row.size:
            return None
        return None if self._is_missing([piece.digest for piece in partial.pieces]) else partial

    def recheck(self) -> None:
        """Drop what gc removed: a session begins, and gc may have run when there was none."""
        for partial in self._partial.values():
            if self._is_missing(partial.unacked()):
                partial.drop_unacked()

    def pending_acks(self) -> Iterator[tuple[Path, int, PartialFile]]:
        """Growing files that the server should get a result for; they count as acked then."""
        for (draft, ino), partial in self._partial.items():
            if partial.should_ack:
                partial.acked = partial.end
                yield draft, ino, partial

    def forget_complete(self) -> None:
        """Forget complete files: by now the rows of drafts that are not frozen refer to them."""
        self._complete.clear()

    def clear(self) -> None:
        """Forget all: nothing of it is stored."""
        self._complete.clear()
        self._partial.clear()

    def _is_missing(self, chunks: Sequence[bytes]) -> bool:
        """Return whether the store lacks one of these chunks, or gc is about to remove it."""
        with self._catalog.view() as view:
            return bool(view.missing_chunks(chunks))
