"""Repair of damaged and missing packs: saves what is sound in them, and quarantines the damaged ones.

The index is sound when this begins, and says what has to be saved: the chunks that it has in such a pack, and the nodes
that are in no other pack. Each is verified by its digest and written to a new pack. The order of docs/FORMAT.md,
"Damaged packs"; a kill between two steps leaves a sound index, and the packs where they were:

1. New packs are synced and named.
2. One transaction adds the new packs, changes the locations of chunks, and removes lost chunks and the damaged pack.
3. The damaged pack is moved to the quarantine, with a note of what is wrong with it.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from artfs.catalog import ContentBatch, IndexEnvironment, tables
from artfs.chunks.codec import decode
from artfs.chunks.pack_storage import PackStorage, pack_name, parse_pack_name
from artfs.chunks.packfile import PackFile
from artfs.chunks.reader import PackReader
from artfs.chunks.writer import PackWriter, encode_record
from artfs.errors import IntegrityError, StorageError
from artfs.format.digest import Data, digest_and_table
from artfs.format.digest import digest as digest_of
from artfs.format.pack import HEAD_SIZE, Location, PackKind, RecordKind, stored_table_size
from artfs.store.fsck.finding import Finding, Quarantined
from artfs.store.layout import Layout
from artfs.store.pack_inventory import PackContents, index_rows, list_names, list_packs, pack_contents
from artfs.store.write.statcache import invalidate_all
from artfs.store.write.writer_session import WriterSession

__all__ = ["repair_packs"]

_Rows = list[tuple[bytes, Location]]


class _Saved(NamedTuple):
    """The outcome for one pack.

    Attributes:
        chunks: How many chunks are in another pack now.
        lost: Chunks that are in no pack any more.
    """

    chunks: int
    lost: list[bytes]


def repair_packs(layout: Layout, damaged: Mapping[str, Sequence[Finding]]) -> Iterator[Quarantined]:
    """Save what is sound in damaged packs, remove those and what is lost from the index, and quarantine them.

    Packs that are missing are removed from the index too. So are chunks that are lost: storing them again makes all
    versions whole that have them. A kill leaves the packs that are not moved yet where they were: the next repair finds
    them.

    Args:
        layout: Of the store. Its index is sound, and neither gc nor another repair is at work on it.
        damaged: Names of packs, and what was found.

    Yields:
        What was moved.

    Raises:
        IntegrityError: The index is damaged.
        StorageError: The system refused; what was done by then is done, and nothing is lost.
    """
    saved = _salvage(layout, _by_id(layout.packs, damaged))
    try:
        for name, findings in damaged.items():
            outcome = saved.get(_pack_id(name), _Saved(0, []))
            kept = layout.packs.quarantine(name, _note(name, findings, outcome))
            yield Quarantined(name, kept, outcome.chunks, len(outcome.lost))
    except OSError as error:
        raise StorageError.of(error, f"setting packs of {layout.root} aside") from error


def _by_id(storage: PackStorage, damaged: Iterable[str]) -> dict[bytes, str]:
    """Return the only file of each pack: not one in a wrong place while another is in the right one."""
    present = list_names(storage)
    found = {}
    for name in damaged:
        pack = _pack_id(name)
        if pack and (name == pack_name(pack) or pack_name(pack) not in present):
            found[pack] = name
    return found


def _pack_id(name: str) -> bytes:
    """Return the id in a pack's name; nothing if packs do not have such names."""
    try:
        return parse_pack_name(name)
    except IntegrityError:
        return b""


def _note(pack: str, findings: Sequence[Finding], outcome: _Saved) -> str:
    chunks, lost = outcome
    when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    lines = [
        f"{pack} was damaged, and set aside on {when}.",
        *(f"{finding.invariant} {finding.message}" for finding in findings),
        f"{chunks} chunks were copied to other packs; {len(lost)} are lost{':' if lost else '.'}",
        *(chunk.hex() for chunk in lost),
    ]
    return "".join(f"{line}\n" for line in lines)


def _salvage(layout: Layout, damaged: Mapping[bytes, str]) -> dict[bytes, _Saved]:
    """Save contents of the packs `damaged` (names by id) and of missing ones; return the outcome for each."""
    with (
        IndexEnvironment.open(layout.index) as environment,
        WriterSession(layout.tmp) as session,
        PackReader(layout.packs) as reader,
    ):
        return _Salvage(layout, environment, session.directory, reader, damaged).run()


