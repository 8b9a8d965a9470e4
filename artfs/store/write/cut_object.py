"""Find the chunks of an object that a reference is to; nothing of it is stored."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from artfs.chunks.chunker import Chunker, ChunkParams, cut_stream
from artfs.errors import ReferenceChangedError
from artfs.format.chunklist import Piece
from artfs.format.digest import digest
from artfs.format.reference import Reference
from artfs.names import quoted
from artfs.references import Handlers

__all__ = ["cut_object"]

_BUFFER_BYTES: Final = 8 << 20
_READ_BYTES: Final = 4 << 20


def cut_object(
    handlers: Handlers, reference: Reference, params: ChunkParams, read: Callable[[int], object] = lambda _size: None
) -> list[Piece]:
    """Read an object once, and return the chunks that a file with its bytes would have.

    Args:
        handlers: Read it.
        reference: As its handler gave it; of known size.
        params: Of the store's chunker.
        read: Called with the number of bytes that were read.

    Raises:
        SourceError: It is gone, has changed or cannot be read.
    """
    if not reference.has_state:
        handlers.forget(reference)  # it may be of another state than the object is in now
    size, offset, pieces = reference.size, 0, list[Piece]()
    with handlers.reader(reference) as reader:

        def fill(view: memoryview) -> int:
            nonlocal offset
            data = reader.read(offset, min(len(view), _READ_BYTES, size - offset)) if offset < size else b""
            view[: len(data)] = data
            offset += len(data)
            read(len(data))
            return len(data)

        if size <= params.min_size:
            data = bytearray(size)
            fill(memoryview(data))
            pieces = [Piece(size, digest(data))]
        else:
            buffer = memoryview(bytearray(max(_BUFFER_BYTES, 2 * params.max_size)))
            for views in cut_stream(Chunker(params), fill, lambda: buffer):
                pieces += [Piece(len(view), digest(view)) for view in views]
    if offset != size:
        raise ReferenceChangedError(f"{quoted(reference.uri)} changed while it was read: it has {offset} bytes now")
    return pieces
