"""No byte that fails its hash ever reaches a reader, and what is sound stays readable beside damage."""

from __future__ import annotations

import dataclasses
import errno
import itertools
import os
import random
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artfs.chunks import reader as reader_module
from artfs.chunks.check_pack import check_pack
from artfs.chunks.chunk_cache import SharedChunkCache
from artfs.chunks.pack_storage import LocalPackStorage, OpenPack
from artfs.chunks.reader import PackReader
from artfs.errors import IntegrityError, InvalidInputError, StorageError
from artfs.format.digest import BLOCK_SIZE, Data, digest
from artfs.format.pack import HEAD_SIZE, Codec
from tests.support.data.packs import Place, Stored, opened
from tests.support.schedules import ObservedDict, Rival, once


def noise(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)


def text(size: int) -> bytes:
    return b"".join(b"%d,%d\n" % (i, i * i) for i in range(size // 8))[:size]


KINDS = {
    "raw-small": noise(20_000),
    "raw-one-block": noise(BLOCK_SIZE),
    "raw-blocks": noise(5 * BLOCK_SIZE + 77),
    "zstd-small": text(5_000),
    "zstd-blocks": text(200_000),
}


@dataclasses.dataclass(frozen=True)
class Shelf:
    """Chunks of all kinds in one pack, and readers with and without a cache."""

    chunks: dict[str, Stored]
    readers: tuple[PackReader, PackReader]


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    place = Place.make(tmp_path_factory.mktemp("shelf"))
    _, stored = place.store(KINDS.values())
    cache = SharedChunkCache(4 << 20, slot_size=256 << 10)
    with PackReader(place.storage) as plain, PackReader(place.storage, cache) as cached:
        for reader in (plain, cached):
            reader.read(stored[0].location, stored[0].digest)  # opens the pack
        yield Shelf(dict(zip(KINDS, stored, strict=True)), (plain, cached))
    cache.close()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("cached", [0, 1], ids=["no-cache", "cache"])
def test_the_kinds_are_stored_as_the_tests_assume(shelf: Shelf, kind: str, cached: int) -> None:
    chunk = shelf.chunks[kind]
    assert chunk.location.codec == (Codec.RAW if kind.startswith("raw") else Codec.ZSTD)
    assert shelf.readers[cached].read(chunk.location, chunk.digest) == chunk.plain


@settings(max_examples=400)
@given(st.sampled_from(list(KINDS)), st.booleans(), st.data())
def test_any_range_of_any_chunk_reads_as_that_slice(shelf: Shelf, kind: str, cached: bool, data: st.DataObject) -> None:
    chunk = shelf.chunks[kind]
    start = data.draw(st.integers(0, len(chunk.plain)))
    length = data.draw(st.integers(0, len(chunk.plain) - start))
    assert (
        shelf.readers[cached].read(chunk.location, chunk.digest, start, length) == chunk.plain[start : start + length]
    )


@pytest.mark.parametrize("kind", KINDS)
def test_ranges_at_the_edges_of_blocks_read_as_those_slices(shelf: Shelf, kind: str) -> None:
    chunk = shelf.chunks[kind]
    edges = {0, 1, BLOCK_SIZE - 1, BLOCK_SIZE, BLOCK_SIZE + 1, 2 * BLOCK_SIZE, len(chunk.plain) - 1, len(chunk.plain)}
    for start, end in itertools.combinations(sorted(edge for edge in edges if edge <= len(chunk.plain)), 2):
        for reader in shelf.readers:
            assert reader.read(chunk.location, chunk.digest, start, end - start) == chunk.plain[start:end]


@pytest.mark.parametrize(("start", "length"), [(-1, 1), (0, -1), (0, 20_001), (20_000, 1), (20_001, 0)])
def test_a_range_beyond_the_chunk_is_refused(shelf: Shelf, start: int, length: int) -> None:
    chunk = shelf.chunks["raw-small"]
    with pytest.raises(InvalidInputError):
        shelf.readers[0].read(chunk.location, chunk.digest, start, length)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("cached", [0, 1], ids=["no-cache", "cache"])
@pytest.mark.parametrize("length", [None, 100], ids=["whole", "range"])
def test_another_digest_than_the_chunks_own_is_refused_and_named(
    shelf: Shelf, kind: str, cached: int, length: int | None
) -> None:
    chunk = shelf.chunks[kind]
    wrong = digest(b"something else")
    with pytest.raises(IntegrityError) as caught:
        shelf.readers[cached].read(chunk.location, wrong, 0, length)
    for part in (wrong.hex(), f"{chunk.location.pack.hex()}.pack", f"offset {chunk.location.offset}", "fsck"):
        assert part in str(caught.value)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("length", [None, 100], ids=["whole", "range"])
@pytest.mark.parametrize(
    "change",
    [
        {"offset": 8},
        {"offset": -8},
        {"stored_len": 1},
        {"stored_len": -1},
        {"plain_len": 1},
        {"plain_len": -1},
        {"codec": 1},
    ],
    ids=str,
)
def test_a_location_that_is_wrong_never_yields_wrong_bytes(
    shelf: Shelf, kind: str, length: int | None, change: dict[str, int]
) -> None:
    chunk = shelf.chunks[kind]
    ((field, by),) = change.items()
    value = 1 - chunk.location.codec if field == "codec" else getattr(chunk.location, field) + by
    location = msgspec.structs.replace(chunk.location, **{field: value})
    for reader in shelf.readers:
        reader.read(chunk.location, chunk.digest)
        try:
            found = reader.read(location, chunk.digest, 0, length)
        except IntegrityError:
            continue
        assert found == chunk.plain[: len(found)]
        assert len(found) == (length or location.plain_len)
        assert len(found) <= len(chunk.plain)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("length", [None, 100], ids=["whole", "range"])
def test_a_location_with_a_codec_that_is_unknown_is_refused_though_the_data_is_sound(
    shelf: Shelf, kind: str, length: int | None
) -> None:
    chunk = shelf.chunks[kind]
    for reader in shelf.readers[: 1 if length else 2]:  # what the cache has is proved by its digest alone
        with pytest.raises(IntegrityError, match="codec 7 is unknown"):
            reader.read(msgspec.structs.replace(chunk.location, codec=7), chunk.digest, 0, length)


def test_a_small_read_reads_and_verifies_one_block(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    _, (chunk,) = place.store([noise(10 * BLOCK_SIZE)])
    sizes: list[int] = []
    pread = os.pread

    def counted(fd: int, size: int, offset: int) -> bytes:
        sizes.append(size)
        return pread(fd, size, offset)

    monkeypatch.setattr(os, "pread", counted)
    with PackReader(place.storage) as reader:
        at = 3 * BLOCK_SIZE + 4096
        assert reader.read(chunk.location, chunk.digest, at, 4096) == chunk.plain[at : at + 4096]
        assert sizes == [BLOCK_SIZE]
        reader.read(chunk.location, chunk.digest, at + BLOCK_SIZE, 4096)
        assert sizes == [BLOCK_SIZE, BLOCK_SIZE]


def test_a_location_without_its_table_or_with_a_wrong_one_serves_no_wrong_byte(place: Place) -> None:
    _, (chunk,) = place.store([noise(10 * BLOCK_SIZE)])
    bare = msgspec.structs.replace(chunk.location, table=b"")
    with PackReader(place.storage) as reader:
        assert reader.read(bare, chunk.digest, 5, 10) == chunk.plain[5:15]
    wrong = msgspec.structs.replace(chunk.location, table=chunk.location.table[:-1] + b"?")
    with PackReader(place.storage) as reader, pytest.raises(IntegrityError):
        reader.read(wrong, chunk.digest, 5, 10)


@pytest.mark.parametrize("size", [100, BLOCK_SIZE, 128 << 10])
def test_a_whole_chunk_is_read_by_one_system_call(place: Place, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    _, (chunk,) = place.store([noise(size)])
    calls: list[int] = []
    pread = os.pread

    def counted(fd: int, size: int, offset: int) -> bytes:
        calls.append(size)
        return pread(fd, size, offset)

    monkeypatch.setattr(os, "pread", counted)
    with PackReader(place.storage) as reader:
        assert reader.read(chunk.location, chunk.digest) == chunk.plain
    assert calls == [size]


def flipped(path: Path, bit: int) -> None:
    """Flip one bit of a file, in place."""
    with path.open("r+b", buffering=0) as file:
        file.seek(bit // 8)
        (byte,) = file.read(1)
        file.seek(bit // 8)
        file.write(bytes([byte ^ (1 << bit % 8)]))


def test_any_flipped_bit_of_a_pack_is_found_and_never_read_as_data(place: Place) -> None:
    sealed, stored = place.store([noise(101), text(700), noise(BLOCK_SIZE + 9), noise(33)])
    assert [chunk.location.codec for chunk in stored] == [Codec.RAW, Codec.ZSTD, Codec.RAW, Codec.RAW]
    bulk_at = stored[2].location.offset + HEAD_SIZE + 64  # head and table are tried bit by bit, as everything else is
    bulk = range(bulk_at * 8, (bulk_at + BLOCK_SIZE + 9) * 8)
    bits = [bit for bit in range(sealed.size * 8) if bit not in bulk or bit % 1009 == 0 or bit >= bulk[-72]]
    refused = 0
    with PackReader(place.storage) as reader:
        for bit in bits:
            flipped(sealed.path, bit)
            assert list(check_pack(opened(sealed.path), read_data=True)), f"bit {bit} was not found"
            for chunk in stored:
                try:
                    assert reader.read(chunk.location, chunk.digest) == chunk.plain
                except IntegrityError:
                    refused += 1
            flipped(sealed.path, bit)
    assert list(check_pack(opened(sealed.path), read_data=True)) == []
    assert refused > 100


@pytest.mark.parametrize("cached_table", [False, True], ids=["fresh", "table-known"])
def test_damage_in_one_block_leaves_the_others_readable(place: Place, cached_table: bool) -> None:
    sealed, (chunk, neighbour) = place.store([noise(4 * BLOCK_SIZE), noise(4 * BLOCK_SIZE, 2)])
    with PackReader(place.storage) as reader:
        if cached_table:
            reader.read(chunk.location, chunk.digest, 0, 1)
        data_at = chunk.location.offset + HEAD_SIZE + 4 * 32
        flipped(sealed.path, (data_at + 2 * BLOCK_SIZE + 5) * 8)
        for block in (0, 1, 3):
            at = block * BLOCK_SIZE
            assert reader.read(chunk.location, chunk.digest, at, BLOCK_SIZE) == chunk.plain[at : at + BLOCK_SIZE]
        for start, length in ((2 * BLOCK_SIZE, 1), (BLOCK_SIZE, BLOCK_SIZE + 1), (0, 4 * BLOCK_SIZE)):
            with pytest.raises(IntegrityError):
                reader.read(chunk.location, chunk.digest, start, length)
        assert reader.read(neighbour.location, neighbour.digest) == neighbour.plain


def test_damage_that_comes_after_a_good_read_is_seen_by_the_next(place: Place) -> None:
    sealed, (chunk,) = place.store([noise(4 * BLOCK_SIZE)])
    with PackReader(place.storage) as reader:
        assert reader.read(chunk.location, chunk.digest, 100, 100) == chunk.plain[100:200]
        flipped(sealed.path, (chunk.location.offset + HEAD_SIZE + 4 * 32 + 150) * 8)
        with pytest.raises(IntegrityError):
            reader.read(chunk.location, chunk.digest, 100, 100)


def test_a_pack_cut_off_anywhere_is_found_and_never_yields_wrong_bytes(place: Place) -> None:
    sealed, stored = place.store([noise(101), text(700), noise(2 * BLOCK_SIZE), noise(33)])
    lengths = [*range(1200), *range(1200, sealed.size - 600, 997), *range(sealed.size - 600, sealed.size)]
    with PackReader(place.storage) as reader:
        for length in reversed(lengths):
            os.truncate(sealed.path, length)
            assert list(check_pack(opened(sealed.path), read_data=True)), f"length {length} was not found"
            for chunk in stored:
                for start, end in (
                    (0, len(chunk.plain)),
                    (1, len(chunk.plain) - 1),
                    (len(chunk.plain) - 5, len(chunk.plain)),
                ):
                    try:
                        found = reader.read(chunk.location, chunk.digest, start, end - start)
                    except IntegrityError:
                        continue
                    assert found == chunk.plain[start:end]


def test_a_pack_that_vanished_is_an_integrity_error_that_names_it(place: Place) -> None:
    sealed, (chunk,) = place.store([noise(100)])
    sealed.path.unlink()
    with PackReader(place.storage) as reader, pytest.raises(IntegrityError, match=f"{sealed.path.name}.*missing"):
        reader.read(chunk.location, chunk.digest)


def test_a_pack_that_vanishes_while_it_is_open_reads_on(place: Place) -> None:
    sealed, (chunk,) = place.store([noise(100)])
    with PackReader(place.storage) as reader:
        reader.read(chunk.location, chunk.digest)
        sealed.path.unlink()
        assert reader.read(chunk.location, chunk.digest) == chunk.plain


def test_a_closed_reader_opens_packs_again(place: Place) -> None:
    _, (chunk,) = place.store([noise(100)])
    reader = PackReader(place.storage)
    for _ in range(2):
        assert reader.read(chunk.location, chunk.digest) == chunk.plain
        reader.close()


def test_a_reader_keeps_at_most_64_packs_open_and_closes_all_at_the_end(place: Place) -> None:
    stored = [place.store([noise(100, seed)])[1][0] for seed in range(70)]

    def open_packs() -> int:
        links = (f"/proc/self/fd/{name}" for name in os.listdir("/proc/self/fd"))
        return sum(os.readlink(link).startswith(str(place.packs)) for link in links if os.path.islink(link))

    with PackReader(place.storage) as reader:
        for chunk in stored * 2:
            assert reader.read(chunk.location, chunk.digest) == chunk.plain
            assert open_packs() <= 64
        assert open_packs() == 64
    assert open_packs() == 0


def test_the_pack_read_last_stays_open_when_others_are_closed(place: Place) -> None:
    favourite_pack, (favourite,) = place.store([noise(100, 1000)])
    with PackReader(place.storage) as reader:
        reader.read(favourite.location, favourite.digest)
        favourite_pack.path.unlink()
        for seed in range(130):
            _, (chunk,) = place.store([noise(100, seed)])
            reader.read(chunk.location, chunk.digest)
            assert reader.read(favourite.location, favourite.digest) == favourite.plain


def test_a_system_that_fails_to_read_is_a_storage_error(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    sealed, (chunk,) = place.store([noise(100)])

    def failing(_fd: int, _size: int, _offset: int) -> bytes:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "pread", failing)
    with PackReader(place.storage) as reader, pytest.raises(StorageError, match=sealed.path.name):
        reader.read(chunk.location, chunk.digest)


def test_remembered_block_tables_are_bounded(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader_module, "_MAX_TABLES", 3)
    _, stored = place.store([noise(2 * BLOCK_SIZE, seed) for seed in range(10)])
    preads = 0
    pread = os.pread

    def counted(fd: int, size: int, offset: int) -> bytes:
        nonlocal preads
        preads += 1
        return pread(fd, size, offset)

    monkeypatch.setattr(os, "pread", counted)
    with PackReader(place.storage) as reader:
        for chunk in stored + stored:
            assert reader.read(chunk.location, chunk.digest, 5, 5) == chunk.plain[5:10]
        assert preads == 40
        reader.read(stored[-1].location, stored[-1].digest, 5, 5)
        assert preads == 41


@pytest.fixture
def shared(place: Place, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[PackReader, Rival[Data]]]:
    """A reader that two threads share, and the other thread."""
    rival: Rival[Data] = Rival()
    with monkeypatch.context() as patch:
        patch.setattr("artfs.chunks.reader.threading.Lock", rival.lock)
        reader = PackReader(place.storage)
    with reader:
        yield reader, rival


def test_two_threads_that_read_a_pack_open_it_once(
    place: Place, shared: tuple[PackReader, Rival[Data]], monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, rival = shared
    _, (chunk,) = place.store([noise(100)])
    opens: list[str] = []
    opening = once(
        lambda: rival.meanwhile(lambda: reader.read(chunk.location, chunk.digest)), LocalPackStorage.open, after=True
    )

    def counted(storage: LocalPackStorage, name: str) -> OpenPack:
        opens.append(name)
        return opening(storage, name)

    monkeypatch.setattr(LocalPackStorage, "open", counted)
    assert reader.read(chunk.location, chunk.digest) == chunk.plain == rival.result()
    assert len(opens) == 1


def test_a_thread_that_keeps_a_block_table_waits_for_another_that_does(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    rival: Rival[Data] = Rival()
    with monkeypatch.context() as patch:
        patch.setattr("artfs.chunks.reader.threading.Lock", rival.lock)
        patch.setattr("artfs.chunks.reader.OrderedDict", ObservedDict)
        reader = PackReader(place.storage)
    _, (one, other) = place.store([noise(2 * BLOCK_SIZE, seed) for seed in range(2)])
    with reader:
        reader.read(one.location, one.digest)  # opens the pack
        ObservedDict.before_set.append(lambda: rival.meanwhile(lambda: reader.read(other.location, other.digest, 5, 5)))
        assert reader.read(one.location, one.digest, 5, 5) == one.plain[5:10]
        assert rival.waited
        assert rival.result() == other.plain[5:10]
