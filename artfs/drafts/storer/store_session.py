"""Store files of drafts: read what was written, cut it into chunks, and write these into packs.

A file that grows is cut as far as the cuts are certain, and goes on from there. A file with a few changes is cut again
around these only (`rechunk`).
"""

from __future__ import annotations

import os
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Final

from artfs.chunks.chunker import Chunker
from artfs.drafts.data.data_files import file_name
from artfs.drafts.db.schema import InodeRow
from artfs.drafts.storer.prestored import PartialFile
from artfs.drafts.storer_protocol import StoreJob
from artfs.drafts.view import DraftView
from artfs.files.direct_io import make_buffer
from artfs.files.store_files import open_file
from artfs.format.chunklist import Piece
from artfs.format.digest import Data
from artfs.store import Store
from artfs.store.tree.build import Content, build_content
from artfs.store.write.content_writer import ContentWriter, Prepared

__all__ = ["Read", "StoreSession", "job_reader", "rechunk", "unchanged_chunks", "view_reader"]

_BUFFER: Final = 8 << 20
_AHEAD: Final = 2
"""Buffers that may wait for a thread to hash and compress them, while the next one is read and cut."""

Read = Callable[[int, memoryview], None]
"""Reads bytes of a file from an offset on, as many as the memory takes."""

Cut = Callable[[int], Iterator[tuple[int, memoryview]]]
"""Cuts a file from an offset on, and gives each piece with the offset after it."""


