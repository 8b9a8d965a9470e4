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

from artfs.chunks.chunker import Chunker, ChunkParams, cut_stream
from artfs.errors import SourceChangedError
from artfs.files.direct_io import make_buffer
from artfs.files.later_changes import LaterChanges
from artfs.format.chunklist import Piece
from artfs.format.digest import Data
from artfs.names import quoted
from artfs.store.progress import Progress
from artfs.store.tree.build import build_content
from artfs.store.write.content_writer import ContentWriter, Prepared
from artfs.store.write.scan import SourceFile, identity, source_error

__all__ = ["SMALL_BYTES", "ingest", "ingest_small"]

SMALL_BYTES = 1 << 20
"""Up to this size, one thread stores a file as quickly as several."""

_BATCH_BYTES = 4 << 20
_BATCH_FILES = 128
_BUFFER_BYTES = 8 << 20
_BUFFERS = 4
_READ_BYTES = 1 << 20
_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_PIPE_FLAGS = os.O_RDONLY | os.O_CLOEXEC  # the shell's own are symlinks in /proc; what is written to it is waited for


@dataclass(slots=True)
class _Batch:
    """Chunks for the writer's thread, in order, and a callback for when they are written."""

    prepared: Future[Prepared]
    written: Callable[[Prepared], None]


class _StoppedError(Exception):
    """Another stage failed: its error is the one that counts."""


def ingest(files: Iterable[SourceFile], params: ChunkParams, writer: ContentWriter, progress: Progress) -> None:
    """Store the contents of files; each then has its `digest` and `extra`, and `shows_changes` is set.

    Args:
        files: The files, in tree order.
        params: Of the chunker.
        writer: Takes chunks and chunk lists.
        progress: Counts each batch.

    Raises:
        SourceError: A file cannot be read, or changed while it was.
        StorageError: The store cannot be written.
    """
    workers = max(2, min(8, len(os.sched_getaffinity(0))))
    pipeline = _Pipeline(workers, params, writer, progress)
    try:
        pipeline.feed(files)
        pipeline.finish()
    except BaseException:
        pipeline.stop()
        raise


def ingest_small(file: SourceFile, chunker: Callable[[], Chunker], params: ChunkParams, writer: ContentWriter) -> None:
    """Store one small file on the caller's thread: the stages would cost more than the work.

    Args:
        file: Of at most `SMALL_BYTES`.
        chunker: Gives a chunker with these parameters; not called for a file that is one chunk.
        params: Of the chunker.
        writer: Takes chunks and chunk list.

    Raises:
        SourceError: The file cannot be read, or changed while it was.
        StorageError: The store cannot be written.
    """
    prepared = writer.prepare(_read(file, chunker, params))
    writer.append(prepared)
    file.digest, file.extra = build_content([Piece(length, chunk) for chunk, length, _record in prepared], writer)


