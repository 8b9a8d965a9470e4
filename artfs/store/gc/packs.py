"""Which packs a gc rewrites: those with enough in them that nobody holds, and small ones, to be merged."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from artfs.chunks.packfile import end_of
from artfs.errors import IntegrityError
from artfs.format.pack import FooterEntry, PackKind, RecordKind
from artfs.store.packlist import PackContents, pack_contents

__all__ = ["Candidate", "candidates"]

_WASTE: Final = 8
"""A data pack is rewritten when one byte in so many is held by nobody."""
_SMALL_BYTES: Final = {PackKind.DATA: 8 << 20, PackKind.NODES: 1 << 20}
_MANY: Final = 16
"""So many small packs of a kind are merged."""

Held = Callable[[RecordKind, bytes], bool]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A pack that is to be rewritten, or removed where nothing in it is held.

    Attributes:
        path: Where it is.
        pack: Its id.
        kind: What it holds.
        size: Bytes of the file.
        dead: Bytes of records that nobody holds.
        held: Bytes of the others.
    """

    path: Path
    pack: bytes
    kind: PackKind
    size: int
    dead: int
    held: int


def candidates(paths: Sequence[Path], held: Held) -> Iterator[Candidate]:
    """Choose packs. A node pack goes as soon as one node in it is held by nobody: a node vouches for what is below.

    Args:
        paths: Packs that the index knew before anything was marked.
        held: Tells whether a chunk or node is held.

    Raises:
        IntegrityError: A node pack is damaged.
        StorageError: The system failed to read.
    """
    small: dict[PackKind, list[Candidate]] = {kind: [] for kind in PackKind}
    for path in paths:
        contents = pack_contents(path)
        if contents.damages:
            if contents.row.kind == PackKind.NODES:
                raise IntegrityError(f"{path} is damaged: run `artfs fsck`; gc has removed no contents")
            continue
        candidate = _weigh(path, contents, held)
        if _is_wasteful(candidate):
            yield candidate
        elif candidate.size < _SMALL_BYTES[candidate.kind]:
            small[candidate.kind].append(candidate)
    for some in small.values():
        if len(some) >= _MANY:
            yield from some


def _weigh(path: Path, contents: PackContents, held: Held) -> Candidate:
    kind = PackKind(contents.row.kind)
    of = RecordKind.NODE if kind == PackKind.NODES else RecordKind.CHUNK
    kept = sum(_size(entry) for entry in contents.entries if held(of, entry.digest))
    total = sum(map(_size, contents.entries))
    return Candidate(path, contents.pack, kind, contents.row.size, total - kept, kept)


def _size(entry: FooterEntry) -> int:
    return end_of(entry.location) - entry.location.offset


def _is_wasteful(candidate: Candidate) -> bool:
    if candidate.kind == PackKind.NODES:
        return bool(candidate.dead) or not candidate.held
    return not candidate.held or candidate.dead * _WASTE >= candidate.dead + candidate.held
