"""Sweep phase of gc: copies what is not condemned to new packs, and removes the old ones.

For each group of packs, in this order; a kill between two steps leaves a sound store:

1. New packs with what is left of the old ones are synced and named.
2. One transaction adds the new packs, changes the locations of chunks, and removes what is condemned and the old packs.
3. The old packs are removed from storage. One that a crash leaves behind is in no index, and the next gc removes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from artfs.chunks.codec import decode
from artfs.chunks.pack_storage import pack_name
from artfs.chunks.packfile import PackFile, end_of
from artfs.chunks.record import EncodedRecord
from artfs.chunks.writer import PackWriter
from artfs.errors import IntegrityError, StorageError
from artfs.format.digest import digest as digest_of
from artfs.format.pack import Codec, FooterEntry, Location, PackKind, RecordKind, parse_head
from artfs.store.gc.select_packs import Candidate
from artfs.store.pack_inventory import index_rows, pack_contents
from artfs.store.store import Store
from artfs.store.write.writer_session import WriterSession

__all__ = ["Swept", "remove_packs", "sweep"]

_GROUP_BYTES: Final = 128 << 20
_GROUP_RECORDS: Final = 100_000
_SIZE_LIMIT: Final = {PackKind.DATA: 512 << 20, PackKind.NODES: 64 << 20}
_AT_ONCE: Final = 4096


@dataclass(slots=True)
class Swept:
    """Result of a sweep.

    Attributes:
        removed: Packs removed.
        written: Packs written in their place.
        freed: Bytes that the packs take less.
    """

    removed: int = 0
    written: int = 0
    freed: int = 0


@dataclass(slots=True)
class _Group:
    """Packs that are rewritten in one transaction."""

    packs: list[Candidate] = field(default_factory=list)
    moved: list[tuple[bytes, bytes, Location]] = field(default_factory=list)
    condemned: list[bytes] = field(default_factory=list)
    copied: int = 0

    @property
    def is_full(self) -> bool:
        return self.copied >= _GROUP_BYTES or len(self.moved) + len(self.condemned) >= _GROUP_RECORDS


def sweep(store: Store, kind: PackKind, chosen: Iterable[Candidate]) -> Swept:
    """Rewrite packs of one kind; those that become empty come first, so that a full disk gets space.

    Args:
        store: The store.
        kind: Of the packs.
        chosen: The packs. What is in them and not condemned is kept.

    Raises:
        IntegrityError: A record to keep is damaged: its pack and the rest stay.
        StorageError: The system refused; what was removed by then is removed, and nothing is lost.
    """
    swept = Swept()
    packs = sorted(chosen, key=lambda candidate: candidate.marked)
    if packs:
        with WriterSession(store.layout.tmp) as session:
            _Sweeper(store, kind, session.directory, swept).run(packs)
    return swept


class _Sweeper:
    def __init__(self, store: Store, kind: PackKind, directory: Path, swept: Swept) -> None:
        self._store = store
        self._storage = store.layout.packs
        self._kind = RecordKind.CHUNK if kind == PackKind.DATA else RecordKind.NODE
        self._pack_kind = kind
        self._directory = directory
        self._swept = swept

    def run(self, packs: Sequence[Candidate]) -> None:
        """Sweep packs, group by group."""
        waiting = iter(packs)
        while self._sweep_group(waiting):
            pass

    def _sweep_group(self, waiting: Iterator[Candidate]) -> bool:
        group = _Group()
        limit = _SIZE_LIMIT[self._pack_kind]
        with PackWriter(self._storage, self._directory, self._pack_kind, limit) as writer:
            for candidate in waiting:
                group.packs.append(candidate)
                self._copy(candidate, writer, group)
                if group.is_full:
                    break
            if not group.packs:
                return False
            sealed = writer.finish()
        old = frozenset(candidate.pack for candidate in group.packs)
        with self._store.catalog.batch() as batch:
            batch.add_packs(index_rows(sealed))
            if self._kind == RecordKind.CHUNK:
                batch.relocate(group.moved)
            batch.delete_condemned(self._kind, group.condemned, old)
            batch.remove_packs(old)
        remove_packs(self._store, [candidate.pack for candidate in group.packs])
        self._swept.removed += len(group.packs)
        self._swept.written += len(sealed)
        self._swept.freed += sum(c.size for c in group.packs) - sum(pack.size for pack in sealed)
        return True

    def _copy(self, candidate: Candidate, writer: PackWriter, group: _Group) -> None:
        """Copy what is not condemned; of chunks only those that the index has in this very pack."""
        entries = pack_contents(self._storage, candidate.pack).entries
        file = PackFile(self._storage, pack_name(candidate.pack))
        seen: set[bytes] = set()
        for start in range(0, len(entries), _AT_ONCE):
            some = entries[start : start + _AT_ONCE]
            kept, condemned = self._divide(some, candidate.pack)
            group.condemned += condemned
            for entry in kept:
                if entry.digest not in seen:
                    seen.add(entry.digest)
                    location = writer.append(_record(file, entry))
                    group.moved.append((entry.digest, candidate.pack, location))
                    group.copied += end_of(entry.location) - entry.location.offset

    def _divide(self, entries: Sequence[FooterEntry], pack: bytes) -> tuple[list[FooterEntry], list[bytes]]:
        digests = [entry.digest for entry in entries]
        with self._store.catalog.view() as view:
            condemned = view.condemned(self._kind, digests)
            if self._kind == RecordKind.CHUNK:
                located = view.locations(digests)
                here = {chunk for chunk, location in located.items() if location.pack == pack}
            else:
                here = set(digests).difference(view.missing_nodes(digests))
        kept = [entry for entry in entries if entry.digest in here and entry.digest not in condemned]
        return kept, list(condemned)


def _record(file: PackFile, entry: FooterEntry) -> EncodedRecord:
    """Return a record as it is stored, verified by its digest."""
    where = entry.location
    raw = file.bytes_at(where.offset, end_of(where) - where.offset)
    head, data_at = parse_head(raw)
    plain = decode(head.codec, raw[data_at : data_at + head.stored_len], head.plain_len)
    if digest_of(plain) != entry.digest or (head.stored_len, head.plain_len) != (where.stored_len, where.plain_len):
        raise IntegrityError(f"{entry.digest.hex()} in {file.address} is damaged: run `artfs fsck --read-data`")
    return EncodedRecord(
        entry.digest,
        Codec(head.codec),
        RecordKind(head.kind),
        head.plain_len,
        head.stored_len,
        len(raw),
        where.table,
        (raw,),
    )


def remove_packs(store: Store, packs: Iterable[bytes]) -> None:
    """Remove packs that the index does not know any more.

    A rebuild of the index meanwhile would add them to it: they are removed under the journal's lock, and only if the
    index that forgot them is still in its place.

    Raises:
        StoreError: The index was rebuilt.
        StorageError: The system refused.
    """
    try:
        with store.catalog.journal.exclusive():
            store.catalog.environment.check_in_place()
            for pack in packs:
                store.layout.packs.remove(pack_name(pack))
    except OSError as error:
        raise StorageError.of(error, "removing packs") from error