class _Salvage:
    def __init__(
        self,
        layout: Layout,
        environment: IndexEnvironment,
        directory: Path,
        reader: PackReader,
        damaged: Mapping[bytes, str],
    ) -> None:
        self._storage = layout.packs
        self._environment = environment
        self._directory = directory
        self._reader = reader
        self._damaged = damaged
        with environment.read() as txn:
            self._indexed = {pack for pack, _row in tables.PACKS.scan(txn)}
        present = list_packs(layout.packs)
        self._doomed = {pack for pack in self._indexed if pack in damaged or pack not in present}
        self._copies: dict[bytes, Location] = {}

    def run(self) -> dict[bytes, _Saved]:
        """Save nodes, then chunks, pack by pack."""
        self._save_nodes()
        located = self._located()
        self._find_copies(chunk for rows in located.values() for chunk, _location in rows)
        return {pack: self._save_chunks(pack, located[pack]) for pack in sorted(self._doomed)}

    def _save_nodes(self) -> None:
        """Write the nodes of the index that are in no pack that stays (T6)."""
        packed = {
            entry.digest
            for contents in self._other_packs()
            if contents.pack in self._indexed
            for entry in contents.entries
            if entry.kind == RecordKind.NODE
        }
        with PackWriter(self._storage, self._directory, PackKind.NODES) as writer, self._environment.read() as txn:
            for node, data in tables.NODES.scan(txn):
                if node not in packed:
                    writer.append(encode_record(RecordKind.NODE, *digest_and_table(data), data))
            sealed = writer.finish()
        if sealed:
            with self._environment.write() as txn:
                ContentBatch(txn).add_packs(index_rows(sealed))

    def _located(self) -> defaultdict[bytes, _Rows]:
        """Return the chunks of each doomed pack, in order of their offsets."""
        located: defaultdict[bytes, _Rows] = defaultdict(list)
        with self._environment.read() as txn:
            for chunk, location in tables.CHUNKS.scan(txn):
                if location.pack in self._doomed:
                    located[location.pack].append((chunk, location))
        for rows in located.values():
            rows.sort(key=lambda row: row[1].offset)
        return located

    def _find_copies(self, chunks: Iterable[bytes]) -> None:
        """Find copies in packs that the index does not name: concurrent writers leave such."""
        wanted = set(chunks)
        for contents in self._other_packs() if wanted else ():
            for entry in contents.entries:
                if entry.digest in wanted:
                    self._copies[entry.digest] = entry.location

    def _other_packs(self) -> Iterator[PackContents]:
        """List the contents of the packs that are not damaged."""
        for pack in list_packs(self._storage):
            if pack not in self._damaged:
                with suppress(IntegrityError):  # removed meanwhile: its writer gave up
                    yield pack_contents(self._storage, pack)

    def _save_chunks(self, pack: bytes, rows: _Rows) -> _Saved:
        moved, lost = [], []
        with PackWriter(self._storage, self._directory, PackKind.DATA) as writer:
            for chunk, location in rows:
                plain = self._read(chunk, location)
                if plain is None:
                    lost.append(chunk)
                    continue
                record = encode_record(RecordKind.CHUNK, *digest_and_table(plain), plain)
                moved.append((chunk, pack, writer.append(record)))
            sealed = writer.finish()
        with self._environment.write() as txn:
            batch = ContentBatch(txn)
            batch.add_packs(index_rows(sealed))
            batch.relocate(moved)
            if lost:
                batch.forget_chunks(lost, pack)
                invalidate_all(batch)  # else an unchanged file would count as stored
            batch.remove_packs([pack])
        return _Saved(len(moved), lost)

    def _read(self, chunk: bytes, location: Location) -> Data | None:
        """Return a chunk from its pack or from another copy; None if it is lost."""
        name = self._damaged.get(location.pack)
        if name is not None:
            with suppress(IntegrityError):
                plain = _plain(PackFile(self._storage, name), location)
                if digest_of(plain) == chunk:
                    return plain
        copy = self._copies.get(chunk)
        if copy is not None:
            with suppress(IntegrityError):
                return self._reader.read(copy, chunk)
        return None


def _plain(file: PackFile, location: Location) -> Data:
    """Return the bytes at a chunk's location, not compared with its digest."""
    at = location.offset + HEAD_SIZE + stored_table_size(location.codec, location.plain_len)
    return decode(location.codec, file.bytes_at(at, location.stored_len), location.plain_len)
