"""Remove what is condemned: copy the rest of its packs to new ones, let the index know, remove the packs.

Each group of packs is gone through in this order, and whoever is killed between two steps leaves a sound store:

1. new packs with what is left of the old ones: synced and named;
2. one transaction: the new packs, where chunks are now, what was condemned gone, the old packs gone;
3. the old files removed. One that a crash leaves behind is in no index, and the next gc removes it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from artfs.catalog import PackRow
from artfs.chunks.codec import decode
from artfs.chunks.packfile import PackFile, end_of, opened
from artfs.chunks.record import EncodedRecord
from artfs.chunks.writer import PackWriter
from artfs.errors import IntegrityError, StorageError
from artfs.files import sync_directory
from artfs.format.digest import digest as digest_of
from artfs.format.pack import Codec, FooterEntry, Location, PackKind, RecordKind, parse_head
from artfs.store.gc.packs import Candidate
from artfs.store.packlist import pack_contents
from artfs.store.session import WriterSession
from artfs.store.store import Store

__all__ = ["Swept", "remove_files", "sweep"]

_GROUP_BYTES: Final = 128 << 20
_GROUP_RECORDS: Final = 100_000
_SIZE_LIMIT: Final = {PackKind.DATA: 512 << 20, PackKind.NODES: 64 << 20}
_AT_ONCE: Final = 4096


@dataclass(slots=True)
class Swept:
    """What was removed.

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
    """Packs that go in one transaction."""

    packs: list[Candidate] = field(default_factory=list)
    moved: list[tuple[bytes, bytes, Location]] = field(default_factory=list)
    dead: list[bytes] = field(default_factory=list)
    copied: int = 0

    @property
    def is_full(self) -> bool:
        return self.copied >= _GROUP_BYTES or len(self.moved) + len(self.dead) >= _GROUP_RECORDS


def sweep(store: Store, kind: PackKind, chosen: Iterable[Candidate]) -> Swept:
    """Rewrite packs of one kind; those of which nothing is left come first, so that a full disk gets room.

    Args:
        store: The store.
        kind: Of the packs.
        chosen: The packs. What of them is not condemned is kept.

    Raises:
        IntegrityError: Something that is kept is damaged: its pack and the rest stay.
        StorageError: The system refused; what was removed by then is removed, and nothing is lost.
    """
    swept = Swept()
    packs = sorted(chosen, key=lambda candidate: candidate.held)
    if packs:
        with WriterSession(store.layout.tmp) as session:
            _Sweeper(store, kind, session.directory, swept).run(packs)
    return swept


class _Sweeper:
    def __init__(self, store: Store, kind: PackKind, directory: Path, swept: Swept) -> None:
        self._store = store
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
        with PackWriter(self._directory, self._store.layout.packs, self._pack_kind, limit) as writer:
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
            batch.add_packs((pack.pack, PackRow(pack.kind, pack.size, pack.count)) for pack in sealed)
            if self._kind == RecordKind.CHUNK:
                batch.move(group.moved)
            batch.drop(self._kind, group.dead, old)
            batch.remove_packs(old)
        remove_files(self._store, [candidate.path for candidate in group.packs])
        self._swept.removed += len(group.packs)
        self._swept.written += len(sealed)
        self._swept.freed += sum(c.size for c in group.packs) - sum(pack.size for pack in sealed)
        return True

    def _copy(self, candidate: Candidate, writer: PackWriter, group: _Group) -> None:
        """Copy what of a pack is not condemned; of chunks only what the index has in this very pack."""
        entries = pack_contents(candidate.path).entries
        seen: set[bytes] = set()
        with opened(candidate.path) as file:
            for start in range(0, len(entries), _AT_ONCE):
                some = entries[start : start + _AT_ONCE]
                kept, dead = self._divide(some, candidate.pack)
                group.dead += dead
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
    """A record as it is stored, proved to hold what its digest says."""
    where = entry.location
    raw = file.bytes_at(where.offset, end_of(where) - where.offset)
    head, data_at = parse_head(raw)
    plain = decode(head.codec, raw[data_at : data_at + head.stored_len], head.plain_len)
    if digest_of(plain) != entry.digest or (head.stored_len, head.plain_len) != (where.stored_len, where.plain_len):
        raise IntegrityError(f"{entry.digest.hex()} in {file.path} is damaged: run `artfs fsck --read-data`")
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


def remove_files(store: Store, paths: Sequence[Path]) -> None:
    """Remove packs that the index does not know any more, and give their room back though workers have them open.

    An index that is made again meanwhile would take them for packs of the store: they are removed under the journal's
    lock, and only if the index that forgot them is in its place.

    Raises:
        StoreError: The index was made again.
        StorageError: The system refused.
    """
    try:
        with store.catalog.journal.exclusive():
            store.catalog.environment.check_in_place()
            for path in paths:
                descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
                try:
                    path.unlink()
                    sync_directory(path.parent)
                    os.ftruncate(descriptor, 0)
                finally:
                    os.close(descriptor)
    except OSError as error:
        raise StorageError.of(error, "removing packs") from error
