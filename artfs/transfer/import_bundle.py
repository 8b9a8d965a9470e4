"""Import: take the versions of a bundle into a store, all at once or none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from artfs.catalog import Actor, Incoming, Received
from artfs.errors import BundleFormatError, ConflictError
from artfs.format.bundle import Document, Summary, VersionIdentity
from artfs.store import NullProgress, Progress, Store
from artfs.transfer.bundle_stream import BundleReader, Record
from artfs.transfer.documents import DocumentCollector
from artfs.transfer.receive import receive

__all__ = ["Bundle", "Contents", "Imported", "import_bundle", "read_bundle"]


@dataclass(slots=True)
class Contents:
    """What a bundle says of itself, ahead of nodes and chunks.

    Attributes:
        summary: Its first document.
        incoming: What comes with it.
    """

    summary: Summary
    incoming: Incoming


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle of which the documents are read, and nodes and chunks are not yet.

    Attributes:
        name: What messages call it.
        reader: Reads it.
        contents: What it says of itself.
        records: The nodes and chunks that follow.
    """

    name: str
    reader: BundleReader
    contents: Contents
    records: Iterator[Record]

    def refuse_without_store(self) -> None:
        """Refuse a bundle that lacks contents, if there is no store that could have them.

        Raises:
            ConflictError: It does.
        """
        if self.contents.summary.since:
            raise _lacking(self, self.contents.summary.since)


@dataclass(frozen=True, slots=True)
class Imported:
    """The result of an import.

    Attributes:
        contents: What the bundle says of itself.
        received: What became of it.
        size: Bytes that were read: of the bundle, or of what another store gave.
        written: Bytes of chunks and nodes that the store did not have.
    """

    contents: Contents
    received: Received
    size: int
    written: int


def read_bundle(file: BinaryIO, name: str) -> Bundle:
    """Read what a bundle says of itself, and no further.

    Args:
        file: The bundle; a pipe will do.
        name: What messages call it.

    Raises:
        BundleFormatError: It is no bundle, or a newer artfs wrote it.
        BundleDamagedError: It is cut off or damaged, as far as it was read.
        SourceError: It cannot be read.
    """
    reader = BundleReader(file, name)
    return Bundle(name, reader, *_split(reader, name))


def import_bundle(
    store: Store,
    bundle: Bundle,
    who: Actor,
    *,
    move_aliases: bool = False,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> Imported:
    """Take the versions of a bundle.

    Once it is read to its end, one journal record publishes all of it. Until that nothing is visible. What came
    before a failure or kill stays for the next import, or until gc takes it. A gc does not run meanwhile.

    Args:
        store: The store.
        bundle: The bundle; it is read to its end.
        who: For the journal.
        move_aliases: Move aliases that name other versions here.
        dry_run: Write nothing; read and check all of it, and say what would become of it.
        progress: Counts the bytes of its chunks and nodes.

    Raises:
        BundleFormatError: It breaks a rule.
        BundleDamagedError: It is cut off or damaged.
        SourceError: It cannot be read.
        ConflictError: It was made for a store that has other versions, which are not here.
        TypeMismatchError: An artifact of the same name has another type here.
        StorageError: The store cannot be written. Nothing was published.
    """
    progress = progress or NullProgress()
    contents, incoming = bundle.contents, bundle.contents.incoming
    incoming.move_aliases = move_aliases
    progress.total(0, contents.summary.size)
    store.catalog.receive_versions(incoming, who, dry_run=True)  # refused before anything is stored
    if dry_run:
        for record in _checked(store, bundle):
            progress.advance(0, record.record.plain_len)
        received = store.catalog.receive_versions(incoming, who, dry_run=True)
        return Imported(contents, received, bundle.reader.offset, 0)
    received, written = receive(
        store, contents.incoming, _checked(store, bundle), who, name=bundle.name, progress=progress
    )
    return Imported(contents, received, bundle.reader.offset, written)


def _checked(store: Store, bundle: Bundle) -> Iterator[Record]:
    """Yield the records of a bundle, if the store has what it lacks."""
    _check_since(store, bundle)
    yield from bundle.records


def _check_since(store: Store, bundle: Bundle) -> None:
    """Refuse a bundle that lacks contents which are not here, before it is read on."""
    since = {version.root: version for version in bundle.contents.summary.since}
    with store.catalog.view() as view:
        unknown = view.unknown_nodes(since)
    if unknown:
        raise _lacking(bundle, [since[root] for root in unknown])


def _lacking(bundle: Bundle, since: Iterable[VersionIdentity]) -> ConflictError:
    refs = ", ".join(sorted({str(version) for version in since}))
    return ConflictError(
        f"{bundle.name} was made for a store that has {refs} (`artfs export --since`), and this one has not: "
        "import that first, or export without --since"
    )


def _split(reader: BundleReader, name: str) -> tuple[Contents, Iterator[Record]]:
    """Read the documents at the beginning; what is left gives records, and refuses other documents."""
    collected = DocumentCollector(Incoming(reader.store_id))
    items = iter(reader)
    first: Record | None = None
    for item in items:
        if isinstance(item, Record):
            first = item
            break
        try:
            collected.add(item)
        except ValueError as error:
            raise BundleFormatError(f"{name} cannot be imported: {error}") from error
    summary = collected.summary
    if summary is None or len(collected.incoming.versions) != summary.versions:
        raise BundleFormatError(f"{name} cannot be imported: its versions are not those that it should have")
    return Contents(summary, collected.incoming), _records(first, items, name)


def _records(first: Record | None, items: Iterator[Document | Record], name: str) -> Iterator[Record]:
    if first is not None:
        yield first
    for item in items:
        if not isinstance(item, Record):
            raise BundleFormatError(f"{name} cannot be imported: a document in it is not in its place")
        yield item
