"""A log gives back what was appended, up to the first record that is not whole; nothing else ever."""

from __future__ import annotations

import errno
import os
import struct
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import pytest

from artfs.drafts.db import redo_log, redo_records
from artfs.drafts.db.redo_log import RedoLog, logs
from artfs.drafts.db.redo_records import LogDamage
from artfs.errors import IntegrityError, StoreFormatError

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


def replayed(directory: Path, epoch: int = 3) -> tuple[list[Changes | LogDamage], int]:
    """What a log gives, and how much it dropped."""
    log = RedoLog(directory, epoch)
    try:
        return list(log.replay()), log.dropped
    finally:
        log.close()


def test_the_bytes_are_those_of_the_format(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redo_records, "_this_boot", lambda: 77)
    log = RedoLog(tmp_path, 3, begin=True)
    log.append(RECORDS[0])
    log.sync()
    log.append(RECORDS[1])
    log.close()
    head = b"ATRL" + bytes([2, 0, 0, 0]) + (3).to_bytes(8, "little")
    seed = check = zlib.crc32(head)
    expected = head + struct.pack("<I", check)
    synced = 0
    for payload in (b"\x91\x92\xc4\x01a\xc4\x011", b"\x92\x92\xc4\x01b\xc4\x00\x92\xc4\x01a\xc0"):
        record = struct.pack("<4sIIIQ", b"ATRR", len(payload), check, 77, synced)
        check = zlib.crc32(struct.pack("<Q", len(expected)) + record + payload, seed)
        expected += record + struct.pack("<I", check) + payload
        synced = len(expected)
    assert (tmp_path / "redo-3.log").read_bytes() == expected


def test_a_log_of_version_1_is_replayed_and_continued_as_it_is(tmp_path: Path) -> None:
    make_first(tmp_path, RECORDS[:2])
    log = RedoLog(tmp_path, 3)
    assert list(log.replay()) == RECORDS[:2]
    log.append(RECORDS[2])
    log.close()
    continued = (tmp_path / "redo-3.log").read_bytes()
    make_first(tmp_path, RECORDS[:3])
    assert (tmp_path / "redo-3.log").read_bytes() == continued
    for at in range(HEADER):  # all of the header is known
        damaged = bytearray(continued)
        damaged[at] ^= 8
        (tmp_path / "redo-3.log").write_bytes(damaged)
        assert replayed(tmp_path) == ([LogDamage(0, HEADER), *RECORDS[:3]], 0)
        assert (tmp_path / "redo-3.log").read_bytes() == continued


def make_first(directory: Path, records: Sequence[Changes]) -> None:
    """Make a log of version 1."""
    head = b"ATRL" + bytes([1, 0, 0, 0]) + (3).to_bytes(8, "little")
    check = zlib.crc32(head)
    data = head + struct.pack("<I", check)
    for changes in records:
        payload = msgspec.msgpack.encode(changes)
        length = struct.pack("<I", len(payload))
        check = zlib.crc32(length + payload, check)
        data += length + struct.pack("<I", check) + payload
    (directory / "redo-3.log").write_bytes(data)


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
    """It costs the record that it is in, and is reported if another follows."""
    ends = make(tmp_path)
    whole = (tmp_path / "redo-3.log").read_bytes()
    for place in range(len(whole)):
        for bit in range(8):
            damaged = bytearray(whole)
            damaged[place] ^= 1 << bit
            (tmp_path / "redo-3.log").write_bytes(damaged)
            found, dropped = replayed(tmp_path)
            hit = sum(place >= end for end in ends) - 1
            if hit < 0:  # the header says nothing that is not known
                assert (found, dropped) == ([LogDamage(0, HEADER), *RECORDS], 0)
            elif hit == len(RECORDS) - 1:
                assert (found, dropped) == (RECORDS[:-1], len(whole) - ends[-2])
            else:
                assert found == [*RECORDS[:hit], LogDamage(ends[hit], ends[hit + 1]), *RECORDS[hit + 1 :]]
                assert dropped == 0


@pytest.mark.parametrize(("synced", "same_boot"), [(True, False), (False, True), (False, False)])
def test_a_hole_is_damage_if_no_power_cut_can_have_made_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, synced: bool, same_boot: bool
) -> None:
    log = RedoLog(tmp_path, 3, begin=True)
    ends = []
    for changes in RECORDS:
        log.append(changes)
        ends.append(log.end)
        if synced and changes is RECORDS[2]:
            log.sync()
    log.close()
    with open(tmp_path / "redo-3.log", "r+b") as file:
        file.seek(ends[0])
        file.write(bytes(ends[1] - ends[0]))
    if not same_boot:
        monkeypatch.setattr(redo_records, "_this_boot", lambda: 1)
    if synced or same_boot:
        assert replayed(tmp_path) == ([RECORDS[0], LogDamage(ends[0], ends[1]), *RECORDS[2:]], 0)
    else:
        assert replayed(tmp_path) == ([RECORDS[0]], ends[3] - ends[0])


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
    (tmp_path / "redo-3.log").write_bytes(whole + sealed(whole, b""))
    assert replayed(tmp_path) == ([], 28)


def sealed(whole: bytes, payload: bytes) -> bytes:
    """A record with a right check, for the first place in a log."""
    seed = zlib.crc32(whole[:16])
    record = struct.pack("<4sIIIQ", b"ATRR", len(payload), seed, 0, 0)
    check = zlib.crc32(struct.pack("<Q", HEADER) + record + payload, seed)
    return record + struct.pack("<I", check) + payload


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
    position = log.position
    log.append(RECORDS[1])
    log.append(RECORDS[2])
    log.truncate_to(position)
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

    monkeypatch.setattr(redo_log, "preallocate", full)
    expected: list[Changes] = []

    def fill() -> None:
        while True:
            log.append(RECORDS[0])
            expected.append(RECORDS[0])

    with pytest.raises(OSError, match="full"):
        fill()
    blocks = log.path.stat().st_blocks
    assert len(asked) == 2
    assert asked[1] > 60_000
    for _ in range(20):
        log.append(RECORDS[3], releases_space=True)
        expected.append(RECORDS[3])
        with pytest.raises(OSError, match="full"):
            log.append(RECORDS[0])
    assert log.path.stat().st_blocks == blocks
    log.close()
    assert replayed(tmp_path, 1) == (expected, 0)


def test_a_log_keeps_no_room_where_the_file_system_cannot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def cannot(*_arguments: int) -> None:
        raise OSError(errno.EOPNOTSUPP, "cannot")

    monkeypatch.setattr(redo_log, "preallocate", cannot)
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
    head = b"ATRL" + bytes([3, 0, 0, 0]) + (3).to_bytes(8, "little")
    newer = head + struct.pack("<I", zlib.crc32(head)) + b"what a later version writes"
    (tmp_path / "redo-3.log").write_bytes(newer)
    with pytest.raises(StoreFormatError, match="of version 3"):
        RedoLog(tmp_path, 3)
    assert (tmp_path / "redo-3.log").read_bytes() == newer


def test_a_sound_record_that_makes_no_sense_is_damage_and_kept(tmp_path: Path) -> None:
    make(tmp_path, 3, [])
    whole = (tmp_path / "redo-3.log").read_bytes()
    (tmp_path / "redo-3.log").write_bytes(whole + sealed(whole, b"\x93\x01\x02\x03"))
    with pytest.raises(IntegrityError, match=r"redo-3\.log, offset 20"):
        replayed(tmp_path)
    assert len((tmp_path / "redo-3.log").read_bytes()) == 52


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
