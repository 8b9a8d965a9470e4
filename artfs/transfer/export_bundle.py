"""Export: write versions, with their contents, runs and lineage, as a bundle."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from artfs.catalog import Version
from artfs.chunks.record import encode_record
from artfs.format.bundle import (
    BundledRun,
    BundledVersion,
    encode_document,
)
from artfs.format.digest import Data, digest_and_table
from artfs.format.pack import RecordKind
from artfs.store import NullProgress, Progress, Store
from artfs.store.tree.links import Root
from artfs.transfer.bundle_stream import BundleWriter
from artfs.transfer.documents import documents_of, encoded_documents
from artfs.transfer.missing import Seen, missing_below

__all__ = ["Exported", "export_bundle"]


@dataclass(frozen=True, slots=True)
class Exported:
    """The result of an export.

    Attributes:
        refs: The versions, as `animals:v3`.
        runs: How many runs are with them.
        size: Bytes of the bundle.
    """

    refs: tuple[str, ...]
    runs: int
    size: int


def export_bundle(
    store: Store,
    versions: Sequence[Version],
    write: Callable[[Data], object],
    *,
    since: Sequence[Version] = (),
    aliases: bool = False,
    progress: Progress | None = None,
) -> Exported:
    """Write versions as a bundle. Writers, and gc too, may go on beside it.

    Args:
        store: The store.
        versions: The versions, which are retained (`Store.version`).
        write: Takes the bytes; what it raises passes through.
        since: Versions that the other store has: their contents are left out. They are retained too.
        aliases: Write the aliases of the versions, too.
        progress: Counts the bytes of the versions.

    Raises:
        InvalidInputError: What is known of the versions is too much for one bundle.
        IntegrityError: The store is damaged.
        StorageError: The store cannot be read.
    """
    progress = progress or NullProgress()
    wanted = sorted({(v.artifact, v.index): v for v in versions}.values(), key=lambda v: (v.artifact, v.index))
    progress.total(0, sum(version.size for version in wanted))
    with store.catalog.view() as view:
        documents = documents_of(view, wanted, since, aliases=aliases)
    encoded = encoded_documents(documents)
    bundle = BundleWriter(write, bytes.fromhex(store.layout.format.store_id))
    for document in encoded:
        bundle.document(document)
    seen = Seen()
    for version in since:
        for _known in missing_below([_root(version)], seen, store.node):
            pass
    for version in wanted:
        _write_tree(store, version, seen, bundle, progress)
    end = bundle.end()
    refs = tuple(f"{one.artifact}:v{one.index}" for one in documents if isinstance(one, BundledVersion))
    runs = sum(isinstance(document, BundledRun) for document in documents)
    return Exported(refs, runs, end.size + len(encode_document(end)))


def _root(version: Version) -> Root:
    return Root(RecordKind.NODE, version.tree.root)


def _write_tree(store: Store, version: Version, seen: Seen, bundle: BundleWriter, progress: Progress) -> None:
    done = 0
    for one in missing_below([_root(version)], seen, store.node):
        if one.kind == RecordKind.NODE:
            _digest, table = digest_and_table(one.data)
            bundle.record(encode_record(RecordKind.NODE, one.digest, table, one.data))
            continue
        record = store.content.record(one.digest)
        bundle.record(record)
        step = min(record.plain_len, version.size - done)  # a chunk may be counted in fewer files than it is in
        progress.advance(0, step)
        done += step
    progress.advance(0, version.size - done)
