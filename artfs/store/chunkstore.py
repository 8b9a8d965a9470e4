"""Write chunks: each content once, into packs, and from there into the index, in bounded portions."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from artfs.catalog import Catalog, PackRow
from artfs.chunks.writer import EncodedRecord, PackWriter, SealedPack, encode_record
from artfs.format.digest import Data, digest_and_table
from artfs.format.pack import Location, PackKind, RecordKind
from artfs.store.layout import Layout
from artfs.store.session import WriterSession

__all__ = ["ChunkWriter", "Prepared"]

_PENDING_CHUNKS = 100_000

Prepared = list[tuple[bytes, int, EncodedRecord | None]]
"""Per chunk: digest, length, and the record to write, None where the store has the chunk."""


class ChunkWriter:
    """Turns plain chunks into stored ones: `prepare` on any thread, `append` on one.

    The order of FORMAT.md holds: the index learns of a chunk when its pack is synced and named.

    Args:
        layout: Of the store.
        catalog: Its index.
        session: Where the unfinished pack is.
    """

    def __init__(self, layout: Layout, catalog: Catalog, session: WriterSession) -> None:
        self._catalog = catalog
        self._writer = PackWriter(session.directory, layout.packs, PackKind.DATA)
        self._claimed: dict[bytes, object] = {}
        self._pending: dict[bytes, Location] = {}

    def prepare(self, pieces: Sequence[Data]) -> Prepared:
        """Hash pieces, find out which are new, and encode those.

        A digest belongs to the thread that claims it first; `dict.setdefault` is what makes the claim exclusive.
        """
        hashed = [(piece, *digest_and_table(piece)) for piece in pieces]
        with self._catalog.view() as view:
            missing = set(view.missing([digest for _piece, digest, _table in hashed]))
        prepared: Prepared = []
        for piece, digest, table in hashed:
            record = None
            claim = object()
            if digest in missing and self._claimed.setdefault(digest, claim) is claim:
                record = encode_record(RecordKind.CHUNK, digest, table, piece)
            prepared.append((digest, len(piece), record))
        return prepared

    def append(self, prepared: Prepared) -> None:
        """Write what `prepare` made ready; the buffers of its pieces may be used again."""
        for digest, _length, record in prepared:
            if record is not None:
                self._pending[digest] = self._writer.append(record)
        if len(self._pending) > _PENDING_CHUNKS:
            self.flush()
        elif sealed := self._writer.take_sealed():
            self._index(sealed)

    def wait(self) -> None:
        """Wait until the system has taken, or refused with a StorageError, what it was given so far."""
        self._writer.wait()

    def flush(self) -> None:
        """Make all chunks appended so far durable and known to the index."""
        if self._pending:
            self._index(self._writer.finish())

    def _index(self, sealed: Sequence[SealedPack]) -> None:
        packs = [(pack.pack, PackRow(pack.kind, pack.size, pack.count)) for pack in sealed]
        named = {pack.pack for pack in sealed}
        ready = {digest: location for digest, location in self._pending.items() if location.pack in named}
        self._catalog.add_content(packs=packs, locations=ready.items())
        for digest in ready:
            del self._pending[digest]
            self._claimed.pop(digest, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Drop what was not flushed."""
        self._writer.abort()
