"""Real data, all the way: cut, stored, and read back."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from artfs.chunks.check_pack import check_pack
from artfs.chunks.chunker import Chunker, ChunkParams, cut_stream
from artfs.chunks.reader import PackReader
from artfs.format.pack import Codec
from tests.support.data.packs import Place, Stored, append, opened


def pieces_of(path: Path) -> Iterator[memoryview]:
    """The pieces of a real file, as storing reads it."""
    buffer = memoryview(bytearray(4 << 20))
    with path.open("rb") as file:
        for pieces in cut_stream(Chunker(), lambda view: os.readv(file.fileno(), [view]), lambda: buffer):
            yield from (memoryview(bytes(piece)) for piece in pieces)


def read_back(place: Place, stored: list[Stored]) -> bytes:
    with PackReader(place.storage) as reader:
        return b"".join(reader.read(chunk.location, chunk.digest) for chunk in stored)


def test_a_model_is_stored_raw_and_comes_back(place: Place, minilm_model: Path) -> None:
    model = max(minilm_model.rglob("*.safetensors"), key=lambda path: path.stat().st_size)
    with place.writer() as writer:
        stored = [append(writer, bytes(piece)) for piece in pieces_of(model)]
        (sealed,) = place.finish(writer)
    sizes = [chunk.location.plain_len for chunk in stored]
    assert ChunkParams().min_size <= min(sizes[:-1]) <= max(sizes) <= ChunkParams().max_size
    assert sum(chunk.location.codec == Codec.RAW for chunk in stored) > 0.9 * len(stored)
    assert read_back(place, stored) == model.read_bytes()
    assert list(check_pack(opened(sealed.path), read_data=True)) == []


def test_the_sources_of_a_package_take_less_than_half_their_size_and_come_back(
    place: Place, botocore_releases: tuple[Path, Path]
) -> None:
    files = sorted(path for path in botocore_releases[0].rglob("*.py") if path.stat().st_size)
    with place.writer() as writer:
        stored = [[append(writer, bytes(piece)) for piece in pieces_of(path)] for path in files]
        (sealed,) = place.finish(writer)
    assert sealed.size < 0.5 * sum(path.stat().st_size for path in files)
    assert all(read_back(place, chunks) == path.read_bytes() for path, chunks in zip(files, stored, strict=True))
