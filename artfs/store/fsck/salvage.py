"""Take what is sound out of damaged and missing packs, so that nothing counts on these any more.

The index is sound when this begins, and says what has to be saved: the chunks that it has in such a pack, and the nodes
that are in no other pack. Each is proved by its digest and written to a new pack. Whoever is killed between two steps
leaves a sound index, and the packs where they were:

1. new packs: synced and named;
2. one transaction: the new packs, where chunks are now, those that are lost gone, and the damaged pack.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from artfs.catalog import Batch, Environment, PackRow, tables
from artfs.chunks.codec import decode
from artfs.chunks.packfile import named_pack, opened
from artfs.chunks.reader import PackReader
from artfs.chunks.writer import PackWriter, SealedPack, encode_record, pack_path
from artfs.errors import IntegrityError
from artfs.format.digest import Data, digest_and_table
from artfs.format.digest import digest as digest_of
from artfs.format.pack import HEAD_SIZE, Location, PackKind, RecordKind, stored_table_size
from artfs.store.layout import Layout
from artfs.store.packlist import PackContents, pack_contents, pack_paths
from artfs.store.session import WriterSession
from artfs.store.statcache import forget_all

__all__ = ["Saved", "salvage"]

_Rows = list[tuple[bytes, Location]]


class Saved(NamedTuple):
    """What became of what was in one pack.

    Attributes:
        chunks: How many chunks are in another pack now.
        lost: Chunks that nothing has any more.
    """

    chunks: int
    lost: list[bytes]


def salvage(layout: Layout, damaged: Mapping[bytes, Path]) -> dict[bytes, Saved]:
    """Have the index do without damaged packs, and without those that are missing.

    Chunks that are lost are not in the index any more: whoever stores them again makes all versions whole that have
    them.

    Args:
        layout: Of the store. Its index is sound, and neither gc nor another repair is at it.
        damaged: Packs by id, and where the file is.

    Returns:
        By pack, of those that the index knew.

    Raises:
        IntegrityError: The index is damaged.
        StorageError: The system refused; what was done by then is done, and nothing is lost.
    """
    with (
        Environment.open(layout.index) as environment,
        WriterSession(layout.tmp) as session,
        PackReader(layout.packs) as reader,
    ):
        return _Salvage(layout, environment, session.directory, reader, damaged).run()


class _Salvage:
    def __init__(
        self,
        layout: Layout,
        environment: Environment,
        directory: Path,
        reader: PackReader,
        damaged: Mapping[bytes, Path],
    ) -> None:
        self._layout = layout
        self._environment = environment
        self._directory = directory
        self._reader = reader
        self._damaged = damaged
        with environment.read() as txn:
            self._listed = {pack for pack, _row in tables.PACKS.scan(txn)}
        self._going = {pack for pack in self._listed if pack in damaged or not pack_path(layout.packs, pack).exists()}
        self._copies: dict[bytes, Location] = {}

    def run(self) -> dict[bytes, Saved]:
        """Save nodes, then chunks, pack by pack."""
        self._save_nodes()
        located = self._located()
        self._find_copies(chunk for rows in located.values() for chunk, _location in rows)
        return {pack: self._save_chunks(pack, located[pack]) for pack in sorted(self._going)}

    def _save_nodes(self) -> None:
        """Write the nodes that the index has and that are in none of the packs that stay (T6)."""
        packed = {
            entry.digest
            for contents in self._other_packs()
            if contents.pack in self._listed
            for entry in contents.entries
            if entry.kind == RecordKind.NODE
        }
        with PackWriter(self._directory, self._layout.packs, PackKind.NODES) as writer, self._environment.read() as txn:
            for node, data in tables.NODES.scan(txn):
                if node not in packed:
                    writer.append(encode_record(RecordKind.NODE, *digest_and_table(data), data))
            sealed = writer.finish()
        if sealed:
            with self._environment.write() as txn:
                Batch(txn).add_packs(map(_row, sealed))

    def _located(self) -> defaultdict[bytes, _Rows]:
        """The chunks of the packs that go, in the order in which they lie there."""
        located: defaultdict[bytes, _Rows] = defaultdict(list)
        with self._environment.read() as txn:
            for chunk, location in tables.CHUNKS.scan(txn):
                if location.pack in self._going:
                    located[location.pack].append((chunk, location))
        for rows in located.values():
            rows.sort(key=lambda row: row[1].offset)
        return located

    def _find_copies(self, chunks: Iterable[bytes]) -> None:
        """Find chunks in packs where the index does not have them: writers that ran side by side leave such."""
        wanted = set(chunks)
        for contents in self._other_packs() if wanted else ():
            for entry in contents.entries:
                if entry.digest in wanted:
                    self._copies[entry.digest] = entry.location

    def _other_packs(self) -> Iterator[PackContents]:
        """What is in the packs that nothing is wrong with."""
        for path in pack_paths(self._layout.packs):
            if named_pack(path) not in self._damaged:
                with suppress(IntegrityError):  # gone meanwhile: its writer gave up
                    yield pack_contents(path)

    def _save_chunks(self, pack: bytes, rows: _Rows) -> Saved:
        moved, lost = [], []
        with PackWriter(self._directory, self._layout.packs, PackKind.DATA) as writer:
            for chunk, location in rows:
                plain = self._read(chunk, location)
                if plain is None:
                    lost.append(chunk)
                    continue
                record = encode_record(RecordKind.CHUNK, *digest_and_table(plain), plain)
                moved.append((chunk, pack, writer.append(record)))
            sealed = writer.finish()
        with self._environment.write() as txn:
            batch = Batch(txn)
            batch.add_packs(map(_row, sealed))
            batch.move(moved)
            if lost:
                batch.give_up(lost, pack)
                forget_all(batch)  # else an unchanged file would count as stored
            batch.remove_packs([pack])
        return Saved(len(moved), lost)

    def _read(self, chunk: bytes, location: Location) -> Data | None:
        """A chunk from its pack, or from another that has it; None if it is nowhere."""
        path = self._damaged.get(location.pack)
        if path is not None:
            with suppress(IntegrityError):
                plain = _plain(path, location)
                if digest_of(plain) == chunk:
                    return plain
        copy = self._copies.get(chunk)
        if copy is not None:
            with suppress(IntegrityError):
                return self._reader.read(copy, chunk)
        return None


def _plain(path: Path, location: Location) -> Data:
    """What a pack has where the index says that a chunk is, unproved."""
    at = location.offset + HEAD_SIZE + stored_table_size(location.codec, location.plain_len)
    with opened(path) as file:
        return decode(location.codec, file.bytes_at(at, location.stored_len), location.plain_len)


def _row(sealed: SealedPack) -> tuple[bytes, PackRow]:
    return sealed.pack, PackRow(sealed.kind, sealed.size, sealed.count)
