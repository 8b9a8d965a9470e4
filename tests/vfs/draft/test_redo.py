"""A log gives back what was appended, up to the first record that is not whole; nothing else ever."""

from __future__ import annotations

import errno
import os
import struct
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from artfs.errors import IntegrityError, StoreFormatError
from artfs.vfs.draft import redo
from artfs.vfs.draft.redo import RedoLog, logs

Changes = Sequence[tuple[bytes, bytes | None]]

RECORDS: list[Changes] = [
    [(b"a", b"1")],
    [(b"b", b""), (b"a", None)],
    [(b"c" * 20, b"\0" * 40), (b"d", b"\xff")],
    [(b"e", b"5")],
]
HEADER = 20


def make(directory: Path, epoch: int = 3, records: Sequence[Changes] = RECORDS) -> list[int]:
    """Make a log; where its records end."""
    log = RedoLog(directory, epoch, begin=True)
    ends = [log.end]
    for changes in records:
        log.append(changes)
        ends.append(log.end)
    log.close()
    return ends


def replayed(directory: Path, epoch: int = 3) -> tuple[list[Changes], int]:
    """What a log gives, and how much it dropped."""
    log = RedoLog(directory, epoch)
    try:
        return list(log.replay()), log.dropped
    finally:
        log.close()


def test_the_bytes_are_those_of_the_format(tmp_path: Path) -> None:
    ends = make(tmp_path, 3, RECORDS[:2])
    head = b"ATRL" + bytes([1, 0, 0, 0]) + (3).to_bytes(8, "little")
    check = zlib.crc32(head)
    expected = head + struct.pack("<I", check)
    for payload in (b"\x91\x92\xc4\x01a\xc4\x011", b"\x92\x92\xc4\x01b\xc4\x00\x92\xc4\x01a\xc0"):
        length = struct.pack("<I", len(payload))
        check = zlib.crc32(length + payload, check)
        expected += length + struct.pack("<I", check) + payload
    assert (tmp_path / "redo-3.log").read_bytes() == expected
    assert ends[-1] == len(expected)


def test_a_log_gives_back_what_was_appended_and_goes_on(tmp_path: Path) -> None:
    make(tmp_path)
    log = RedoLog(tmp_path, 3)
    assert list(log.replay()) == RECORDS
    log.append([(b"more", None)])
    log.sync()
    log.close()
    assert replayed(tmp_path) == ([*RECORDS, [(b"more", None)]], 0)


def test_a_log_cut_off_at_any_byte_gives_the_records_before_and_goes_on(tmp_path: Path) -> None:
    ends = make(tmp_path)
    whole = (tmp_path / "redo-3.log").read_bytes()
    for size in range(len(whole)):
        (tmp_path / "redo-3.log").write_bytes(whole[:size])
        log = RedoLog(tmp_path, 3)
        found = list(log.replay())
        assert found == RECORDS[: sum(size >= end for end in ends[1:])]
        assert log.is_empty == (not found)
        assert log.dropped == (size - max(end for end in ends if end <= size) if size > HEADER else 0)
        log.append(RECORDS[3])
        log.close()
        assert replayed(tmp_path) == ([*found, RECORDS[3]], 0)


def test_a_flipped_bit_at_any_place_is_never_read_as_a_change(tmp_path: Path) -> None:
    ends = make(tmp_path)
    whole = (tmp_path / "redo-3.log").read_bytes()
    for place in range(len(whole)):
        for bit in range(8):
            damaged = bytearray(whole)
            damaged[place] ^= 1 << bit
            (tmp_path / "redo-3.log").write_bytes(damaged)
            found, dropped = replayed(tmp_path)
            # The header says nothing that is not known: with it damaged, the records are still those of this log.
            before = len(RECORDS) if place < HEADER else sum(place >= end for end in ends[1:])
            assert found == RECORDS[:before]
            assert dropped == len(whole) - ends[before]
            assert (tmp_path / "redo-3.log").read_bytes() == whole[: ends[before]]


@pytest.mark.parametrize("tail", [bytes(1), bytes(8), bytes(4096), b"\xff" * 100])
def test_what_a_file_system_leaves_behind_the_end_is_cut_off(tmp_path: Path, tail: bytes) -> None:
    make(tmp_path)
    with open(tmp_path / "redo-3.log", "ab") as file:
        file.write(tail)
    assert replayed(tmp_path) == (RECORDS, len(tail))
    assert replayed(tmp_path) == (RECORDS, 0)


def test_a_record_without_a_payload_is_none_however_right_its_check(tmp_path: Path) -> None:
    make(tmp_path, 3, [])
    whole = (tmp_path / "redo-3.log").read_bytes()
    empty = struct.pack("<II", 0, zlib.crc32(bytes(4), zlib.crc32(whole[:16])))
    (tmp_path / "redo-3.log").write_bytes(whole + empty)
    assert replayed(tmp_path) == ([], 8)


def test_records_of_another_log_are_not_replayed(tmp_path: Path) -> None:
    make(tmp_path, 3)
    os.rename(tmp_path / "redo-3.log", tmp_path / "redo-4.log")
    assert replayed(tmp_path, 4)[0] == []


