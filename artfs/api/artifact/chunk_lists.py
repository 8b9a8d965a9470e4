"""Chunk lists of references: objects are read once, so that each range of them can be proved later."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Final

import msgspec

from artfs.api.artifact.pending_entries import PendingEntries
from artfs.errors import InvalidInputError
from artfs.format.chunklist import Piece
from artfs.format.node import Entry, Kind
from artfs.format.reference import ChunkList, Reference, decode_reference, reference_entry
from artfs.names import quoted
from artfs.store.progress import NullProgress, Progress
from artfs.store.write.cut_object import cut_object

__all__ = ["with_chunk_lists"]

_AT_ONCE: Final = 16


def with_chunk_lists(
    contents: PendingEntries,
    found: Mapping[bytes, Entry],
    known: Callable[[bytes], Entry | None],
    progress: Progress | None = None,
) -> Iterator[tuple[bytes, Entry]]:
    """Read objects, many at once, and yield their entries with chunk lists, in the order given.

    Args:
        contents: Of the artifact; it stores the lists.
        found: References by path, as the handlers gave them.
        known: Returns the entry that a path had before. Its list is taken if it is to the same state of the same
            object, as a version or strong ETag says; then nothing is read.
        progress: Counts objects and bytes.

    Raises:
        InvalidInputError: A scheme cannot be read.
        SourceError: An object is gone, has changed or cannot be read.
        StorageError: The store cannot be written.
    """
    handlers, params = contents.references, contents.chunker
    references = {path: decode_reference(entry) for path, entry in found.items()}
    for reference in references.values():
        if not reference.is_size_known:
            raise InvalidInputError(f"{quoted(reference.uri)} cannot be read for its chunks: its scheme is not known")
    done = _counting(progress or NullProgress(), references.values())
    waiting: deque[tuple[bytes, ChunkList | Future[list[Piece]] | None]] = deque()
    left = iter(references.items())
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="artfs-chunks") as pool:
        try:
            while True:
                while len(waiting) < _AT_ONCE and (each := next(left, None)) is not None:
                    path, reference = each
                    listed = _known_chunks(known(path), reference) if reference.size else None
                    if listed is not None or not reference.size:
                        waiting.append((path, listed))
                        done(0, reference.size)
                    else:
                        waiting.append((path, pool.submit(cut_object, handlers, reference, params, partial(done, 0))))
                if not waiting:
                    return
                path, chunks = waiting.popleft()
                if isinstance(chunks, Future):
                    chunks = contents.add_chunk_list(chunks.result())
                done(1, 0)
                entry = found[path]
                whole = msgspec.structs.replace(references[path], chunks=chunks)
                yield path, reference_entry(entry.name, whole, entry.mode, entry.mtime_ns)
        finally:
            for _path, chunks in waiting:
                if isinstance(chunks, Future):
                    chunks.cancel()


def _counting(progress: Progress, references: Collection[Reference]) -> Callable[[int, int], None]:
    """Set the total, and return a function by which many threads count objects and bytes."""
    one_at_a_time = threading.Lock()

    def done(files: int, size: int) -> None:
        with one_at_a_time:
            progress.advance(files, size)

    progress.total(len(references), sum(reference.size for reference in references))
    return done


def _known_chunks(old: Entry | None, reference: Reference) -> ChunkList | None:
    """Return the chunk list of an entry if that is to the same state of the same object."""
    is_strong = bool(reference.version_id or (reference.etag and not reference.etag.startswith("W/")))
    if old is None or old.kind != Kind.REFERENCE or not is_strong:
        return None
    before = decode_reference(old)
    return before.chunks if before.at_source == reference else None
