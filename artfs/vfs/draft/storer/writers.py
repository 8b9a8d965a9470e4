"""What writes into the store for drafts, between one flush and the next."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Self

from artfs.chunks.chunker import Chunker
from artfs.store import Store
from artfs.store.chunkstore import ChunkWriter
from artfs.store.nodes import NodeWriter
from artfs.store.session import WriterSession
from artfs.vfs.draft.storer.files import FileWriter

__all__ = ["Writers"]


@dataclass(frozen=True, slots=True)
class Writers:
    """Writers of one session, which keeps gc away. Gone at a flush, so that no session outlives what it was for.

    Attributes:
        chunks: Writes chunks.
        nodes: Writes tree nodes; its `flush` makes durable what all of them wrote.
        files: Writes the bytes of files.
    """

    chunks: ChunkWriter
    nodes: NodeWriter
    files: FileWriter
    _stack: ExitStack

    @classmethod
    def begin(cls, store: Store, chunker: Chunker) -> Self:
        """Begin a session.

        Raises:
            ArtfsError: The store cannot be written.
        """
        with ExitStack() as stack:
            layout, catalog = store.layout, store.catalog
            session = stack.enter_context(WriterSession(layout.tmp))
            chunks = stack.enter_context(ChunkWriter(layout, catalog, session))
            nodes = NodeWriter(layout, catalog, session, chunks)
            pool = ThreadPoolExecutor(1, thread_name_prefix="artfs-hash")
            stack.callback(pool.shutdown, cancel_futures=True)
            files = FileWriter(chunks, nodes, store.pages, chunker, pool)
            return cls(chunks, nodes, files, stack.pop_all())

    def close(self) -> None:
        """End the session; what was not flushed is given up."""
        self._stack.close()
