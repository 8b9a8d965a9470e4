"""Content writer: writes chunks and tree nodes into packs, each once, and from there into the index."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from artfs.catalog import Catalog, current_actor
from artfs.chunks.writer import EncodedRecord, PackWriter, SealedPack, encode_record
from artfs.closing import Closing
from artfs.format.digest import Data, digest_and_table
from artfs.format.pack import Location, PackKind, RecordKind
from artfs.store.layout import Layout
from artfs.store.pack_inventory import index_rows
from artfs.store.write.writer_session import WriterSession

__all__ = ["ContentWriter", "Prepared"]

_PENDING_CHUNKS: Final = 100_000
_PENDING_NODE_BYTES: Final = 32 << 20

Prepared = list[tuple[bytes, int, EncodedRecord | None]]
"""Per chunk: digest, length, and the record to write, None where the store has the chunk."""


class ContentWriter(Closing):
    """A writer session, and what is written in it. `prepare` may run in any thread, all else runs in one.

    It keeps the order of FORMAT.md:

    - the index gets a chunk or node once its pack is synced and named;
    - chunks go before the nodes that name them: if the index has a node, it has everything below (C10).

    Args:
        layout: Of the store.
        catalog: Its index.

    Attributes:
        new_size: Bytes of the chunks that were written, before compression.

    Raises:
        StorageError: The store cannot be written.
    """

    def __init__(self, layout: Layout, catalog: Catalog) -> None:
        self._catalog = catalog
        self._storage = layout.packs
        self._session = WriterSession(layout.tmp)
        self._packs = PackWriter(layout.packs, self.scratch, PackKind.DATA)
        self._claimed: dict[bytes, object] = {}
        self._chunks: dict[bytes, Location] = {}
        self._nodes: dict[bytes, bytes] = {}
        self._node_bytes = 0
        self.new_size = 0

    @property
    def scratch(self) -> Path:
        """A directory for unfinished files; removed when the session ends."""
        return self._session.directory

    def prepare(self, pieces: Sequence[Data]) -> Prepared:
        """Hash pieces, find out which are new, and encode those.

        A digest belongs to the thread that claims it first; `dict.setdefault` is what makes the claim exclusive.
        """
        hashed = [(piece, *digest_and_table(piece)) for piece in pieces]
        with self._catalog.view() as view:
            missing = set(view.missing_chunks([digest for _piece, digest, _table in hashed]))
        prepared: Prepared = []
        for piece, digest, table in hashed:
            record = None
            claim = object()
            if digest in missing and self._claimed.setdefault(digest, claim) is claim:
                record = encode_record(RecordKind.CHUNK, digest, table, piece)
            prepared.append((digest, len(piece), record))
        return prepared

    def append(self, prepared: Prepared) -> None:
        """Write prepared chunks; the buffers of their pieces may be used again."""
        for digest, length, record in prepared:
            if record is not None:
                self.new_size += length
                self._chunks[digest] = self._packs.append(record)
        if len(self._chunks) > _PENDING_CHUNKS:
            self._flush_chunks()
        elif sealed := self._packs.take_sealed():
            self._index_chunks(sealed)

    def append_records(self, records: Sequence[EncodedRecord]) -> int:
        """Write chunks whose records are made already, but those that the store has.

        Returns:
            Bytes written to packs.
        """
        with self._catalog.view() as view:
            missing = set(view.missing_chunks([record.digest for record in records]))
        missing.difference_update(self._chunks)
        new: Prepared = []
        for record in records:
            if record.digest in missing:
                missing.discard(record.digest)
                new.append((record.digest, record.plain_len, record))
        self.append(new)
        return sum(record.size for _digest, _length, record in new if record is not None)

    def add(self, node: bytes, data: bytes) -> None:
        """Keep the node `data`, whose digest is `node`, until the next flush."""
        if node not in self._nodes:
            self._nodes[node] = data
            self._node_bytes += len(data)
            if self._node_bytes > _PENDING_NODE_BYTES:
                self.flush()

    def wait(self) -> None:
        """Wait until the system has accepted what it was given so far.

        Raises:
            StorageError: It refused a write.
        """
        self._packs.wait()

    def flush(self) -> None:
        """Make all chunks and nodes so far durable and known to the index."""
        self._flush_chunks()
        with self._catalog.view() as view:
            new = view.missing_nodes(self._nodes)
        if new:
            with PackWriter(self._storage, self.scratch, PackKind.NODES) as packs:
                for node in new:
                    data = self._nodes[node]
                    packs.append(encode_record(RecordKind.NODE, node, digest_and_table(data)[1], data))
                sealed = packs.finish()
            rows = index_rows(sealed)
            self._catalog.record_packs(rows, current_actor())
            self._catalog.add_content(packs=rows, nodes=[(node, self._nodes[node]) for node in new])
        self._nodes = {}
        self._node_bytes = 0

    def discard_prepared(self) -> None:
        """Flush, and drop chunks that were prepared and are never appended: others may claim them again."""
        self.flush()
        self._claimed.clear()

    def _flush_chunks(self) -> None:
        if self._chunks:
            self._index_chunks(self._packs.finish())

    def _index_chunks(self, sealed: list[SealedPack]) -> None:
        named = {pack.pack for pack in sealed}
        ready = {digest: location for digest, location in self._chunks.items() if location.pack in named}
        rows = index_rows(sealed)
        self._catalog.record_packs(rows, current_actor())
        self._catalog.add_content(packs=rows, locations=ready.items())
        for digest in ready:
            del self._chunks[digest]
            self._claimed.pop(digest, None)

    def close(self) -> None:
        """End the session, and drop what was not flushed."""
        self._packs.abort()
        self._session.close()