class _Pipeline:
    def __init__(self, workers: int, params: ChunkParams, writer: ContentWriter, progress: Progress) -> None:
        self._params = params
        self._writer = writer
        self._progress = progress
        self._later_changes = LaterChanges()
        self._local = threading.local()
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="artfs-put")
        self._slots = threading.Semaphore(2 * workers + 2)
        self._batches: SimpleQueue[_Batch | None] = SimpleQueue()
        self._buffers: SimpleQueue[memoryview] = SimpleQueue()
        self._buffers_made = 0
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._write, name="artfs-put-writer")
        self._thread.start()

    def feed(self, files: Iterable[SourceFile]) -> None:
        """Make batches of files: small files share one, a large file is several."""
        batch: list[SourceFile] = []
        size = 0
        for file in files:
            if file.size > _BUFFER_BYTES or file.is_pipe:
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
        """Wait until everything is written."""
        self._batches.put(None)
        self._thread.join()
        self._pool.shutdown()
        if self._error is not None:
            raise self._error

    def stop(self) -> None:
        """End all stages at once."""
        self._error = self._error or _StoppedError()
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._batches.put(None)
        self._thread.join()
        self._pool.shutdown()

    def _submit(self, work: Callable[[], Prepared], written: Callable[[Prepared], None]) -> None:
        self._slots.acquire()
        if self._error is not None:
            raise self._error
        self._batches.put(_Batch(self._pool.submit(work), written))

    def _write(self) -> None:
        """Run the writer's thread: it writes in order, in whatever order the workers finish."""
        while (batch := self._batches.get()) is not None:
            try:
                if self._error is None:
                    prepared = batch.prepared.result()
                    self._writer.append(prepared)
                    batch.written(prepared)
            except BaseException as error:  # noqa: BLE001 - raised again by the thread that waits
                self._error = self._error or error
            self._slots.release()

    def _chunker(self) -> Chunker:
        """This thread's own chunker: a chunker serves one file at a time."""
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
                found = _read(file, self._chunker, self._params, self._later_changes)
                counts.append(len(found))
                pieces += found
            return self._writer.prepare(pieces)

        def written(prepared: Prepared) -> None:
            at = 0
            for file, count in zip(files, counts, strict=True):
                own = [Piece(length, chunk) for chunk, length, _record in prepared[at : at + count]]
                file.digest, file.extra = build_content(own, self._writer)
                at += count
            self._progress.advance(len(files), sum(file.size for file in files))

        self._submit(work, written)

    def _submit_large(self, file: SourceFile) -> None:
        """Read a large file through a ring of buffers; the writer gives a buffer back once it is appended."""
        pieces: list[Piece] = []
        descriptor = _open(file, self._later_changes)
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
            _check_unchanged(file, descriptor, read)
        except OSError as error:
            raise source_error(error, file.path) from error
        finally:
            os.close(descriptor)

        def written(_prepared: Prepared) -> None:
            file.digest, file.extra = build_content(pieces, self._writer)
            self._progress.advance(1, 0)

        self._submit(list, written)

    def _submit_round(self, cut: list[memoryview], buffer: memoryview, pieces: list[Piece]) -> None:
        def written(prepared: Prepared) -> None:
            self._buffers.put(buffer)
            pieces.extend(Piece(length, chunk) for chunk, length, _record in prepared)
            self._progress.advance(0, sum(map(len, cut)))

        self._submit(lambda: self._writer.prepare(cut), written)

    def _buffer(self) -> memoryview:
        if self._buffers_made < _BUFFERS and self._buffers.empty():
            self._buffers_made += 1
            return make_buffer(_BUFFER_BYTES)
        while self._error is None:
            try:
                return self._buffers.get(timeout=0.2)
            except Empty:
                continue  # check whether the writer has failed meanwhile
        raise self._error


def _read(
    file: SourceFile, chunker: Callable[[], Chunker], params: ChunkParams, later_changes: LaterChanges | None = None
) -> list[Data]:
    """Read a file that fits in memory, and cut it."""
    descriptor = _open(file, later_changes)
    try:
        data = os.read(descriptor, file.size + 1)
        while len(data) != file.size and len(data) <= 2 * _BUFFER_BYTES:  # as in /proc: its size is not its length
            more = os.read(descriptor, _READ_BYTES)
            if not more:
                break
            data += more
        if len(data) > 2 * _BUFFER_BYTES:
            raise _changed(file)
        _check_unchanged(file, descriptor, len(data))
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


def _open(file: SourceFile, later_changes: LaterChanges | None) -> int:
    """Open a file and update its state: it may have changed since the scan, but not from here on.

    Args:
        file: The file.
        later_changes: Sets its `shows_changes`; None for a file that nobody remembers.
    """
    try:
        descriptor = os.open(file.path, _PIPE_FLAGS if file.is_pipe else _FLAGS)
    except OSError as error:
        raise source_error(error, file.path) from error
    status = os.fstat(descriptor)
    if file.is_pipe and stat.S_ISFIFO(status.st_mode):
        return descriptor
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise SourceChangedError(f"{quoted(file.path)} is no longer a file: repeat when nothing changes it")
    file.update(status)
    file.shows_changes = later_changes is not None and later_changes.will_show(descriptor, status)
    return descriptor


def _check_unchanged(file: SourceFile, descriptor: int, read: int) -> None:
    if not file.is_pipe and identity(os.fstat(descriptor)) != file.identity:
        raise _changed(file)
    file.size = read


def _changed(file: SourceFile) -> SourceChangedError:
    return SourceChangedError(f"{quoted(file.path)} changed while it was read: repeat when nothing writes to it")
