"""A history that is not as it was written is found, and the record named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from artfs.catalog import Catalog, IndexEnvironment, LocalJournal
from artfs.catalog.check import verify_chain
from artfs.errors import IntegrityError
from artfs.format.journal import SEGMENT_HEADER_SIZE, RawRecord, encode_record, parse_record
from tests.support.data.catalogs import STORE_ID, CatalogPlace, log, rebuilt_from

RECORDS = 5


@pytest.fixture
def segment(place: CatalogPlace) -> Path:
    """The one segment of a journal of a few records."""
    with place.open() as catalog:
        for number in range(RECORDS):
            log(catalog, contents=str(number))
    [path] = place.segments
    return path


def records(segment: Path) -> list[RawRecord]:
    data, at, found = segment.read_bytes(), SEGMENT_HEADER_SIZE, []
    while at < len(data):
        record = parse_record(data, at)
        assert record is not None
        found.append(record)
        at += record.size
    return found


def encoded(record: RawRecord, body: bytes | None = None) -> bytes:
    return encode_record(record.seq, record.previous, record.body if body is None else body)[0]


def test_the_check_of_a_whole_history_returns_its_length_and_last_hash(place: CatalogPlace, segment: Path) -> None:
    with place.open() as catalog:
        assert verify_chain(catalog) == (RECORDS, records(segment)[-1].hash)
        for record in records(segment):
            verify_chain(catalog, record.hash)


@pytest.mark.parametrize("mask", [0x01, 0x80, 0xFF])
def test_each_byte_that_is_flipped_is_found_and_its_record_named(place: CatalogPlace, segment: Path, mask: int) -> None:
    data = segment.read_bytes()
    ends, end = [], SEGMENT_HEADER_SIZE
    for record in records(segment):
        end += record.size
        ends.append(end)
    with place.open() as catalog:
        for offset in range(len(data)):
            segment.write_bytes(data[:offset] + bytes([data[offset] ^ mask]) + data[offset + 1 :])
            before = sum(end <= offset for end in ends)
            with pytest.raises(IntegrityError, match=rf"after record {before}:|stands at record {RECORDS},"):
                verify_chain(catalog)
        segment.write_bytes(data)
        verify_chain(catalog)


def _edited(found: list[RawRecord], which: int) -> list[bytes]:
    """Another body under a hash that is right for it, by someone who knows the format."""
    raw = [encoded(record) for record in found]
    raw[which] = encoded(found[which], found[which].body.replace(b"ann", b"eve"))
    return raw


TAMPERED: dict[str, tuple[Callable[[list[RawRecord]], list[bytes]], str]] = {
    "edited": (lambda found: _edited(found, 1), "record 3 does not follow"),
    "the last edited": (lambda found: _edited(found, -1), "stands at record 5"),
    "dropped": (lambda found: [encoded(r) for r in found if r.seq != 3], "record 4 does not follow"),
    "the first dropped": (lambda found: [encoded(r) for r in found[1:]], "record 2 does not follow"),
    "reordered": (lambda found: [encoded(found[n]) for n in (0, 2, 1, 3, 4)], "record 3 does not follow"),
    "written twice": (lambda found: [encoded(found[n]) for n in (0, 1, 1, 2, 3, 4)], "record 2 does not follow"),
}


@pytest.mark.parametrize(("tamper", "message"), TAMPERED.values(), ids=TAMPERED)
def test_a_record_that_was_edited_dropped_or_moved_is_named(
    place: CatalogPlace, segment: Path, tamper: Callable[[list[RawRecord]], list[bytes]], message: str
) -> None:
    data = segment.read_bytes()
    raw = b"".join(tamper(records(segment)))
    with place.open() as catalog:
        segment.write_bytes(data[:SEGMENT_HEADER_SIZE] + raw)
        with pytest.raises(IntegrityError, match=message):
            verify_chain(catalog)


def test_last_records_that_are_cut_off_are_missed_by_the_index(place: CatalogPlace, segment: Path) -> None:
    data, last = segment.read_bytes(), records(segment)[-1]
    with place.open() as catalog:
        segment.write_bytes(data[: -last.size])
        with pytest.raises(IntegrityError, match="stands at record 5"):
            verify_chain(catalog)
    with pytest.raises(IntegrityError, match="cut off or missing"):
        place.open()


def test_a_history_that_was_cut_off_with_its_index_is_found_by_a_hash_that_was_kept(
    place: CatalogPlace, segment: Path, tmp_path: Path
) -> None:
    kept = records(segment)[-1]
    segment.write_bytes(segment.read_bytes()[: -kept.size])
    with IndexEnvironment.open(tmp_path / "index", create=True) as index:
        rebuilt_from(place.journal, index)
    with Catalog.open(IndexEnvironment.open(tmp_path / "index"), LocalJournal(place.journal), STORE_ID) as catalog:
        assert verify_chain(catalog)[0] == RECORDS - 1  # the journal alone cannot reveal it
        with pytest.raises(IntegrityError, match="no record has the hash"):
            verify_chain(catalog, kept.hash)
