"""Content that comes from another store: written once, and known to the index when all below it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from artfs.closing import Closing
from artfs.errors import IntegrityError
from artfs.format.pack import RecordKind
from artfs.store import Store
from artfs.store.fsck.finding import BadRecords, Finding
from artfs.store.fsck.lookup import ContentLookup
from artfs.store.fsck.trees import TreeChecker
from artfs.store.tree.links import links
from artfs.store.write.content_writer import ContentWriter
from artfs.transfer.bundle_stream import Record

__all__ = ["ContentReceiver", "UnsoundTreeError"]

_BATCH_BYTES: Final = 4 << 20
_NODE_BYTES: Final = 16 << 20
_SETTLE_BYTES: Final = 64 << 20
"""New bytes after which what came is made durable: so much at most has to come again after a kill."""


class UnsoundTreeError(Exception):
    """A node that came breaks a rule of docs/FORMAT.md."""


class _Arriving(ContentLookup):
    """The nodes that came and are not in the index yet, and what is in it."""

    def __init__(self, store: Store, nodes: Mapping[bytes, bytes]) -> None:
        super().__init__(store.catalog.environment, store.layout.packs, BadRecords())
        self._arriving = nodes

    def node(self, node: bytes) -> bytes | None:
        """Return the bytes of a node."""
        return self._arriving.get(node) or super().node(node)

    def unpacked(self, node: bytes) -> Finding | None:  # noqa: ARG002 - as in the base
        """Pass over every node: whether packs have it too is not looked at."""
        return None


class ContentReceiver(Closing):
    """A writer session for chunks and nodes that come with their digests, proved.

    Chunks come before the nodes that point to them, and nodes before those that point to them. A node is added to the
    index when all that it points to is there (C10) and it fits that, whatever the sender says: so all nodes of the
    index are sound, and none is checked twice. The caller keeps gc away meanwhile, or what is there could go.

    Args:
        store: The store.

    Attributes:
        written: Bytes of new chunks and nodes.

    Raises:
        StorageError: The store cannot be written.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._writer = ContentWriter(store.layout, store.catalog)
        self._batch: list[Record] = []
        self._batch_bytes = 0
        self._nodes: dict[bytes, bytes] = {}
        self._node_bytes = 0
        self._unsettled = 0
        self.written = 0

    def add(self, record: Record) -> None:
        """Take a chunk or node.

        Raises:
            UnsoundTreeError: A node breaks a rule.
            StorageError: The store cannot be written.
        """
        if record.record.kind == RecordKind.NODE:
            node = bytes(record.plain)
            self._nodes[record.record.digest] = node
            self._node_bytes += len(node)
        else:
            self._batch.append(record)
            self._batch_bytes += record.record.size
            if self._batch_bytes >= _BATCH_BYTES:
                self._write_batch()
        if self._node_bytes >= _NODE_BYTES or self._unsettled >= _SETTLE_BYTES:
            self.settle()

    def settle(self) -> None:
        """Make all that came durable, and known to the index.

        Raises:
            UnsoundTreeError: A node breaks a rule. It is not added, nor is what came with it.
            StorageError: The store cannot be written.
        """
        self._write_batch()
        self._writer.flush()
        try:
            self._add_nodes()
        finally:
            self._nodes.clear()
            self._node_bytes = self._unsettled = 0
        self._writer.flush()

    def _write_batch(self) -> None:
        written = self._writer.append_records([one.record for one in self._batch])
        self._unsettled += written
        self.written += written
        self._batch.clear()
        self._batch_bytes = 0

    def _add_nodes(self) -> None:
        with self._store.catalog.view() as view:
            new = set(view.missing_nodes(self._nodes))
        lookup = _Arriving(self._store, self._nodes)
        self._check_order()
        checker = TreeChecker(lookup, lambda node: node not in self._nodes)
        for node, data in self._nodes.items():
            for finding in checker.check_node(node):
                raise UnsoundTreeError(f"{finding.message} ({finding.invariant})")
            if node in new:
                self._writer.add(node, data)
                self.written += len(data)

    def _check_order(self) -> None:
        """Check that all that nodes point to came before them, or is in the index."""
        try:
            below = {node: list(links(data)) for node, data in self._nodes.items()}
        except IntegrityError as error:
            raise UnsoundTreeError(str(error)) from error
        pointed_to: dict[RecordKind, list[bytes]] = {kind: [] for kind in RecordKind}
        for found in below.values():
            for link in found:
                pointed_to[link.kind].append(link.digest)
        with self._store.catalog.view() as view:
            unknown = {
                RecordKind.CHUNK: set(view.unknown_chunks(pointed_to[RecordKind.CHUNK])),
                RecordKind.NODE: set(view.unknown_nodes(pointed_to[RecordKind.NODE])),
            }
        for node, found in below.items():
            for link in found:
                if link.digest in unknown[link.kind]:
                    what = f"{link.kind.name.lower()} {link.digest.hex()}"
                    raise UnsoundTreeError(
                        f"tree node {node.hex()} points to {what}, which is neither before it nor in the store"
                    )
            unknown[RecordKind.NODE].discard(node)

    def close(self) -> None:
        """End the session; what was not settled is dropped."""
        self._writer.close()
