"""The journal on disk: torn tails are cut, damage is found and located, and nothing of it is passed over."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from artfs.catalog import Catalog, LocalJournal, journal
from artfs.catalog.journal import JournalConflictError, Position
from artfs.errors import IntegrityError
from artfs.format.journal import (
    SEGMENT_HEADER_SIZE,
    decode_segment_header,
    encode_record,
    encode_segment_header,
    parse_record,
)
from tests.support.data.catalogs import STORE_ID, CatalogPlace, check, log
from tests.support.mounts.mounts import ROOT
from tests.support.schedules import Rival, once


@pytest.fixture
def small_segments(monkeypatch: pytest.MonkeyPatch) -> None:
    """Segments that are full after two or three records."""
    monkeypatch.setattr(journal, "SEGMENT_SIZE", 1300)


def fill(place: CatalogPlace, count: int) -> None:
    with place.open() as catalog:
        for number in range(count):
            log(catalog, contents=str(number), description="x" * 200)


def indexes(catalog: Catalog) -> list[int]:
    with catalog.view() as view:
        artifact = view.artifact_by_name("animals")
        return [] if artifact is None else [version.index for version in view.versions(artifact.serial)]


def record_starts(segment: bytes) -> list[int]:
    starts = [SEGMENT_HEADER_SIZE]
    while starts[-1] < len(segment):
        record = parse_record(segment, starts[-1])
        assert record is not None
        starts.append(starts[-1] + record.size)
    return starts


@pytest.mark.usefixtures("small_segments")
def test_the_journal_rolls_to_a_new_segment_named_by_its_first_record(place: CatalogPlace) -> None:
    fill(place, 12)
    names = [path.name for path in place.segments]
    assert len(names) > 3
    assert names[0] == f"{1:016d}.journal"
    for path in place.segments:
        first = parse_record(path.read_bytes(), SEGMENT_HEADER_SIZE)
        assert first is not None
        assert path.name == f"{first.seq:016d}.journal"
    with place.open() as catalog:
        assert [record.seq for record in catalog.history()] == list(range(1, 13))
        for after in range(13):
            assert [record.seq for record in catalog.history(after)] == list(range(after + 1, 13))
        assert check(catalog) == []


@pytest.mark.parametrize("torn", ["cut", "zeros", "half a head"])
@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_torn_tail_is_cut_off(place: CatalogPlace, torn: str, count: int) -> None:
    fill(place, count)
    with place.open() as catalog, catalog.view() as view:
        state = view.state()
    if not place.segments:
        with LocalJournal(place.journal) as opened:
            opened.append(Position.start(STORE_ID), b"")
    tail = {
        "cut": encode_record(state.seq + 1, state.head, bytes(300))[0][:-1],
        "zeros": bytes(700),
        "half a head": encode_record(state.seq + 1, state.head, b"")[0][:30],
    }[torn]
    size = place.segments[-1].stat().st_size
    with place.segments[-1].open("ab") as file:
        file.write(tail)
    with place.open() as catalog:
        assert place.segments[-1].stat().st_size == size
        assert indexes(catalog) == list(range(count))
        assert log(catalog).version.index == count
        assert check(catalog) == []


def test_a_torn_tail_that_the_index_has_applied_is_damage(place: CatalogPlace) -> None:
    fill(place, 2)
    (segment,) = place.segments
    torn = segment.read_bytes()[:-1]
    segment.write_bytes(torn)
    with pytest.raises(IntegrityError, match="cut off or missing: the index knows"):
        place.open()
    assert segment.read_bytes() == torn


def test_a_journal_that_is_gone_is_noticed(place: CatalogPlace) -> None:
    fill(place, 2)
    place.segments[0].unlink()
    with pytest.raises(IntegrityError, match="cut off or missing"):
        place.open()


def test_garbage_after_the_last_record_is_damage_and_stays_where_it_is(place: CatalogPlace) -> None:
    fill(place, 2)
    (segment,) = place.segments
    segment.write_bytes(segment.read_bytes() + b"garbage" * 30)
    size = segment.stat().st_size
    with pytest.raises(IntegrityError, match=rf"{segment.name}, offset {size - 210}, after record 2"):
        place.open()
    assert segment.stat().st_size == size


def test_a_damaged_record_that_the_index_has_not_applied_is_never_applied(place: CatalogPlace) -> None:
    fill(place, 2)
    index = place.data.read_bytes()
    fill(place, 1)
    (segment,) = place.segments
    raw = bytearray(segment.read_bytes())
    raw[record_starts(bytes(raw))[2] + 100] ^= 4
    segment.write_bytes(raw)
    place.data.write_bytes(index)
    with pytest.raises(IntegrityError, match=r"journal record damaged: .* after record 2"):
        place.open()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(data=st.data())
def test_a_flipped_bit_anywhere_in_the_journal_is_found_and_located(place: CatalogPlace, data: st.DataObject) -> None:
    if not place.segments:
        fill(place, 4)
    (segment,) = place.segments
    sound = segment.read_bytes()
    starts = record_starts(sound)
    bit = data.draw(st.integers(0, 8 * len(sound) - 1))
    damaged = bytearray(sound)
    damaged[bit // 8] ^= 1 << bit % 8
    segment.write_bytes(damaged)
    try:
        before = sum(start <= bit // 8 for start in starts[1:])
        with place.open() as catalog:
            findings = check(catalog)
            assert [finding.invariant for finding in findings] == ["J5" if bit // 8 >= 64 else "J1"]
            assert f"after record {before}" in findings[0].message
            with pytest.raises(IntegrityError):
                list(catalog.history())
    finally:
        segment.write_bytes(sound)


@pytest.mark.usefixtures("small_segments")
def test_a_missing_segment_is_found(place: CatalogPlace) -> None:
    fill(place, 12)
    place.segments[1].unlink()
    with place.open() as catalog:
        (finding,) = check(catalog)
    assert finding.invariant == "J3"
    assert "breaks off after record" in finding.message


@pytest.mark.usefixtures("small_segments")
def test_a_segment_cut_off_in_the_middle_of_the_journal_is_found(place: CatalogPlace) -> None:
    fill(place, 12)
    victim = place.segments[1]
    victim.write_bytes(victim.read_bytes()[:-40])
    with place.open() as catalog:
        (finding,) = check(catalog)
    assert "breaks off after record" in finding.message


@pytest.mark.usefixtures("small_segments")
def test_records_of_another_place_in_the_chain_are_found(place: CatalogPlace) -> None:
    fill(place, 12)
    first, second = place.segments[1:3]
    second.write_bytes(second.read_bytes()[:SEGMENT_HEADER_SIZE] + first.read_bytes()[SEGMENT_HEADER_SIZE:])
    with place.open() as catalog:
        (finding,) = check(catalog)
    assert "does not follow the one before" in finding.message


@pytest.mark.usefixtures("small_segments")
@pytest.mark.parametrize("wrong", ["first seq", "previous hash"])
def test_a_header_of_another_place_in_the_chain_is_found(place: CatalogPlace, wrong: str) -> None:
    fill(place, 12)
    second = place.segments[1]
    raw = second.read_bytes()
    header = decode_segment_header(raw)
    other = (
        encode_segment_header(header.first_seq + 1, header.previous)
        if wrong == "first seq"
        else encode_segment_header(header.first_seq, bytes(32))
    )
    second.write_bytes(other + raw[SEGMENT_HEADER_SIZE:])
    with place.open() as catalog:
        (finding,) = check(catalog)
    assert finding.invariant == ("J1" if wrong == "first seq" else "J2")


@pytest.mark.usefixtures("small_segments")
def test_a_segment_that_got_no_record_is_used_by_the_next_writer(place: CatalogPlace) -> None:
    fill(place, 3)
    with place.open() as catalog, catalog.view() as view:
        state = view.state()
    assert state.segment_length >= journal.SEGMENT_SIZE
    with LocalJournal(place.journal) as opened:
        opened.append(state.position, b"")
    assert place.segments[-1].stat().st_size == SEGMENT_HEADER_SIZE
    with place.segments[-1].open("ab") as file:
        file.write(b"JR01torn")
    fill(place, 1)
    with place.open() as catalog:
        assert indexes(catalog) == [0, 1, 2, 3]
        assert check(catalog) == []


def test_the_journal_of_another_store_is_not_applied(place: CatalogPlace) -> None:
    fill(place, 1)
    with pytest.raises(IntegrityError, match="does not follow the one before"):
        list(LocalJournal(place.journal).read(Position.start(b"another store id")))


def test_files_of_other_names_in_the_journal_directory_are_left_alone(place: CatalogPlace) -> None:
    for name in ("new", "notes.txt", "x.journal"):
        (place.journal / name).write_bytes(b"x")
    fill(place, 2)
    with place.open() as catalog:
        assert indexes(catalog) == [0, 1]
    assert (place.journal / "notes.txt").read_bytes() == b"x"


_APPEND = """
import sys
from pathlib import Path
from artfs.catalog import LocalJournal
from artfs.catalog.journal import JournalConflictError, Position
from artfs.format.journal import encode_record
journal, end, lost = LocalJournal(Path(sys.argv[1])), Position.start(bytes.fromhex(sys.argv[2])), 0
sys.stdin.read(1)
for number in range(10):
    while True:
        record = encode_record(end.seq + 1, end.head, f"{sys.argv[3]}.{number}".encode())[0]
        try:
            journal.append(end, record)
        except JournalConflictError:
            lost += 1
            for _record, end in journal.read_durable(end):
                pass
        else:
            end = end.after(record)
            break
