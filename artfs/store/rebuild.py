"""Make the index again from the journal and the packs (docs/FORMAT.md, "Rebuild").

Nothing is deleted but what an earlier rebuild left unfinished: the old index is kept beside the new one, as it may be
the only place that has what a damaged pack had.

A writer that has the old index open looks, under LMDB's write lock, whether that index is still in its place, and
publishes only then; its packs were named before. So the old index is taken away first and the packs are listed once
more after that: whoever got past the look has all his packs in the list.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from artfs.catalog import Environment, Journal, PackRow, rebuild_catalog
from artfs.catalog.content import add_content
from artfs.chunks.reader import PackReader
from artfs.errors import IntegrityError, StorageError
from artfs.files import sync_directory
from artfs.format.pack import Location, RecordKind
from artfs.store.layout import Layout
from artfs.store.packlist import PackContents, pack_contents, pack_paths
from artfs.store.progress import Progress, Quiet

__all__ = ["Rebuilt", "index_identity", "rebuild_index"]


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What a rebuild did.

    Attributes:
        packs: How many packs it took chunks and nodes from.
        kept: Where the old index is now; None if there was none.
    """

    packs: int
    kept: Path | None


def index_identity(layout: Layout) -> int | None:
    """Which index is in its place: the inode of its data; None if there is none."""
    try:
        return (layout.index / "data.mdb").stat().st_ino
    except OSError:
        return None


def rebuild_index(layout: Layout, instead_of: int | None, progress: Progress | None = None) -> Rebuilt | None:
    """Make the index again and put it in place of the old one. Nobody can publish meanwhile.

    Args:
        layout: Of the store.
        instead_of: `index_identity` of the index that was found wanting.
        progress: Is told of every pack.

    Returns:
        What was done; None if another process has replaced the index since.

    Raises:
        IntegrityError: The journal is damaged; the old index is where it was.
        StorageError: The system refused; likewise.
    """
    journal = Journal(layout.journal)
    aside = layout.root / "index.new"
    try:
        with journal.exclusive():
            if index_identity(layout) != instead_of:
                return None
            shutil.rmtree(aside, ignore_errors=True)
            try:
                return _rebuild(layout, journal, aside, progress or Quiet())
            finally:
                shutil.rmtree(aside, ignore_errors=True)
    except OSError as error:
        raise StorageError.of(error, f"making the index of {layout.root} again") from error
    finally:
        journal.close()


def _rebuild(layout: Layout, journal: Journal, aside: Path, progress: Progress) -> Rebuilt:
    with Environment.open(aside, create=True) as environment, PackReader(layout.packs) as reader:
        rebuild_catalog(environment, journal, bytes.fromhex(layout.format.store_id))
        paths = pack_paths(layout.packs)
        progress.total(len(paths), sum(path.stat().st_size for path in paths))
        for path in paths:
            _add_pack(environment, reader, path)
            progress.advance(1, path.stat().st_size)
        kept = _take_away(layout)
        try:
            late = sorted(set(pack_paths(layout.packs)) - set(paths))
            for path in late:
                _add_pack(environment, reader, path)
            environment.close()
            sync_directory(aside)
            aside.rename(layout.index)
        except BaseException:
            if kept is not None:
                kept.rename(layout.index)
            raise
    sync_directory(layout.root)
    return Rebuilt(len(paths) + len(late), kept)


def _take_away(layout: Layout) -> Path | None:
    """Rename the old index away, if there is one."""
    if index_identity(layout) is None:
        if layout.index.exists():
            shutil.rmtree(layout.index)  # a lock file at the most
        return None
    kept = layout.root / f"index.old-{secrets.token_hex(4)}"
    layout.index.rename(kept)
    return kept


def _add_pack(environment: Environment, reader: PackReader, path: Path) -> None:
    """Tell an index what a pack holds; what of it cannot be read is left out.

    Args:
        environment: The index.
        reader: Reads the store's packs.
        path: The pack.

    Raises:
        StorageError: The system refused.
    """
    try:
        contents = pack_contents(path)
    except IntegrityError:
        return  # gone since it was listed: its writer gave up
    add_content(environment, _pack(contents), _locations(contents), _nodes(contents, reader))


def _pack(contents: PackContents) -> Iterable[tuple[bytes, PackRow]]:
    return [(contents.pack, contents.row)]


def _locations(contents: PackContents) -> Iterator[tuple[bytes, Location]]:
    return ((entry.digest, entry.location) for entry in contents.entries if entry.kind == RecordKind.CHUNK)


def _nodes(contents: PackContents, reader: PackReader) -> Iterator[tuple[bytes, bytes]]:
    for entry in contents.entries:
        if entry.kind == RecordKind.NODE:
            with suppress(IntegrityError):  # the check that follows finds what points to it
                yield entry.digest, bytes(reader.read(entry.location, entry.digest))
