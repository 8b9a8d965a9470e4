"""Reading of a version's files for the page cache alone: what is read is dropped."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from artfs.errors import StorageError
from artfs.format.node import Entry, Kind
from artfs.format.reference import decode_reference
from artfs.names import quoted

if TYPE_CHECKING:
    from artfs.store import Progress, Store

__all__ = ["warm_mounted", "warm_references", "warm_stored"]

_Job = Callable[[], tuple[int, int]]
"""Reads; returns the files and bytes that are done."""

_READERS = 4
_BUFFER = 1 << 20
_FILES = 64
_CHUNKS = 256
_BYTES = 8 << 20
"""A job reads as many files from a mount, or as many chunks or bytes from the store."""

_local = threading.local()


def warm_mounted(top: Path, entries: Iterable[tuple[bytes, Entry]], progress: Progress | None) -> int:
    """Read the files of a mounted version; return their bytes.

    Args:
        top: The version's directory in the mount.
        entries: The version's entries, by path.
        progress: Is advanced as files are read.

    Raises:
        StorageError: A file cannot be read.
    """
    root = os.fsencode(top) + b"/"
    return _in_parallel(_file_jobs(root + path for path, entry in entries if entry.kind == Kind.FILE), progress)


def warm_stored(store: Store, entries: Iterable[tuple[bytes, Entry]], progress: Progress | None) -> int:
    """Read the stored chunks of files; return the files' bytes.

    Args:
        store: The store.
        entries: The version's entries, by path.
        progress: Is advanced as chunks are read.

    Raises:
        StorageError: A pack cannot be read.
    """
    return _in_parallel(_chunk_jobs(store, (entry for _path, entry in entries if entry.kind == Kind.FILE)), progress)


def warm_references(
    store: Store, entries: Iterable[tuple[bytes, Entry]], keep: bool | None, progress: Progress | None
) -> int:
    """Bring what is referred to elsewhere, but what the store has, into the cache on the disk; return its bytes.

    Args:
        store: The store.
        entries: The version's entries, by path.
        keep: Hold it against eviction from now on, or no longer; None: leave that as it is.
        progress: Is advanced as bytes come.

    Raises:
        SourceError: An object is gone, has changed or cannot be read.
    """
    fetched = 0
    found = ((entry, decode_reference(entry)) for _path, entry in entries if entry.kind == Kind.REFERENCE)
    references = (each.at_source for entry, each in found if each.chunks is None or not store.content.is_stored(entry))
    for size in store.references.bring_in(references, keep):
        fetched += size
        if progress is not None:
            progress.advance(0, size)
    return fetched


def _file_jobs(paths: Iterator[bytes]) -> Iterator[_Job]:
    while batch := list(islice(paths, _FILES)):
        yield partial(_read_files, batch)


def _chunk_jobs(store: Store, entries: Iterable[Entry]) -> Iterator[_Job]:
    chunks: set[bytes] = set()
    files = size = 0
    for entry in entries:
        for piece in store.pages.pieces(entry):
            chunks.add(piece.digest)
            size += piece.length
            if len(chunks) == _CHUNKS or size >= _BYTES:
                yield partial(_prefetch, store, chunks, files, size)
                chunks, files, size = set(), 0, 0
        files += 1
    yield partial(_prefetch, store, chunks, files, size)


def _prefetch(store: Store, chunks: set[bytes], files: int, size: int) -> tuple[int, int]:
    store.content.prefetch(chunks)
    return files, size


def _read_files(paths: list[bytes]) -> tuple[int, int]:
    return len(paths), sum(map(_read_file, paths))


def _read_file(path: bytes) -> int:
    if not hasattr(_local, "buffer"):
        _local.buffer = bytearray(_BUFFER)
    size = 0
    try:
        with open(path, "rb", buffering=0) as file:
            while count := file.readinto(_local.buffer):
                size += count
    except OSError as error:
        raise StorageError.of(error, f"reading {quoted(path)}") from error
    return size


def _in_parallel(jobs: Iterator[_Job], progress: Progress | None) -> int:
    """Run jobs on a few threads, a bounded number ahead; return the sum of their bytes."""
    done = 0
    with ThreadPoolExecutor(_READERS, thread_name_prefix="artfs-warm") as pool:
        waiting: deque[Future[tuple[int, int]]] = deque()
        try:
            while True:
                waiting.extend(pool.submit(job) for job in islice(jobs, 2 * _READERS - len(waiting)))
                if not waiting:
                    return done
                files, size = waiting.popleft().result()
                done += size
                if progress is not None:
                    progress.advance(files, size)
        finally:
            pool.shutdown(cancel_futures=True)
