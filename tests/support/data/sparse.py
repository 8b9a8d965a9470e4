"""A version with a sparse file that is far larger than what has to be read and written to make it."""

from __future__ import annotations

import time

from artfs.catalog import NewVersion, Version, current_actor
from artfs.format.chunklist import Piece
from artfs.format.node import Entry, Kind
from artfs.format.operations import Tree
from artfs.names import parse_artifact_name
from artfs.store import Store
from artfs.store.incremental_writer import build_flat
from artfs.store.tree.build import build_content
from artfs.store.write.content_writer import ContentWriter

__all__ = ["SPARSE_BYTES", "put_sparse"]

_CHUNK = 2 << 20
_CHUNKS = 4096
SPARSE_BYTES = _CHUNK * _CHUNKS
"""8 GiB."""


def put_sparse(store: Store, name: str, *, data_at: tuple[int, ...] = (), chunks: int = _CHUNKS) -> Version:
    """Log a version with the files `sparse`, as `put` stores it, and `small`.

    Args:
        store: Gets it.
        name: Of the artifact.
        chunks: Number of the chunks of 2 MiB of `sparse`.
        data_at: Numbers of those that are no zeros but `x`.
    """
    with ContentWriter(store.layout, store.catalog) as writer:
        prepared = writer.prepare([bytes(_CHUNK), b"x" * _CHUNK, b"small"])
        writer.append(prepared)
        zeros, data, small = (Piece(length, chunk) for chunk, length, _record in prepared)
        pieces = [data if number in data_at else zeros for number in range(chunks)]
        now = time.time_ns()
        entries = {}
        for path, content in ((b"sparse", pieces), (b"small", [small])):
            size = sum(piece.length for piece in content)
            digest, extra = build_content(content, writer)
            entries[path] = Entry(path, Kind.FILE, 0o644, now, size, digest, extra=extra)
        root = build_flat(entries, writer)
        writer.flush()
        tree = Tree(root.node, root.digest, root.size, root.below, 0o755, now)
        return store.catalog.create_version(NewVersion(parse_artifact_name(name)), tree, current_actor()).version
