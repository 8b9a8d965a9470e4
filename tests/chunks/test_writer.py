"""A pack is under its name only when it is whole and durable, whatever happens on the way."""

from __future__ import annotations

import errno
import json
import os
import random
import signal
import stat
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artfs.chunks.check_pack import check_pack
from artfs.chunks.reader import PackReader
from artfs.chunks.recover import read_footer
from artfs.chunks.writer import encode_record
from artfs.errors import InvalidInputError, StorageError
from artfs.files.direct_io import PIECE
from artfs.format.digest import BLOCK_SIZE, Data, digest_and_table
from artfs.format.pack import MAX_PLAIN_SIZE, Codec, PackKind, RecordKind
from tests.support.data.packs import Place, append, opened
from tests.support.mounts.mounts import apart, wait_until

ROOT = Path(__file__).parents[2]


def noise(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)


def child(*arguments: str, under: Sequence[str] = ()) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*under, sys.executable, "-m", "tests.support.programs.pack_child", *arguments],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def answer(process: subprocess.Popen[str]) -> dict[str, object]:
    """What a child printed at its end."""
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    parsed = json.loads(out)
    assert isinstance(parsed, dict)
    return parsed


def test_what_was_appended_can_be_read_where_append_said(place: Place) -> None:
    plains = [b"x", b"text " * 1000, noise(BLOCK_SIZE), noise(BLOCK_SIZE + 1), noise(300_000), bytes(2 << 20)]
    sealed, stored = place.store(plains)
    assert sealed.path == place.path(sealed.pack)
    assert sealed.size == sealed.path.stat().st_size
    assert sealed.count == len(plains)
    assert list(check_pack(opened(sealed.path), read_data=True)) == []
    with PackReader(place.storage) as reader:
        assert [reader.read(chunk.location, chunk.digest) for chunk in stored] == plains


def test_the_footer_lists_the_locations_that_append_returned(place: Place) -> None:
    sealed, stored = place.store([noise(100), bytes(5000), noise(40_000), noise(300_000), bytes(300_000)])
    found = [(entry.digest, entry.location, entry.kind) for entry in read_footer(opened(sealed.path))]
    assert found == [(chunk.digest, chunk.location, RecordKind.CHUNK) for chunk in stored]


