"""A place for packs, and chunks to put into them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from artfs.chunks import direct
from artfs.chunks.writer import PackWriter, SealedPack, encode_record
from artfs.format.digest import digest_and_table
from artfs.format.pack import Location, PackKind, RecordKind

__all__ = ["Place", "Stored", "append", "write_small_pieces"]


@dataclass(frozen=True)
class Stored:
    """A chunk, and where it was stored."""

    plain: bytes
    digest: bytes
    location: Location


@dataclass(frozen=True)
class Place:
    """The directories of a store that packs are written to."""

    tmp: Path
    packs: Path

    @classmethod
    def make(cls, top: Path) -> Place:
        place = cls(top / "tmp", top / "packs")
        place.tmp.mkdir()
        place.packs.mkdir()
        return place

    def writer(self, kind: PackKind = PackKind.DATA, size_limit: int = 512 << 20) -> PackWriter:
        return PackWriter(self.tmp, self.packs, kind, size_limit)

    def store(self, plains: Iterable[bytes]) -> tuple[SealedPack, list[Stored]]:
        """Write one pack of these chunks."""
        with self.writer() as writer:
            stored = [append(writer, plain) for plain in plains]
            (sealed,) = writer.finish()
        return sealed, stored

    def files(self) -> list[Path]:
        """Return all files there are, unfinished packs first."""
        return [path for top in (self.tmp, self.packs) for path in sorted(top.rglob("*")) if path.is_file()]


def append(writer: PackWriter, plain: bytes, kind: RecordKind = RecordKind.CHUNK) -> Stored:
    """Store one chunk or node."""
    digest, table = digest_and_table(plain)
    return Stored(plain, digest, writer.append(encode_record(kind, digest, table, plain)))


def write_small_pieces(size: int) -> None:
    """From now on, let this process write small packs as it does large ones: in pieces, past the page cache."""
    setattr(direct, "PIECE", size)  # noqa: B010 # it is Final for all others
