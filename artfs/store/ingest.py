"""Read, cut, hash, compress and write many files, on all cores, each byte once, in bounded memory.

Three stages run side by side: the caller's thread walks the files and reads the large ones, a few workers read the
small ones and hash and compress everything, one thread writes the pack. The batches are written in the order in which
they were made, so a pack is in tree order. At most `_IN_FLIGHT` batches of about 8 MiB exist at a time.
"""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from artfs.chunks.buffers import make_buffer
from artfs.chunks.chunker import Chunker, ChunkParams, cut_stream
from artfs.errors import SourceChangedError
from artfs.format.chunklist import Piece
from artfs.format.digest import Data
from artfs.names import quoted
from artfs.store.chunkstore import ChunkWriter, Prepared
from artfs.store.progress import Progress
from artfs.store.source import SourceFile, identity, source_error
from artfs.store.tree.build import NodeSink, build_content

__all__ = ["SMALL_BYTES", "ingest", "ingest_small"]

SMALL_BYTES = 1 << 20
"""What one thread stores as quickly as several."""

_BATCH_BYTES = 4 << 20
_BATCH_FILES = 128
_BUFFER_BYTES = 8 << 20
_BUFFERS = 4
_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


@dataclass(slots=True)
class _Batch:
    """What the writer gets: chunks in order, and what to do when they are written."""

    prepared: Future[Prepared]
    written: Callable[[Prepared], None]


class _StoppedError(Exception):
    """Another stage failed: its error is the one that counts."""


def ingest(
    files: Iterable[SourceFile], params: ChunkParams, chunks: ChunkWriter, nodes: NodeSink, progress: Progress
) -> None:
    """Store the contents of files; each then has its `digest` and `extra`.

    Args:
        files: What to read, in tree order.
        params: How to cut.
        chunks: Takes the chunks.
        nodes: Takes the chunk lists.
        progress: Is told of every batch.

    Raises:
        SourceError: A file cannot be read, or changed while it was.
        StorageError: The store cannot be written.
    """
    workers = max(2, min(8, len(os.sched_getaffinity(0))))
    pipeline = _Pipeline(workers, params, chunks, nodes, progress)
    try:
        pipeline.feed(files)
        pipeline.finish()
    except BaseException:
        pipeline.stop()
        raise


def ingest_small(
    file: SourceFile, chunker: Callable[[], Chunker], params: ChunkParams, chunks: ChunkWriter, nodes: NodeSink
) -> None:
    """Store the contents of one file on the caller's thread: for one that is small, the stages cost more than the work.

    Args:
        file: Of at most `SMALL_BYTES`.
        chunker: Gives a chunker of these parameters; not called for a file that is one chunk.
        params: How to cut.
        chunks: Takes the chunks.
        nodes: Takes the chunk list.

    Raises:
        SourceError: The file cannot be read, or changed while it was.
        StorageError: The store cannot be written.
    """
    prepared = chunks.prepare(_read(file, chunker, params))
    chunks.append(prepared)
    file.digest, file.extra = build_content([Piece(length, chunk) for chunk, length, _record in prepared], nodes)


