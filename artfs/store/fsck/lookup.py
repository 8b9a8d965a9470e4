"""Lookup of chunks and nodes in index and packs, for the check of the trees."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress

from artfs.catalog import IndexEnvironment, View
from artfs.chunks.pack_storage import PackStorage
from artfs.errors import IntegrityError
from artfs.format.pack import Location, RecordKind
from artfs.store.fsck.finding import BadRecords, Finding, Part
from artfs.store.pack_inventory import list_packs, pack_contents

__all__ = ["ContentLookup", "find_locations"]


def find_locations(view: View, chunks: Sequence[bytes]) -> dict[bytes, Location]:
    """Return the locations of the chunks that the index knows and whose rows are sound."""
    try:
        return view.locations(chunks)
    except IntegrityError:
        found = {}
        for chunk in chunks:
            with suppress(IntegrityError):
                location = view.find_location(chunk)
                if location is not None:
                    found[chunk] = location
        return found


class ContentLookup:
    """Chunks and nodes, those that can be read and those that cannot.

    Args:
        environment: The index.
        storage: Where the packs are.
        bad: Records that are damaged.

    Attributes:
        packed: The nodes that are in a pack that the index knows.
        unindexed: The packs of the nodes that are only in one that it does not know.
        missing_packs: The packs that the index knows and that are missing.
    """

    def __init__(self, environment: IndexEnvironment, storage: PackStorage, bad: BadRecords) -> None:
        self.packed: set[bytes] = set()
        self.unindexed: dict[bytes, bytes] = {}
        self.missing_packs: set[bytes] = set()
        self._environment = environment
        self._storage = storage
        self._bad = bad
        self._looked_up: dict[bytes, Location | None] = {}
        self._in_packs: set[bytes] | None = None

    def node(self, node: bytes) -> bytes | None:
        """Return the bytes of a node; None if it is not in the index, or damaged there."""
        with View(self._environment.begin_read()) as view, suppress(IntegrityError):
            return view.find_node(node)
        return None

    def unpacked(self, node: bytes) -> Finding | None:
        """Report a node that is in no pack (T6), or only in one that the index does not know (C9)."""
        if node in self.packed:
            return None
        if node in self.unindexed:
            pack = self.unindexed[node].hex()
            return Finding("C9", Part.INDEX, f"tree node {node.hex()} is in pack {pack}, which the index does not know")
        return Finding("T6", Part.TREE, f"tree node {node.hex()} is in no pack: it would be lost with the index")

    def is_bad(self, node: bytes) -> bool:
        """Return whether the record of a node is damaged."""
        return node in self._bad.digests

    def look_up(self, chunks: Sequence[bytes]) -> None:
        """Look up the chunks that `length` will be asked for next."""
        with View(self._environment.begin_read()) as view:
            found = find_locations(view, chunks)
        self._looked_up = {chunk: found.get(chunk) for chunk in chunks}

    def length(self, chunk: bytes) -> int | None:
        """Return the plain bytes of a chunk; None if it is missing or damaged."""
        if chunk not in self._looked_up:
            self.look_up([chunk])
        where = self._looked_up[chunk]
        if where is None or where.pack in self.missing_packs or where.pack in self._bad.digests.get(chunk, ()):
            return None
        return None if (where.pack, where.offset) in self._bad.places else where.plain_len

    def missing_chunks(self, node: bytes) -> Iterator[Finding]:
        """Report the chunks of one node, looked up last, that the index does not know (C10)."""
        missing = [chunk for chunk, where in self._looked_up.items() if where is None]
        lost = [chunk for chunk in missing if not self._is_in_a_pack(chunk)]
        some = [chunk for chunk in missing if self._is_in_a_pack(chunk)]
        for chunks, part, what in (
            (some, Part.INDEX, "in a pack and not in the index"),
            (lost, Part.TREE, "in no pack"),
        ):
            if chunks:
                more = f" and {len(chunks) - 1} more" if len(chunks) > 1 else ""
                yield Finding("C10", part, f"chunk {chunks[0].hex()}{more} of tree node {node.hex()}: {what}")

    def missing_node(self, invariant: str, node: bytes, what: str) -> Finding:
        """Report a node that is not in the index, or damaged there."""
        if (node in self.packed or node in self.unindexed) and not self.is_bad(node):
            return Finding(invariant, Part.INDEX, f"tree node {node.hex()}, {what}: in a pack and not in the index")
        return Finding(invariant, Part.TREE, f"tree node {node.hex()}, {what}, is lost")

    def _is_in_a_pack(self, chunk: bytes) -> bool:
        if self._in_packs is None:
            self._in_packs = set()
            for pack in list_packs(self._storage):
                with suppress(IntegrityError):
                    entries = pack_contents(self._storage, pack).entries
                    self._in_packs.update(entry.digest for entry in entries if entry.kind == RecordKind.CHUNK)
        return chunk in self._in_packs