print(lost)
"""


def test_processes_that_append_at_once_write_each_record_once(place: CatalogPlace) -> None:
    line = [sys.executable, "-c", _APPEND, str(place.journal), STORE_ID.hex()]
    processes = [
        subprocess.Popen([*line, name], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for name in "abc"
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("!")
        process.stdin.flush()
    lost = [int(process.communicate(timeout=60)[0]) for process in processes]
    assert sum(lost) > 0, "they did not race"
    bodies = [record.body.decode() for record, _after in LocalJournal(place.journal).read(Position.start(STORE_ID))]
    assert sorted(bodies) == sorted(f"{name}.{number}" for name in "abc" for number in range(10))
    for name in "abc":
        assert [body for body in bodies if body[0] == name] == [f"{name}.{number}" for number in range(10)]


@pytest.fixture
def shared(place: CatalogPlace, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[LocalJournal, Rival[None]]]:
    """A journal that two threads share, and the other thread."""
    rival: Rival[None] = Rival()
    with monkeypatch.context() as patch:
        patch.setattr("artfs.catalog.file_lock.threading.RLock", rival.rlock)
        journal = LocalJournal(place.journal)
    with journal:
        yield journal, rival


def test_of_two_threads_that_both_see_the_end_of_the_journal_one_appends(
    shared: tuple[LocalJournal, Rival[None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    journal, rival = shared
    end = Position.start(STORE_ID)
    first, second = (encode_record(1, end.head, body)[0] for body in (b"first", b"second"))
    meanwhile = once(lambda: rival.meanwhile(lambda: journal.append(end, second)), LocalJournal.has_more, after=True)
    monkeypatch.setattr(LocalJournal, "has_more", meanwhile)
    journal.append(end, first)
    with pytest.raises(JournalConflictError):
        rival.result()
    assert [record.body for record, _after in journal.read(end)] == [b"first"]


def test_a_thread_that_keeps_others_from_appending_keeps_threads_of_its_process_from_it_too(
    shared: tuple[LocalJournal, Rival[None]],
) -> None:
    journal, rival = shared
    end = Position.start(STORE_ID)
    with journal.exclusive():
        rival.meanwhile(lambda: journal.append(end, encode_record(1, end.head, b"body")[0]))
        assert journal.is_empty()
    rival.result()
    assert not journal.is_empty()
