"""Take versions that come from another store: their contents first, then all of them by one journal record."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from artfs.catalog import Actor, Incoming, Received
from artfs.errors import BundleFormatError, StorageError
from artfs.format.bundle import BundledVersion
from artfs.store import Progress, Store
from artfs.store.fsck.finding import BadRecords
from artfs.store.fsck.lookup import ContentLookup
from artfs.store.fsck.trees import TreeChecker
from artfs.transfer.bundle_stream import Record
from artfs.transfer.receive_content import ContentReceiver, UnsoundTreeError

__all__ = ["receive"]


def receive(
    store: Store, incoming: Incoming, records: Iterable[Record], who: Actor, *, name: str, progress: Progress
) -> tuple[Received, int]:
    """Store contents, check the trees, and publish the versions.

    Nothing is visible before the end. What came before a failure or kill stays for the next try, or until gc takes
    it. A gc does not run meanwhile.

    Args:
        store: The store that takes them.
        incoming: What comes.
        records: The chunks and nodes that it lacks, each behind all that it points to; asked for when no gc runs.
        who: For the journal.
        name: What messages call the place that they come from.
        progress: Counts the plain bytes of the records.

    Returns:
        What became of it, and the bytes of chunks and nodes that the store did not have.

    Raises:
        BundleFormatError: A tree breaks a rule, or is not what its version says of it.
        TypeMismatchError: An artifact of the same name has another type here.
        StorageError: The store cannot be written. Nothing was published.
    """
    with _without_gc(store), ContentReceiver(store) as receiver:
        try:
            for record in records:
                receiver.add(record)
                progress.advance(0, record.record.plain_len)
            receiver.settle()
        except UnsoundTreeError as error:
            raise BundleFormatError(f"{name} cannot be imported: {error}") from error
        _check_roots(store, incoming.versions, name)
        return store.catalog.receive_versions(incoming, who), receiver.written


@contextmanager
def _without_gc(store: Store) -> Iterator[None]:
    """Keep gc from removing what the versions count on; wait for one that is at work."""
    try:
        lock = store.layout.packs.lock(exclusive=False, wait=True)
    except OSError as error:
        raise StorageError.of(error, f"locking the packs of {store.path}") from error
    with lock:
        yield


def _check_roots(store: Store, versions: Sequence[BundledVersion], name: str) -> None:
    """Compare the trees of versions, whose nodes are all sound, with what the versions say of them (T4, T5, C11)."""
    lookup = ContentLookup(store.catalog.environment, store.layout.packs, BadRecords())
    checker = TreeChecker(lookup, lambda _node: True)
    for version in versions:
        for finding in checker.check(str(version.identity), version.tree):
            raise BundleFormatError(f"{name} cannot be imported: {finding.message} ({finding.invariant})")
