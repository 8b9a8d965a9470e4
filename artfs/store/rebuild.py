"""Rebuild of the index from the journal and the packs (docs/FORMAT.md, "Rebuild").

- Nothing is deleted but what an earlier rebuild left unfinished. The old index is kept beside the new one: it may be
  the only place that has what a damaged pack had.
- A writer that has the old index open publishes only if that is still in its place, which it checks under LMDB's write
  lock; its packs were named before. So the old index is renamed first, and the packs are listed once more after that:
  the list has all packs of a writer that passed the check.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from artfs.catalog import IndexEnvironment, LocalJournal, PackRow, rebuild_catalog
from artfs.catalog.content_index import add_content
from artfs.chunks.pack_storage import PackStorage
from artfs.chunks.reader import PackReader
from artfs.errors import IntegrityError, StorageError
from artfs.files import sync_directory
from artfs.files.store_files import remove_tree, rename
from artfs.format.pack import Location, RecordKind
from artfs.store.layout import Layout
from artfs.store.pack_inventory import PackContents, list_packs, pack_contents
from artfs.store.progress import NullProgress, Progress

__all__ = ["Rebuilt", "index_identity", "rebuild_index"]


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """Result of a rebuild.

    Attributes:
        packs: How many packs it took chunks and nodes from.
        kept: The directory of the old index now; None if there was none.
    """

    packs: int
    kept: Path | None


def index_identity(layout: Layout) -> int | None:
    """Return the inode of the index that is in its place; None if there is none."""
    try:
        return (layout.index / "data.mdb").stat().st_ino
    except OSError:
        return None


def rebuild_index(layout: Layout, instead_of: int | None, progress: Progress | None = None) -> Rebuilt | None:
    """Rebuild the index and put it in place of the old one. Nothing can be published meanwhile.

    Args:
        layout: Of the store.
        instead_of: `index_identity` of the index that was found to be damaged.
        progress: Counts the packs.

    Returns:
        The result; None if another process has replaced the index since.

    Raises:
        IntegrityError: The journal is damaged; the old index is where it was.
        StorageError: The system refused; likewise.
    """
    journal = LocalJournal(layout.journal)
    aside = layout.root / "index.new"
    try:
        with journal.exclusive():
            if index_identity(layout) != instead_of:
                return None
            remove_tree(aside)
            try:
                return _rebuild(layout, journal, aside, progress or NullProgress())
            finally:
                remove_tree(aside)
    except OSError as error:
        raise StorageError.of(error, f"making the index of {layout.root} again") from error
    finally:
        journal.close()


def _rebuild(layout: Layout, journal: LocalJournal, aside: Path, progress: Progress) -> Rebuilt:
    with IndexEnvironment.open(aside, create=True) as environment, PackReader(layout.packs) as reader:
        rebuild_catalog(environment, journal, bytes.fromhex(layout.format.store_id))
        packs = list_packs(layout.packs)
        progress.total(len(packs), sum(packs.values()))
        for pack, size in packs.items():
            _add_pack(environment, layout.packs, reader, pack)
            progress.advance(1, size)
        kept = _rename_old_index(layout)
        try:
            late = [pack for pack in list_packs(layout.packs) if pack not in packs]
            for pack in late:
                _add_pack(environment, layout.packs, reader, pack)
            environment.close()
            sync_directory(aside)
            rename(aside, layout.index)
        except BaseException:
            if kept is not None:
                rename(kept, layout.index)
            raise
    sync_directory(layout.root)
    return Rebuilt(len(packs) + len(late), kept)


def _rename_old_index(layout: Layout) -> Path | None:
    """Rename the old index, if there is one; return its new place."""
    if index_identity(layout) is None:
        if layout.index.exists():
            remove_tree(layout.index)  # a lock file at the most
        return None
    kept = layout.root / f"index.old-{secrets.token_hex(4)}"
    rename(layout.index, kept)
    return kept


def _add_pack(environment: IndexEnvironment, storage: PackStorage, reader: PackReader, pack: bytes) -> None:
    """Add a pack's contents to an index, except what cannot be read."""
    try:
        contents = pack_contents(storage, pack)
    except IntegrityError:
        return  # removed since it was listed: its writer gave up
    add_content(environment, _pack(contents), _locations(contents), _nodes(contents, reader))


def _pack(contents: PackContents) -> Iterable[tuple[bytes, PackRow]]:
    return [(contents.pack, contents.row)]


def _locations(contents: PackContents) -> Iterator[tuple[bytes, Location]]:
    return ((entry.digest, entry.location) for entry in contents.entries if entry.kind == RecordKind.CHUNK)


def _nodes(contents: PackContents, reader: PackReader) -> Iterator[tuple[bytes, bytes]]:
    for entry in contents.entries:
        if entry.kind == RecordKind.NODE:
            with suppress(IntegrityError):  # the check that follows reports what points to it
                yield entry.digest, bytes(reader.read(entry.location, entry.digest))