class StoreSession:
    """One session of writing into the store, from the first byte to a flush; gc waits for its end.

    Args:
        store: Open in this process.
        chunker: Cuts files.

    Attributes:
        writer: Writes chunks, chunk lists and tree nodes.
        written: Bytes that were read, and stored or found in the store.

    Raises:
        ArtfsError: The store cannot be written.
    """

    def __init__(self, store: Store, chunker: Chunker) -> None:
        self.writer = ContentWriter(store.layout, store.catalog)
        self.written = 0
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="artfs-hash")
        self._pages = store.pages
        self._chunker = chunker
        self._buffers = _ring(_AHEAD + 1)

    def close(self) -> None:
        """End the session; what was not flushed is dropped."""
        self._pool.shutdown(cancel_futures=True)
        self.writer.close()

    @property
    def small_size(self) -> int:
        """The largest size of a file that is one chunk in any case."""
        return self._chunker.params.min_size

    def store_small(self, files: Sequence[Data]) -> list[Content]:
        """Store files of one chunk each, none of them empty."""
        return [build_content([piece], self.writer) for piece in self._store(files)]

    def extend(self, partial: PartialFile, size: int, read: Read, *, final: bool) -> None:
        """Store the bytes of a file after those that are stored.

        Args:
            partial: What is stored; grows.
            size: Bytes of the file now.
            read: Reads them.
            final: The file does not grow any more.
        """
        cuts = self._cut(partial.end, size, read, final=final)
        if size - partial.end <= _BUFFER:
            for cut in cuts:
                partial.append(self._store(cut))
            return
        pending: deque[Future[Prepared]] = deque()
        try:
            for cut in cuts:
                pending.append(self._pool.submit(self.writer.prepare, cut))
                if len(pending) > _AHEAD:
                    partial.append(self._append(pending.popleft().result()))
        finally:
            while pending:  # claimed chunks have to be written, even if the file cannot be read any further
                partial.append(self._append(pending.popleft().result()))

    def content(self, partial: PartialFile) -> Content:
        """The content of what is stored of a file."""
        return build_content(partial.pieces, self.writer)

    def store_changed(self, draft: DraftView, ino: int, row: InodeRow) -> Content:
        """Store a file when the store has a part of it, at the same offsets."""
        content = row.content
        ranges = [(extent.start, extent.end) for extent in draft.extents(ino)]
        kept = unchanged_chunks(self._pages.pieces(content.entry()), content.limit, ranges, row.size)
        read = view_reader(draft, ino)

        def cut(start: int) -> Iterator[tuple[int, memoryview]]:
            at = start
            step = min(_BUFFER, 4 * self._chunker.params.max_size)
            for pieces in self._cut(start, row.size, read, final=True, step=step):
                for piece in pieces:
                    at += len(piece)
                    yield at, piece

        return build_content(rechunk(kept, row.size, cut, self._store), self.writer)

    def _cut(
        self, start: int, size: int, read: Read, *, final: bool, step: int = _BUFFER
    ) -> Iterator[list[memoryview]]:
        """Read a file from a cut on, and give the pieces that are certain, buffer by buffer.

        The memory of each buffer is used again for the one `_AHEAD + 1` later.
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
        return self._append(self.writer.prepare(pieces))

    def _append(self, prepared: Prepared) -> list[Piece]:
        self.writer.append(prepared)
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


def view_reader(draft: DraftView, ino: int) -> Read:
    """Read a file of a draft that does not change."""

    def read(offset: int, view: memoryview) -> None:
        view[:] = draft.read(ino, offset, len(view))

    return read


def job_reader(draft: Path, job: StoreJob) -> Read:
    """Read a file of a draft that may change, from the data files that its job names.

    Reading raises `OSError` where one of these is not there any more, or is shorter.
    """

    def read(offset: int, view: memoryview) -> None:
        at, end = offset, offset + len(view)
        for first, (last, data, base) in job.extents:
            if last <= at or first >= end:
                continue
            if first > at:
                _clear(view[at - offset : first - offset])
                at = first
            stop = min(last, end)
            descriptor = open_file(draft / "data" / file_name(data), os.O_RDONLY)
            try:
                count = os.preadv(descriptor, [view[at - offset : stop - offset]], base + at)
            finally:
                os.close(descriptor)
            if count != stop - at:
                raise FileNotFoundError(f"data file {file_name(data)} became shorter")
            at = stop
        _clear(view[at - offset :])

    return read


def _clear(view: memoryview) -> None:
    if view:
        view[:] = bytes(len(view))


def unchanged_chunks(
    pieces: Iterable[Piece], limit: int, changed: Sequence[tuple[int, int]], size: int
) -> dict[int, Piece]:
    """Find the chunks of a file's old content that are chunks of the new content.

    The end of a chunk depends on the bytes from its beginning to the one after its end (`artfs.chunks.chunker`), and
    the chunker looks at two bytes at a time: before a file's last byte it may not cut where it would before two. So a
    chunk of the old content is one of the new content if all bytes up to the second one after its end are the same.

    Args:
        pieces: Of the old content, in order.
        limit: Bytes of it, from the first on, that can be the same at all.
        changed: Ranges that are not the same, in order, without overlaps: start and end.
        size: Of the file now.

    Returns:
        The chunks, by the offset that they begin at.
    """
    starts = [start for start, _end in changed]
    found: dict[int, Piece] = {}
    start = 0
    for piece in pieces:
        end = start + piece.length
        if end > min(limit, size):
            break
        behind = end if end == size else end + 2  # the bytes that decided about the cut have to be the same as well
        row = bisect_right(starts, behind - 1)
        if behind <= limit and (not row or changed[row - 1][1] <= start):
            found[start] = piece
        start = end
    return found


def rechunk(
    old: dict[int, Piece], size: int, cut: Cut, store: Callable[[list[memoryview]], list[Piece]]
) -> list[Piece]:
    """Cut a changed file, reading only what changed and a little around it.

    Cutting goes on with the old chunks as soon as a cut falls on the beginning of one. The result is that of cutting
    the whole file.

    Args:
        old: Chunks that it still has, by offset (`unchanged_chunks`).
        size: Of the file.
        cut: Reads and cuts.
        store: Stores pieces; is called before `cut` goes on, which may use their memory again.
    """
    pieces: list[Piece] = []
    at = 0
    while at < size:
        kept = old.get(at)
        if kept is not None:
            pieces.append(kept)
            at += kept.length
            continue
        for end, piece in cut(at):
            pieces += store([piece])
            at = end
            if at in old or at >= size:
                break
    return pieces
