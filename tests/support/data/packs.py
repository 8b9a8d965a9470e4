"""A directory for packs, chunks to store there, and packs looked at by their paths."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from artfs.chunks.pack_storage import LocalPackStorage, pack_name
from artfs.chunks.packfile import PackFile
from artfs.chunks.writer import PackWriter, SealedPack, encode_record
from artfs.files import direct_io
from artfs.format.digest import digest_and_table
from artfs.format.pack import Location, PackKind, RecordKind

__all__ = ["Place", "Stored", "StoredPack", "append", "opened", "pack_paths", "write_at", "write_small_pieces"]


@dataclass(frozen=True)
class Stored:
    """A chunk, and where it was stored."""

    plain: bytes
    digest: bytes
    location: Location


class StoredPack(SealedPack, frozen=True):
    """A pack, and the file that it is in."""

    path: Path


@dataclass(frozen=True)
class Place:
    """The directories of a store that packs are written to."""

    top: Path

    @classmethod
    def make(cls, top: Path) -> Place:
        place = cls(top)
        place.tmp.mkdir()
        place.packs.mkdir()
        return place

    @property
    def tmp(self) -> Path:
        return self.top / "tmp"

    @property
    def packs(self) -> Path:
        return self.top / "packs"

    @property
    def storage(self) -> LocalPackStorage:
        return LocalPackStorage(self.top)

    def path(self, pack: bytes) -> Path:
        """The file of a pack."""
        return self.top / pack_name(pack)

    def writer(self, kind: PackKind = PackKind.DATA, size_limit: int = 512 << 20) -> PackWriter:
        return PackWriter(self.storage, self.tmp, kind, size_limit)

    def finish(self, writer: PackWriter) -> list[StoredPack]:
        """Finish writing, and say where the packs are."""
        return [
            StoredPack(pack.pack, pack.kind, pack.size, pack.count, self.path(pack.pack)) for pack in writer.finish()
        ]

    def store(self, plains: Iterable[bytes]) -> tuple[StoredPack, list[Stored]]:
        """Write one pack of these chunks."""
        with self.writer() as writer:
            stored = [append(writer, plain) for plain in plains]
            (sealed,) = self.finish(writer)
        return sealed, stored

    def files(self) -> list[Path]:
        """Return all files there are, unfinished packs first."""
        return [path for top in (self.tmp, self.packs) for path in sorted(top.rglob("*")) if path.is_file()]


def append(writer: PackWriter, plain: bytes, kind: RecordKind = RecordKind.CHUNK) -> Stored:
    """Store one chunk or node."""
    digest, table = digest_and_table(plain)
    return Stored(plain, digest, writer.append(encode_record(kind, digest, table, plain)))


def opened(path: Path) -> PackFile:
    """Open the pack file at a path, two directories below its store."""
    store = path.parents[2]
    return PackFile(LocalPackStorage(store), str(path.relative_to(store)))


def pack_paths(store: Path) -> list[Path]:
    """The pack files of a store, in order of their names."""
    return sorted(store.glob("packs/*/*.pack"))


def write_at(path: Path, offset: int, data: bytes) -> None:
    """Overwrite bytes of a file in place."""
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(data)


def write_small_pieces(size: int) -> None:
    """From now on, let this process write small packs as it does large ones: in pieces, past the page cache."""
    setattr(direct_io, "PIECE", size)  # noqa: B010 # it is Final for all others