def test_a_pack_and_its_directories_are_for_their_owner_alone(place: Place) -> None:
    sealed, _ = place.store([b"secret"])
    assert stat.S_IMODE(sealed.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(sealed.path.parent.stat().st_mode) == 0o700


def test_nothing_appended_makes_no_pack(place: Place) -> None:
    with place.writer() as writer:
        assert writer.finish() == []
    assert place.files() == []


def test_a_record_that_would_make_a_pack_too_long_begins_the_next_one(place: Place) -> None:
    with place.writer(size_limit=1 << 20) as writer:
        stored = [append(writer, noise(150_000, seed)) for seed in range(20)]
        sealed = writer.finish()
    assert len(sealed) == 4
    assert all(pack.size <= 1 << 20 for pack in sealed)
    assert sum(pack.count for pack in sealed) == 20
    with PackReader(place.storage) as reader:
        assert all(reader.read(chunk.location, chunk.digest) == chunk.plain for chunk in stored)


def test_a_record_longer_than_the_limit_gets_a_pack_of_its_own(place: Place) -> None:
    with place.writer(size_limit=100_000) as writer:
        for seed in range(3):
            append(writer, noise(150_000, seed))
        assert [pack.count for pack in writer.finish()] == [1, 1, 1]


def test_leaving_a_writer_without_finish_leaves_no_file(place: Place) -> None:
    with place.writer(size_limit=1 << 20) as writer:
        for seed in range(20):
            append(writer, noise(150_000, seed))
        assert len(place.files()) == 4
    assert place.files() == []


def test_abort_leaves_alone_the_packs_that_were_taken(place: Place) -> None:
    with place.writer(size_limit=1 << 20) as writer:
        for seed in range(20):
            append(writer, noise(150_000, seed))
        taken = writer.take_sealed()
        assert writer.take_sealed() == []
    assert place.files() == sorted(place.path(pack.pack) for pack in taken)


def test_the_unfinished_pack_is_in_tmp_and_not_among_the_packs(place: Place) -> None:
    with place.writer() as writer:
        for seed in range(12):
            append(writer, noise(1 << 20, seed))
        (growing,) = place.files()
        assert growing.parent == place.tmp
        wait_until(lambda: growing.stat().st_size >= PIECE)
        writer.finish()


def test_what_was_appended_may_be_overwritten_at_once(place: Place) -> None:
    buffer = bytearray(noise(100_000))
    with place.writer() as writer:
        stored = append(writer, bytes(buffer))
        digest, table = digest_and_table(buffer)
        location = writer.append(encode_record(RecordKind.CHUNK, digest, table, memoryview(buffer)))
        buffer[:] = bytes(len(buffer))
        writer.finish()
    with PackReader(place.storage) as reader:
        assert reader.read(location, digest) == stored.plain


def test_the_record_of_raw_data_holds_that_very_data() -> None:
    plain = memoryview(noise(40_000))
    record = encode_record(RecordKind.CHUNK, *digest_and_table(plain), plain)
    assert record.codec == Codec.RAW
    assert any(buffer is plain for buffer in record.buffers)


@given(st.integers(1, 70_000), st.booleans())
def test_the_size_of_a_record_is_that_of_its_buffers(size: int, compressible: bool) -> None:
    plain = bytes(size) if compressible else noise(size)
    record = encode_record(RecordKind.CHUNK, *digest_and_table(plain), plain)
    assert record.size == sum(len(buffer) for buffer in record.buffers)
    assert record.size % 8 == 0


@pytest.mark.parametrize("size", [0, MAX_PLAIN_SIZE + 1])
def test_a_record_of_nothing_or_of_too_much_is_refused(size: int) -> None:
    with pytest.raises(InvalidInputError):
        encode_record(RecordKind.CHUNK, bytes(32), b"", bytes(size))


@pytest.mark.parametrize("at_most", [1, 63, 64, 1000])
def test_a_system_that_writes_only_some_bytes_at_a_time_gets_them_all(
    place: Place, monkeypatch: pytest.MonkeyPatch, at_most: int
) -> None:
    calls = 0

    pwrite = os.pwrite

    def hesitant(fd: int, data: Data, offset: int) -> int:
        nonlocal calls
        calls += 1
        return pwrite(fd, memoryview(data)[:at_most], offset)

    monkeypatch.setattr(os, "pwrite", hesitant)
    sealed, _ = place.store([noise(200 + seed, seed) for seed in range(20)] + [noise(1000)])
    assert calls == -(-sealed.size // at_most)
    assert list(check_pack(opened(sealed.path), read_data=True)) == []


def test_a_pack_of_nodes_says_so(place: Place) -> None:
    with place.writer(PackKind.NODES) as writer:
        append(writer, b"node", RecordKind.NODE)
        (sealed,) = place.finish(writer)
    assert sealed.kind == PackKind.NODES
    assert list(check_pack(opened(sealed.path), read_data=True)) == []


def test_a_writer_killed_in_the_middle_leaves_only_a_file_in_tmp(tmp_path: Path) -> None:
    process = child("wait", str(tmp_path))
    assert process.stdout is not None
    assert process.stdout.readline() == "written\n"
    assert Place(tmp_path).files()
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    (left,) = Place(tmp_path).files()
    assert left.parent == tmp_path / "tmp"


def test_a_writer_killed_before_any_of_its_system_calls_leaves_whole_packs_only(tmp_path: Path) -> None:
    killed = 0
    while True:
        top = tmp_path / str(killed)
        top.mkdir()
        process = child("die", str(killed + 1), str(top))
        out, err = process.communicate(timeout=60)
        place = Place(top)
        named = [path for path in place.files() if path.parent != place.tmp]
        assert [damage for path in named for damage in check_pack(opened(path), read_data=True)] == []
        if process.returncode == 0:
            assert sorted(path.stem for path in named) == sorted(json.loads(out))
            break
        assert process.returncode == -signal.SIGKILL, err
        killed += 1
    assert len(named) == 3
    assert killed >= 3 * len(("open", "pwrite", "fsync", "mkdir", "rename", "fsync"))


def test_a_full_disk_is_an_error_that_loses_nothing_and_a_retry_succeeds(tmp_path: Path) -> None:
    namespace = apart()
    mount = 'mount -t tmpfs -o size=24m,mode=700 artfs-test "$0" && exec "$@"'
    said = answer(child("full", str(tmp_path), "24", under=[*namespace, "sh", "-c", mount, str(tmp_path)]))
    assert said["errno"] == "ENOSPC"
    assert "free some space" in str(said["message"])
    assert said["refused"] == 2
    assert said["files"] == []
    assert said["retried"] is True


def test_a_file_size_limit_is_an_error_when_part_is_written(tmp_path: Path) -> None:
    said = answer(child("limit", str(tmp_path)))
    assert said["errno"] == "EFBIG"
    assert said["size"] == PIECE
    assert said["refused"] == 2
    assert said["files"] == []


@pytest.mark.parametrize("failing", [0, 1, 2])
def test_after_a_failed_fsync_nothing_is_tried_again_and_nothing_is_left(
    place: Place, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    fsync = os.fsync
    calls = 0

    def faulty(fd: int) -> None:
        nonlocal calls
        calls += 1
        if calls == failing + 1:
            raise OSError(errno.EIO, "provoked")
        fsync(fd)

    writer = place.writer()
    append(writer, noise(1000))
    monkeypatch.setattr(os, "fsync", faulty)
    with pytest.raises(StorageError) as caught:
        writer.finish()
    assert caught.value.errno == errno.EIO
    with pytest.raises(StorageError):
        writer.finish()
    assert calls == failing + 1
    writer.abort()
    assert place.files() == []


@pytest.mark.parametrize("missing", ["tmp", "packs"])
def test_a_missing_directory_is_a_storage_error(place: Place, missing: str) -> None:
    getattr(place, missing).rmdir()
    writer = place.writer()
    digest, table = digest_and_table(b"x")
    record = encode_record(RecordKind.CHUNK, digest, table, b"x")

    def store() -> None:
        writer.append(record)
        writer.finish()

    with pytest.raises(StorageError):
        store()
    writer.abort()
