"""Store files of drafts: read what was written, cut it, and hand it to the writers of chunks and nodes.

A file that grows is cut as far as it is certain; what comes later goes on from there. A file of which little changed is
cut again around the changes only.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final

from artfs.chunks.buffers import make_buffer
from artfs.chunks.chunker import Chunker
from artfs.format.chunklist import Piece
from artfs.format.digest import Data
from artfs.store.chunkstore import ChunkWriter, Prepared
from artfs.store.tree.build import Content, NodeSink, build_content
from artfs.store.tree.pages import Pages
from artfs.vfs.draft.recut import intact, recut
from artfs.vfs.draft.rows import InodeRow
from artfs.vfs.draft.tree import DraftTree

__all__ = ["FileWriter", "Growth", "Read", "reader_of"]

_BUFFER: Final = 8 << 20
_AHEAD: Final = 2
"""Buffers that may wait to be hashed and compressed, which another thread does, while the next one is read and cut."""
_NEWS: Final = 64 << 20

Read = Callable[[int, memoryview], None]
"""Reads bytes of a file from an offset on: as many as the memory takes."""


def reader_of(draft: DraftTree, ino: int) -> Read:
    """Read a file of a draft that does not change."""

    def read(offset: int, view: memoryview) -> None:
        view[:] = draft.read(ino, offset, len(view))

    return read


@dataclass(slots=True)
class Growth:
    """A file that is being stored while it grows.

    Attributes:
        counter: Of its row; with another one it is another file.
        end: How far it is cut and stored.
        pieces: Its chunks so far.
        told: Of how many bytes the draft was told that they are stored: its row holds them, if it could take them over.
    """

    counter: int
    end: int = 0
    pieces: list[Piece] = field(default_factory=list)
    told: int = 0

    @property
    def is_news(self) -> bool:
        """Whether so much more is stored that the draft should know.

        A quarter more, since each time a list of all chunks so far is made.
        """
        return self.end - self.told >= max(_NEWS, self.told // 4)

    def cut_back(self) -> None:
        """Forget what the draft does not know of: it is stored again."""
        at = 0
        for kept, piece in enumerate(self.pieces):
            if at >= self.told:
                del self.pieces[kept:]
                break
            at += piece.length
        self.end = self.told

    def untold(self) -> list[bytes]:
        """The chunks that no row of the draft tells of."""
        at = self.end
        found: list[bytes] = []
        for piece in reversed(self.pieces):
            if at <= self.told:
                break
            at -= piece.length
            found.append(piece.digest)
        return found


class FileWriter:
    """Stores the bytes of files.

    Args:
        chunks: Takes chunks.
        nodes: Takes chunk lists.
        pages: Reads chunk lists that there are.
        chunker: Cuts.
        pool: Threads that hash and compress.
    """

    def __init__(
        self, chunks: ChunkWriter, nodes: NodeSink, pages: Pages, chunker: Chunker, pool: ThreadPoolExecutor
    ) -> None:
        self._chunks = chunks
        self._nodes = nodes
        self._pages = pages
        self._chunker = chunker
        self._pool = pool
        self._buffers = _ring(_AHEAD + 1)
        self.written = 0
        """Bytes that were read and stored or found stored."""

    def small(self, files: Sequence[Data]) -> list[Content]:
        """Store files that are one chunk each, none of them empty."""
        return [build_content([piece], self._nodes) for piece in self._store(files)]

    @property
    def small_size(self) -> int:
        """A file of at most so many bytes is one chunk."""
        return self._chunker.params.min_size

    def grow(self, growth: Growth, size: int, read: Read, *, final: bool) -> None:
        """Store what a file has more.

        Args:
            growth: How far it is; is moved on.
            size: How many bytes there are now.
            read: Reads them.
            final: There will not be more.
        """
        cuts = self._cut(growth.end, size, read, final=final)
        if size - growth.end <= _BUFFER:
            for cut in cuts:
                self._take(growth, self._chunks.prepare(cut))
            return
        pending: deque[Future[Prepared]] = deque()
        try:
            for cut in cuts:
                pending.append(self._pool.submit(self._chunks.prepare, cut))
                if len(pending) > _AHEAD:
                    self._take(growth, pending.popleft().result())
        finally:
            while pending:  # what is claimed has to be written, even if the file cannot be read any further
                self._take(growth, pending.popleft().result())

    def _take(self, growth: Growth, prepared: Prepared) -> None:
        pieces = self._append(prepared)
        growth.pieces += pieces
        growth.end += sum(piece.length for piece in pieces)

    def content(self, growth: Growth) -> Content:
        """The content of a file that is stored to its end."""
        return build_content(growth.pieces, self._nodes)

    def changed(self, draft: DraftTree, ino: int, row: InodeRow) -> Content:
        """Store a file of which a part is in the store already."""
        content = row.content
        ranges = [(extent.start, extent.end) for extent in draft.extents(ino)]
        kept = intact(self._pages.pieces(content.entry()), content.limit, ranges, row.size)

        read = reader_of(draft, ino)

        def cut(start: int) -> Iterator[tuple[int, memoryview]]:
            at = start
            step = min(_BUFFER, 4 * self._chunker.params.max_size)
            for pieces in self._cut(start, row.size, read, final=True, step=step):
                for piece in pieces:
                    at += len(piece)
                    yield at, piece

        return build_content(recut(kept, row.size, cut, self._store), self._nodes)

    def _cut(
        self, start: int, size: int, read: Read, *, final: bool, step: int = _BUFFER
    ) -> Iterator[list[memoryview]]:
        """Read a file from a cut on, and give the pieces that are certain, buffer by buffer.

        The memory of each is used again for the one `_AHEAD + 1` later.
        """
        at = start
        while at < size:
            take = min(step, size - at)
            last = final and at + take == size
            if not last and take < step:
                return  # too little to be worth it: more will come
            buffer = next(self._buffers)[:take]
            read(at, buffer)
            ends = self._chunker.split(buffer, last)
            if not ends:
                return
            yield [buffer[begin:end] for begin, end in zip([0, *ends], ends, strict=False)]
            at += ends[-1]

    def _store(self, pieces: Sequence[Data]) -> list[Piece]:
        return self._append(self._chunks.prepare(pieces))

    def _append(self, prepared: Prepared) -> list[Piece]:
        self._chunks.append(prepared)
        pieces = [Piece(length, chunk) for chunk, length, _record in prepared]
        self.written += sum(piece.length for piece in pieces)
        return pieces


def _ring(length: int) -> Iterator[memoryview]:
    """Buffers in turn, made when they are needed."""
    buffers: list[memoryview] = []
    while True:
        for at in range(length):
            if at == len(buffers):
                buffers.append(make_buffer(_BUFFER))
            yield buffers[at]
