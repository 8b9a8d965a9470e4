"""Write tree nodes: into a node pack, and from there into the index, each node once."""

from __future__ import annotations

from artfs.catalog import Catalog, PackRow
from artfs.chunks.writer import PackWriter, encode_record
from artfs.format.digest import digest_and_table
from artfs.format.pack import PackKind, RecordKind
from artfs.store.chunkstore import ChunkWriter
from artfs.store.layout import Layout
from artfs.store.session import WriterSession

__all__ = ["NodeWriter"]

_PENDING_BYTES = 32 << 20


class NodeWriter:
    """A `NodeSink` that keeps the order of FORMAT.md: a node is in a named, synced pack before the index has it.

    Args:
        layout: Of the store.
        catalog: Its index.
        session: Where the unfinished pack is.
        chunks: Writes the chunks that the nodes name; a node vouches for all below it (C10), so they go first.
    """

    def __init__(self, layout: Layout, catalog: Catalog, session: WriterSession, chunks: ChunkWriter) -> None:
        self._layout = layout
        self._catalog = catalog
        self._session = session
        self._chunks = chunks
        self._pending: dict[bytes, bytes] = {}
        self._bytes = 0

    def add(self, node: bytes, data: bytes) -> None:
        """Keep the node `data`, whose digest is `node`, until the next flush."""
        if node not in self._pending:
            self._pending[node] = data
            self._bytes += len(data)
            if self._bytes > _PENDING_BYTES:
                self.flush()

    def load(self, node: bytes) -> bytes:
        """Give a node's bytes, written or still waiting."""
        data = self._pending.get(node)
        if data is not None:
            return data
        with self._catalog.view() as view:
            return view.node(node)

    def flush(self) -> None:
        """Make all nodes added so far, and the chunks they name, durable and known to the index."""
        self._chunks.flush()
        with self._catalog.view() as view:
            new = view.missing_nodes(self._pending)
        if new:
            with PackWriter(self._session.directory, self._layout.packs, PackKind.NODES) as writer:
                for node in new:
                    data = self._pending[node]
                    writer.append(encode_record(RecordKind.NODE, node, digest_and_table(data)[1], data))
                packs = writer.finish()
            self._catalog.add_content(
                packs=[(pack.pack, PackRow(pack.kind, pack.size, pack.count)) for pack in packs],
                nodes=[(node, self._pending[node]) for node in new],
            )
        self._pending = {}
        self._bytes = 0
