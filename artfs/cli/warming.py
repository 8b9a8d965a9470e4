"""Read a version's bytes and let them go: what stays is the kernel's page cache."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from artfs.chunks.growing import pack_path
from artfs.errors import StorageError
from artfs.format.node import Entry, Kind
from artfs.format.pack import Location, record_size
from artfs.names import quoted

if TYPE_CHECKING:
    from artfs.store import Progress, Store

__all__ = ["warm_files", "warm_packs"]

_T = TypeVar("_T")
_Job = Callable[[], tuple[int, int]]
"""Reads; gives how many files and bytes are done by it."""

_READERS = 4
_BUFFER = 1 << 20
_BATCH = 4096
"""Files looked up, sorted and read together."""
_FILES = 64
"""Files read by one job."""
_RANGE = 8 << 20
_GAP = 64 << 10
"""Bytes read rather than skipped, as one request costs more."""

_local = threading.local()


class _Range(NamedTuple):
    """Bytes of a pack, and how many files and plain bytes are done when they are read."""

    pack: bytes
    start: int
    end: int
    plain: int


def warm_files(top: Path, paths: Iterable[tuple[bytes, Entry]], progress: Progress | None) -> int:
    """Read files of a mounted version.

    Args:
        top: The version's directory in the mount.
        paths: Its entries, by path.
        progress: Is told of every file.

    Returns:
        Bytes read.

    Raises:
        StorageError: A file cannot be read.
    """
    root = os.fsencode(top) + b"/"
    files = (root + path for path, entry in paths if entry.kind == Kind.FILE)
    return _in_parallel((_reading(batch) for batch in _batches(files, _FILES)), progress)


def warm_packs(store: Store, entries: Iterable[Entry], progress: Progress | None) -> int:
    """Read the parts of the packs that hold files.

    Args:
        store: Where they are.
        entries: The files; other entries are passed over.
        progress: Is told of every part.

    Returns:
        Bytes of the files read.

    Raises:
        StorageError: A pack cannot be read.
    """
    files = (entry for entry in entries if entry.kind == Kind.FILE)
    done = 0
    for batch in _batches(files, _BATCH):
        digests = {piece.digest for entry in batch for piece in store.pages.pieces(entry)}
        with store.catalog.view() as view:
            locations = view.locations(digests).values()
        ranges = list(_ranges(sorted(locations, key=lambda location: (location.pack, location.offset))))
        with ExitStack() as packs:
            opened = {pack: _open(packs, pack_path(store.layout.packs, pack)) for pack in {r.pack for r in ranges}}
            jobs = (_reading_range(opened[part.pack], part) for part in ranges)
            done += _in_parallel(jobs, progress)
        if progress is not None:
            progress.advance(len(batch), 0)
    return done


def _ranges(locations: Iterable[Location]) -> Iterator[_Range]:
    """Join records that lie side by side."""
    part: _Range | None = None
    for location in locations:
        end = location.offset + record_size(location.codec, location.plain_len, location.stored_len)
        if (
            part is not None
            and part.pack == location.pack
            and location.offset - part.end <= _GAP
            and end - part.start <= _RANGE
        ):
            part = part._replace(end=end, plain=part.plain + location.plain_len)
            continue
        if part is not None:
            yield part
        part = _Range(location.pack, location.offset, end, location.plain_len)
    if part is not None:
        yield part


def _open(packs: ExitStack, path: Path) -> int:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise StorageError.of(error, f"reading {path}") from error
    packs.callback(os.close, descriptor)
    return descriptor


def _reading_range(descriptor: int, part: _Range) -> _Job:
    def read() -> tuple[int, int]:
        buffer = _scratch()
        at = part.start
        while at < part.end and (count := os.preadv(descriptor, [buffer[: part.end - at]], at)):
            at += count
        return 0, part.plain

    return read


def _reading(paths: list[bytes]) -> _Job:
    def read() -> tuple[int, int]:
        return len(paths), sum(map(_read_file, paths))

    return read


def _read_file(path: bytes) -> int:
    buffer = [_scratch()]
    size = 0
    try:
        with open(path, "rb", buffering=0) as file:
            while count := os.readv(file.fileno(), buffer):
                size += count
    except OSError as error:
        raise StorageError.of(error, f"reading {quoted(path)}") from error
    return size


def _scratch() -> memoryview:
    """This thread's buffer, for bytes that nobody wants."""
    if not hasattr(_local, "buffer"):
        _local.buffer = memoryview(bytearray(_BUFFER))
    buffer: memoryview = _local.buffer
    return buffer


def _batches(items: Iterable[_T], count: int) -> Iterator[list[_T]]:
    iterator = iter(items)
    while batch := list(islice(iterator, count)):
        yield batch


def _in_parallel(jobs: Iterator[_Job], progress: Progress | None) -> int:
    """Do jobs on a few threads, a bounded number ahead; the sum of the bytes."""
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