def test_a_record_is_not_replayed_behind_another_than_it_was_written_behind(tmp_path: Path) -> None:
    ends = make(tmp_path)
    whole = (tmp_path / "redo-3.log").read_bytes()
    other = make(tmp_path, 3, [RECORDS[0], [(b"B", b""), (b"A", None)], *RECORDS[2:]])
    assert other == ends
    changed = (tmp_path / "redo-3.log").read_bytes()
    (tmp_path / "redo-3.log").write_bytes(changed[: ends[2]] + whole[ends[2] :])
    assert replayed(tmp_path) == ([RECORDS[0], [(b"B", b""), (b"A", None)]], len(whole) - ends[2])


def test_what_was_taken_back_is_gone_and_the_log_goes_on(tmp_path: Path) -> None:
    log = RedoLog(tmp_path, 1, begin=True)
    log.append(RECORDS[0])
    mark = log.mark
    log.append(RECORDS[1])
    log.append(RECORDS[2])
    log.cut(mark)
    log.append(RECORDS[3])
    log.close()
    assert replayed(tmp_path, 1) == ([RECORDS[0], RECORDS[3]], 0)


@pytest.mark.parametrize("written", [None, 0, 5, 11])
def test_a_record_that_does_not_fit_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: int | None
) -> None:
    log = RedoLog(tmp_path, 1, begin=True)
    log.append(RECORDS[0])
    before = log.path.read_bytes()
    write = os.pwrite

    def refuse(descriptor: int, data: bytes, offset: int) -> int:
        if written is None or offset > before_size:
            raise OSError(errno.EDQUOT, "quota")
        return write(descriptor, data[:written], offset)

    before_size = len(before)
    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", refuse)
        with pytest.raises(OSError, match="Input/output error" if written == 0 else "quota"):
            log.append(RECORDS[2])
    assert log.path.read_bytes() == before
    log.append(RECORDS[3])
    log.close()
    assert replayed(tmp_path, 1) == ([RECORDS[0], RECORDS[3]], 0)


def test_on_a_full_disk_a_change_that_frees_room_is_taken_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = RedoLog(tmp_path, 1, begin=True)
    asked: list[int] = []

    def full(_descriptor: int, _offset: int, size: int) -> None:
        asked.append(size)
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(redo, "reserve", full)
    expected: list[Changes] = []

    def fill() -> None:
        while True:
            log.append(RECORDS[2])
            expected.append(RECORDS[2])

    with pytest.raises(OSError, match="full"):
        fill()
    blocks = log.path.stat().st_blocks
    assert len(asked) == 2
    assert asked[1] > 60_000
    for _ in range(20):
        log.append(RECORDS[3], frees=True)
        expected.append(RECORDS[3])
        with pytest.raises(OSError, match="full"):
            log.append(RECORDS[0])
    assert log.path.stat().st_blocks == blocks
    log.close()
    assert replayed(tmp_path, 1) == (expected, 0)


def test_a_log_keeps_no_room_where_the_file_system_cannot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def cannot(*_arguments: int) -> None:
        raise OSError(errno.EOPNOTSUPP, "cannot")

    monkeypatch.setattr(redo, "reserve", cannot)
    make(tmp_path, 1, RECORDS)
    assert replayed(tmp_path, 1) == (RECORDS, 0)


def test_a_log_that_cannot_be_begun_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_descriptor: int, _data: bytes, offset: int) -> int:
        if offset:
            raise OSError(errno.EDQUOT, "quota")
        return 3

    monkeypatch.setattr(os, "pwrite", refuse)
    with pytest.raises(OSError, match="quota"):
        RedoLog(tmp_path, 1, begin=True)
    assert list(logs(tmp_path)) == []


def test_a_log_of_a_newer_version_is_refused_and_kept(tmp_path: Path) -> None:
    make(tmp_path)
    head = b"ATRL" + bytes([2, 0, 0, 0]) + (3).to_bytes(8, "little")
    newer = head + struct.pack("<I", zlib.crc32(head)) + b"what a later version writes"
    (tmp_path / "redo-3.log").write_bytes(newer)
    with pytest.raises(StoreFormatError, match="of version 2"):
        RedoLog(tmp_path, 3)
    assert (tmp_path / "redo-3.log").read_bytes() == newer


def test_a_sound_record_that_makes_no_sense_is_damage_and_kept(tmp_path: Path) -> None:
    make(tmp_path, 3, [])
    whole = (tmp_path / "redo-3.log").read_bytes()
    payload = b"\x93\x01\x02\x03"
    length = struct.pack("<I", len(payload))
    check = struct.pack("<I", zlib.crc32(length + payload, zlib.crc32(whole[:16])))
    (tmp_path / "redo-3.log").write_bytes(whole + length + check + payload)
    with pytest.raises(IntegrityError, match=r"redo-3\.log, offset 20"):
        replayed(tmp_path)
    assert len((tmp_path / "redo-3.log").read_bytes()) == 32


def test_the_disk_is_waited_for_when_there_is_something_new_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []

    def counted(name: str) -> Callable[[int], None]:
        call = getattr(os, name)

        def calling(descriptor: int) -> None:
            synced.append(name)
            call(descriptor)

        return calling

    for name in ("fdatasync", "fsync"):
        monkeypatch.setattr(os, name, counted(name))
    log = RedoLog(tmp_path, 1, begin=True)
    log.sync()
    assert synced == []
    log.append(RECORDS[0])
    log.sync()
    log.sync()
    assert synced == ["fdatasync", "fsync"]  # of the log, then of the directory that names it
    log.append(RECORDS[1])
    log.sync()
    assert synced == ["fdatasync", "fsync", "fdatasync"]
    log.close()