class _Pipeline:
    def __init__(
        self, workers: int, params: ChunkParams, chunks: ChunkWriter, nodes: NodeSink, progress: Progress
    ) -> None:
        self._params = params
        self._chunks = chunks
        self._nodes = nodes
        self._progress = progress
        self._local = threading.local()
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="artfs-put")
        self._room = threading.Semaphore(2 * workers + 2)
        self._batches: SimpleQueue[_Batch | None] = SimpleQueue()
        self._buffers: SimpleQueue[memoryview] = SimpleQueue()
        self._buffers_made = 0
        self._error: BaseException | None = None
        self._writer = threading.Thread(target=self._write, name="artfs-put-writer")
        self._writer.start()

    def feed(self, files: Iterable[SourceFile]) -> None:
        """Make batches of files; small ones go together, a large one is several."""
        batch: list[SourceFile] = []
        size = 0
        for file in files:
            if file.size > _BUFFER_BYTES:
                self._submit_small(batch)
                batch, size = [], 0
                self._submit_large(file)
                continue
            batch.append(file)
            size += file.size
            if size >= _BATCH_BYTES or len(batch) >= _BATCH_FILES:
                self._submit_small(batch)
                batch, size = [], 0
        self._submit_small(batch)

    def finish(self) -> None:
        """Wait until all is written."""
        self._batches.put(None)
        self._writer.join()
        self._pool.shutdown()
        if self._error is not None:
            raise self._error

    def stop(self) -> None:
        """End all stages, whatever they were doing."""
        self._error = self._error or _StoppedError()
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._batches.put(None)
        self._writer.join()
        self._pool.shutdown()

    def _submit(self, work: Callable[[], Prepared], written: Callable[[Prepared], None]) -> None:
        self._room.acquire()
        if self._error is not None:
            raise self._error
        self._batches.put(_Batch(self._pool.submit(work), written))

    def _write(self) -> None:
        """The writer's thread: in order, whatever the order in which workers finish."""
        while (batch := self._batches.get()) is not None:
            try:
                if self._error is None:
                    prepared = batch.prepared.result()
                    self._chunks.append(prepared)
                    batch.written(prepared)
            except BaseException as error:  # noqa: BLE001 - kept, and raised again by the thread that waits
                self._error = self._error or error
            self._room.release()

    def _chunker(self) -> Chunker:
        """This thread's own: a chunker serves one file at a time."""
        chunker: Chunker | None = getattr(self._local, "chunker", None)
        if chunker is None:
            chunker = self._local.chunker = Chunker(self._params)
        return chunker

    def _submit_small(self, files: list[SourceFile]) -> None:
        if not files:
            return
        counts: list[int] = []

        def work() -> Prepared:
            pieces: list[Data] = []
            for file in files:
                found = _read(file, self._chunker, self._params)
                counts.append(len(found))
                pieces += found
            return self._chunks.prepare(pieces)

        def written(prepared: Prepared) -> None:
            at = 0
            for file, count in zip(files, counts, strict=True):
                own = [Piece(length, chunk) for chunk, length, _record in prepared[at : at + count]]
                file.digest, file.extra = build_content(own, self._nodes)
                at += count
            self._progress.advance(len(files), sum(file.size for file in files))

        self._submit(work, written)

    def _submit_large(self, file: SourceFile) -> None:
        """Read a large file through a ring of buffers; the writer gives a buffer back when it was appended."""
        pieces: list[Piece] = []
        descriptor = _open(file)
        used: list[memoryview] = []

        def fill(view: memoryview) -> int:
            return os.readv(descriptor, [view])

        def take() -> memoryview:
            used.append(self._buffer())
            return used[-1]

        try:
            read = 0
            for cut in cut_stream(self._chunker(), fill, take):
                read += sum(map(len, cut))
                self._submit_round(cut, used[-1], pieces)
            _unchanged(file, descriptor, read)
        except OSError as error:
            raise source_error(error, file.path) from error
        finally:
            os.close(descriptor)

        def written(_prepared: Prepared) -> None:
            file.digest, file.extra = build_content(pieces, self._nodes)
            self._progress.advance(1, 0)

        self._submit(list, written)

    def _submit_round(self, cut: list[memoryview], buffer: memoryview, pieces: list[Piece]) -> None:
        def written(prepared: Prepared) -> None:
            self._buffers.put(buffer)
            pieces.extend(Piece(length, chunk) for chunk, length, _record in prepared)
            self._progress.advance(0, sum(map(len, cut)))

        self._submit(lambda: self._chunks.prepare(cut), written)

    def _buffer(self) -> memoryview:
        if self._buffers_made < _BUFFERS and self._buffers.empty():
            self._buffers_made += 1
            return make_buffer(_BUFFER_BYTES)
        while self._error is None:
            try:
                return self._buffers.get(timeout=0.2)
            except Empty:
                continue  # look whether the writer has failed meanwhile
        raise self._error


def _read(file: SourceFile, chunker: Callable[[], Chunker], params: ChunkParams) -> list[Data]:
    """Read a file that fits in memory and cut it."""
    descriptor = _open(file)
    try:
        if file.size > 2 * _BUFFER_BYTES:
            raise _changed(file)
        data = os.read(descriptor, file.size) if file.size else b""
        _unchanged(file, descriptor, len(data))
    except OSError as error:
        raise source_error(error, file.path) from error
    finally:
        os.close(descriptor)
    if len(data) <= params.min_size:
        return [data] if data else []
    view = memoryview(data)
    start = 0
    pieces: list[Data] = []
    for end in chunker().split(view, final=True):
        pieces.append(view[start:end])
        start = end
    return pieces


def _open(file: SourceFile) -> int:
    """Open a file and take over what it is now: it may have changed since the walk, but not from here on."""
    try:
        descriptor = os.open(file.path, _FLAGS)
    except OSError as error:
        raise source_error(error, file.path) from error
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise SourceChangedError(f"{quoted(file.path)} is no longer a file: repeat when nothing changes it")
    file.look(status)
    return descriptor


def _unchanged(file: SourceFile, descriptor: int, read: int) -> None:
    if read != file.size or identity(os.fstat(descriptor)) != file.identity:
        raise _changed(file)


def _changed(file: SourceFile) -> SourceChangedError:
    return SourceChangedError(f"{quoted(file.path)} changed while it was read: repeat when nothing writes to it")
