"""Choice of the packs that gc rewrites: those with enough unmarked bytes, and small ones to merge."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from artfs.chunks.pack_storage import PackStorage, pack_name
from artfs.chunks.packfile import end_of
from artfs.errors import IntegrityError
from artfs.format.pack import FooterEntry, PackKind, RecordKind
from artfs.store.pack_inventory import PackContents, pack_contents

__all__ = ["Candidate", "Selection", "select_packs"]

_UNMARKED_ONE_IN: Final = 8
"""A data pack is rewritten when one byte in so many is unmarked."""
_SMALL_BYTES: Final = {PackKind.DATA: 8 << 20, PackKind.NODES: 1 << 20}
_MANY_SMALL: Final = 16
"""So many small packs of a kind are merged."""

IsMarked = Callable[[RecordKind, bytes], bool]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A pack that is to be rewritten, or removed where nothing in it is marked.

    Attributes:
        pack: Its id.
        kind: What it holds.
        size: Bytes of the file.
        unmarked: Bytes of the records that are not marked.
        marked: Bytes of the others.
    """

    pack: bytes
    kind: PackKind
    size: int
    unmarked: int
    marked: int


class Selection(NamedTuple):
    """The packs to rewrite, and what is left unused in the others.

    Attributes:
        chosen: The packs to rewrite.
        unused: Unmarked bytes in packs that stay, as too little of each is unmarked.
    """

    chosen: list[Candidate]
    unused: int


def select_packs(storage: PackStorage, packs: Sequence[bytes], is_marked: IsMarked) -> Selection:
    """Choose packs. One unmarked node is enough to choose a node pack: a node vouches for what is below it.

    Args:
        storage: Where the packs are.
        packs: Those that the index knew before anything was marked.
        is_marked: Tells whether a chunk or node is marked.

    Raises:
        IntegrityError: A node pack is damaged.
        StorageError: The system failed to read.
    """
    chosen: list[Candidate] = []
    unused = 0
    small: dict[PackKind, list[Candidate]] = {kind: [] for kind in PackKind}
    for pack in packs:
        contents = pack_contents(storage, pack)
        if contents.damages:
            if contents.row.kind == PackKind.NODES:
                where = storage.address(pack_name(pack))
                raise IntegrityError(f"{where} is damaged: run `artfs fsck`; gc has removed no contents")
            continue
        candidate = _measure(contents, is_marked)
        if _is_wasteful(candidate):
            chosen.append(candidate)
        elif candidate.size < _SMALL_BYTES[candidate.kind]:
            small[candidate.kind].append(candidate)
        else:
            unused += candidate.unmarked
    for some in small.values():
        if len(some) >= _MANY_SMALL:
            chosen += some
        else:
            unused += sum(candidate.unmarked for candidate in some)
    return Selection(chosen, unused)


def _measure(contents: PackContents, is_marked: IsMarked) -> Candidate:
    kind = PackKind(contents.row.kind)
    of = RecordKind.NODE if kind == PackKind.NODES else RecordKind.CHUNK
    marked = sum(_size(entry) for entry in contents.entries if is_marked(of, entry.digest))
    total = sum(map(_size, contents.entries))
    return Candidate(contents.pack, kind, contents.row.size, total - marked, marked)


def _size(entry: FooterEntry) -> int:
    return end_of(entry.location) - entry.location.offset


def _is_wasteful(candidate: Candidate) -> bool:
    if candidate.kind == PackKind.NODES:
        return bool(candidate.unmarked) or not candidate.marked
    return not candidate.marked or candidate.unmarked * _UNMARKED_ONE_IN >= candidate.unmarked + candidate.marked
