"""Every journal keeps the same contract: in files, in files that roll often, in memory, and in objects that fail."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from artfs.catalog import Journal, LocalJournal, journal
from artfs.catalog.journal import JournalConflictError, Position
from artfs.catalog.remote_journal import RemoteJournal
from artfs.errors import IntegrityError
from artfs.format.journal import encode_record
from artfs.remotes import CommitLog
from tests.support.data.catalogs import STORE_ID
from tests.support.faults.faultyremote import FaultyRemote
from tests.support.models.memoryjournal import MemoryJournal, RacedJournal
from tests.support.models.memoryremote import MemoryRemote

START = Position.start(STORE_ID)


@pytest.fixture(params=["local", "rolling", "memory", "raced", "remote"])
def opened(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Journal]:
    if request.param == "rolling":
        monkeypatch.setattr(journal, "SEGMENT_SIZE", 300)
    if request.param == "remote":
        remote = FaultyRemote(MemoryRemote(), random.Random(7), lost=0.3, conflicts=0.2, unavailable=0.2)
        with RemoteJournal(CommitLog(remote, sleep=lambda _seconds: None), tmp_path, STORE_ID) as journal_of_objects:
            yield journal_of_objects
        return
    if request.param in {"local", "rolling"}:
        with LocalJournal(tmp_path) as local:
            yield local
        return
    memory = MemoryJournal(STORE_ID)
    yield memory if request.param == "memory" else RacedJournal(memory, lambda: None)


def record_at(position: Position, body: bytes = b"body") -> bytes:
    return encode_record(position.seq + 1, position.head, body)[0]


def fill(opened: Journal, count: int, position: Position = START) -> list[Position]:
    """Append records; the positions before, between and after them."""
    positions = [position]
    for number in range(count):
        record = record_at(positions[-1], b"%d" % number)
        opened.append(positions[-1], record)
        positions.append(positions[-1].after(record))
    return positions


def test_a_journal_is_empty_until_a_record_is_appended(opened: Journal) -> None:
    assert opened.is_empty()
    assert not opened.has_more(START)
    assert list(opened.read(START)) == list(opened.read_durable(START)) == []
    fill(opened, 1)
    assert not opened.is_empty()
    assert opened.has_more(START)


def test_records_are_read_in_order_from_any_position(opened: Journal) -> None:
    positions = fill(opened, 9)
    for seq, position in enumerate(positions):
        for read in (opened.read, opened.read_durable):
            found = list(read(position))
            assert [record.body for record, _after in found] == [b"%d" % number for number in range(seq, 9)]
            assert [after for _record, after in found] == positions[seq + 1 :]
        assert opened.has_more(position) is (seq < 9)


def test_a_seek_finds_a_position_from_which_the_next_record_is_read(opened: Journal) -> None:
    fill(opened, 9)
    for after_seq in range(10):
        position = opened.seek(after_seq, START)
        assert position.seq <= after_seq
        seqs = [record.seq for record, _after in opened.read(position) if record.seq > after_seq]
        assert seqs == list(range(after_seq + 1, 10))


def test_an_append_anywhere_but_at_the_end_conflicts_and_writes_nothing(opened: Journal) -> None:
    positions = fill(opened, 4)
    for position in positions[:-1]:
        with pytest.raises(JournalConflictError):
            opened.append(position, record_at(position, b"another"))
    assert [record.body for record, _after in opened.read(START)] == [b"0", b"1", b"2", b"3"]
    fill(opened, 1, positions[-1])


def test_an_append_to_another_history_of_the_same_length_is_refused(opened: Journal) -> None:
    end = fill(opened, 3)[-1]
    other = Position(end.segment, end.length, end.seq, bytes(32))
    with pytest.raises((JournalConflictError, IntegrityError)):
        opened.append(other, record_at(other))
    assert not opened.has_more(end)


def test_a_position_beyond_the_end_is_damage(opened: Journal) -> None:
    end = fill(opened, 2)[-1]
    with pytest.raises(IntegrityError):
        opened.has_more(end.after(record_at(end)))
    with pytest.raises(IntegrityError):
        opened.append(end.after(record_at(end)), b"")


def test_of_writers_that_append_at_one_position_exactly_one_wins(opened: Journal) -> None:
    end = START
    for _round in range(10):
        barrier = threading.Barrier(4)
        won: list[bytes] = []
        lost: list[bytes] = []
        threads = [threading.Thread(target=_race, args=(opened, end, n, barrier, won, lost)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (len(won), len(lost)) == (1, 3)
        [(record, after)] = opened.read(end)
        assert record.body == won[0]
        end = after


def _race(
    opened: Journal, end: Position, number: int, barrier: threading.Barrier, won: list[bytes], lost: list[bytes]
) -> None:
    body = b"of writer %d" % number
    barrier.wait()
    try:
        opened.append(end, record_at(end, body))
    except JournalConflictError:
        lost.append(body)
    else:
        won.append(body)


def test_the_one_that_keeps_others_from_appending_may_append(opened: Journal) -> None:
    with opened.exclusive(), opened.exclusive():
        [_start, end] = fill(opened, 1)
    fill(opened, 1, end)
    assert opened.has_more(end)


def test_a_conflict_can_be_injected() -> None:
    memory = MemoryJournal(STORE_ID)
    rival: Callable[[], object] = lambda: memory.append(START, record_at(START, b"rival"))  # noqa: E731
    raced = RacedJournal(memory, rival)
    raced.armed = 1
    with pytest.raises(JournalConflictError):
        raced.append(START, record_at(START))
    assert raced.conflicts == 1
    assert [record.body for record, _after in memory.read(START)] == [b"rival"]
