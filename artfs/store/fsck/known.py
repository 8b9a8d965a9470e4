"""What index and packs know of chunks and nodes, as the check of the trees asks for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress

from artfs.catalog import Environment, View
from artfs.errors import IntegrityError
from artfs.format.pack import Location, RecordKind
from artfs.store.fsck.finding import BadRecords, Finding, Part
from artfs.store.layout import Layout
from artfs.store.packlist import pack_contents, pack_paths

__all__ = ["Known", "find_locations"]


def find_locations(view: View, chunks: Sequence[bytes]) -> dict[bytes, Location]:
    """Where the index says that chunks are; of those that it knows, and whose rows are sound."""
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


class Known:
    """Chunks and nodes that can be read, and those that cannot.

    Args:
        environment: The index.
        layout: Of the store.
        bad: Records that are damaged.

    Attributes:
        packed: The nodes that are in a pack that the index knows.
        unlisted: The nodes that are in another pack, and in which.
        gone: The packs that the index knows and that are missing.
    """

    def __init__(self, environment: Environment, layout: Layout, bad: BadRecords) -> None:
        self.packed: set[bytes] = set()
        self.unlisted: dict[bytes, bytes] = {}
        self.gone: set[bytes] = set()
        self._environment = environment
        self._layout = layout
        self._bad = bad
        self._asked: dict[bytes, Location | None] = {}
        self._in_packs: set[bytes] | None = None

    def node(self, node: bytes) -> bytes | None:
        """The bytes of a node; None if the index has it not, or damaged."""
        with View(self._environment.begin_read()) as view, suppress(IntegrityError):
            return view.find_node(node)
        return None

    def unpacked(self, node: bytes) -> Finding | None:
        """Tell of a node that is in no pack (T6), or in one that the index should know by its nodes (C9)."""
        if node in self.packed:
            return None
        if node in self.unlisted:
            pack = self.unlisted[node].hex()
            return Finding("C9", Part.INDEX, f"tree node {node.hex()} is in pack {pack}, which the index does not know")
        return Finding("T6", Part.TREE, f"tree node {node.hex()} is in no pack: it would be lost with the index")

    def is_bad(self, node: bytes) -> bool:
        """Whether the record of a node is damaged."""
        return node in self._bad.digests

    def look_up(self, chunks: Sequence[bytes]) -> None:
        """Get to know the chunks that will be asked for next."""
        with View(self._environment.begin_read()) as view:
            found = find_locations(view, chunks)
        self._asked = {chunk: found.get(chunk) for chunk in chunks}

    def length(self, chunk: bytes) -> int | None:
        """Plain bytes of a chunk; None if it is missing or damaged."""
        if chunk not in self._asked:
            self.look_up([chunk])
        where = self._asked[chunk]
        if where is None or where.pack in self.gone or where.pack in self._bad.digests.get(chunk, ()):
            return None
        return None if (where.pack, where.offset) in self._bad.places else where.plain_len

    def missing_chunks(self, node: bytes) -> Iterator[Finding]:
        """Tell of the chunks looked up last that the index does not know, of which one node speaks (C10)."""
        missing = [chunk for chunk, where in self._asked.items() if where is None]
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
        """Tell of a node that the index has not, or damaged."""
        if (node in self.packed or node in self.unlisted) and not self.is_bad(node):
            return Finding(invariant, Part.INDEX, f"tree node {node.hex()}, {what}: in a pack and not in the index")
        return Finding(invariant, Part.TREE, f"tree node {node.hex()}, {what}, is lost")

    def _is_in_a_pack(self, chunk: bytes) -> bool:
        if self._in_packs is None:
            self._in_packs = set()
            for path in pack_paths(self._layout.packs):
                with suppress(IntegrityError):
                    entries = pack_contents(path).entries
                    self._in_packs.update(entry.digest for entry in entries if entry.kind == RecordKind.CHUNK)
        return chunk in self._in_packs
