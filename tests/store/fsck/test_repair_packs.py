"""A repair saves what is sound in damaged packs, sets these aside, and says exactly which paths have lost something."""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path

import pytest

from artfs.catalog import Actor, NewVersion
from artfs.chunks.pack_storage import LocalPackStorage, pack_name
from artfs.chunks.recover import read_footer
from artfs.chunks.writer import PackWriter, encode_record
from artfs.drafts.gc_roots import collect_store
from artfs.format.digest import digest, digest_and_table
from artfs.format.pack import HEAD_SIZE, PackKind, RecordKind, stored_table_size
from artfs.names import parse_entry_path, parse_ref
from artfs.store import Store, open_store, root_entry
from artfs.store.fsck import Affected, Part, fsck
from artfs.store.pack_inventory import list_packs, pack_contents
from artfs.store.read.extract import extract
from artfs.store.write import statcache
from tests.support.data.checked import assert_clean, invariants
from tests.support.data.packs import opened, pack_paths
from tests.support.data.trees import snapshot

WHO = Actor("ann", "lab", 4711, None)
FILES = {
    "same": random.Random(1).randbytes(40_000),
    "small": b"tom,cat\n" * 20,
    "long": random.Random(2).randbytes(3_000_000),
    "deep/text": b"".join(b"%d,%d\n" % (number, number * number) for number in range(9_000)),
}


def _make(top: Path, **more: bytes) -> Path:
    (top / "deep").mkdir(parents=True)
    for name, data in (FILES | more).items():
        (top / name).write_bytes(data)
    return top


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A store with two versions of `animals` that share all but one file, and with `plants`, which shares nothing."""
    plants = tmp_path / "plants"
    plants.mkdir()
    (plants / "oak").write_bytes(random.Random(3).randbytes(50_000))
    with open_store(tmp_path / "store", create=True) as store:
        store.put([_make(tmp_path / "v0")], NewVersion(name="animals"))
        store.put([_make(tmp_path / "v1", same=b"another")], NewVersion(name="animals"))
        store.put([plants], NewVersion(name="plants"))
    return tmp_path / "store"


def _damage(place: Path, name: str) -> Path:
    """Flip a bit in the first chunk of a file of `animals:v0`; its pack."""
    with open_store(place) as store:
        return _damage_opened(store, name)


def _damage_opened(store: Store, name: str) -> Path:
    entry = store.entry(store.version(parse_ref("animals:v0")), parse_entry_path(name))
    _start, _length, chunk = store.pages.piece_at(entry, 0)
    where = store.locate(chunk)
    assert where is not None
    pack = store.path / pack_name(where.pack)
    _flip(pack, where.offset + HEAD_SIZE + stored_table_size(where.codec, where.plain_len) + where.stored_len // 2)
    return pack


def _flip(path: Path, offset: int) -> None:
    raw = bytearray(path.read_bytes())
    raw[offset] ^= 1
    path.write_bytes(raw)


def _packs(place: Path, kind: PackKind) -> list[Path]:
    storage = LocalPackStorage(place)
    return [place / pack_name(pack) for pack in list_packs(storage) if pack_contents(storage, pack).row.kind == kind]


def _files(place: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in place.rglob("*") if path.is_file() and path.name != "lock.mdb"}


def _extracted(place: Path, ref: str, to: Path) -> Path:
    shutil.rmtree(to, ignore_errors=True)
    with open_store(place) as store:
        extract(store, root_entry(store.version(parse_ref(ref))), to)
    return to


def test_a_repair_lists_exactly_the_paths_that_lost_something_and_the_rest_is_whole(
    place: Path, tmp_path: Path
) -> None:
    pack = _damage(place, "same")
    damaged = pack.read_bytes()
    report = fsck(place, read_data=True, repair=True)
    assert report.affected == (Affected("animals:v0", b"same"),)
    assert {(finding.invariant, finding.part) for finding in report.findings} == {("C10", Part.TREE)}
    assert {finding.invariant for finding in report.repaired} == {"P6"}
    (kept,) = report.quarantined
    assert (kept.pack, kept.lost) == (str(pack.relative_to(place)), 1)
    assert (place / kept.kept).read_bytes() == damaged
    assert not pack.exists()
    assert digest(FILES["same"]).hex() in (place / kept.kept).with_suffix(".txt").read_text()
    for ref, source in (("animals:v1", "v1"), ("plants", "plants")):
        assert snapshot(_extracted(place, ref, tmp_path / "out")) == snapshot(tmp_path / source)
    with open_store(place) as store:
        version = store.version(parse_ref("animals:v0"))
        for name in FILES.keys() - {"same"}:
            entry = store.entry(version, parse_entry_path(name))
            assert bytes(store.content.read(entry, 0, entry.size)) == FILES[name]


def test_a_second_repair_changes_nothing_and_lists_the_same_paths(place: Path) -> None:
    _damage(place, "long")
    first = fsck(place, read_data=True, repair=True)
    before = _files(place)
    second = fsck(place, read_data=True, repair=True)
    assert _files(place) == before
    assert (second.findings, second.affected) == (first.findings, first.affected)
    assert first.affected == (Affected("animals:v0", b"long"), Affected("animals:v1", b"long"))
    assert (second.repaired, second.quarantined, second.rebuilt) == ((), (), None)


@pytest.mark.parametrize("name", FILES)
def test_storing_the_same_contents_again_makes_every_version_whole(place: Path, tmp_path: Path, name: str) -> None:
    _damage(place, name)
    assert fsck(place, read_data=True, repair=True).affected
    with open_store(place) as store:
        (tmp_path / "again").write_bytes(FILES[name])
        store.put([tmp_path / "again"], NewVersion(name="other"))
    assert_clean(place)
    for version in ("v0", "v1"):
        assert snapshot(_extracted(place, f"animals:{version}", tmp_path / "out")) == snapshot(tmp_path / version)


def test_a_file_that_the_store_remembers_as_unchanged_is_stored_again_all_the_same(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statcache, "_RACY_NS", -1_000_000_000)
    with open_store(place) as store:
        store.put([tmp_path / "v0"], NewVersion(name="animals"))
        _damage_opened(store, "long")
        assert fsck(place, read_data=True, repair=True).affected
        store.put([tmp_path / "v0"], NewVersion(name="animals"))
    assert_clean(place)


def test_what_is_damaged_beside_the_data_loses_nothing(place: Path, tmp_path: Path) -> None:
    """Heads, footers and trailers of every pack."""
    for pack in pack_paths(place):
        _flip(pack, 64 + 20)
        _flip(pack, pack.stat().st_size - 3)
    report = fsck(place, repair=True)
    assert report.clean
    assert {"P4", "P9"} <= {finding.invariant for finding in report.repaired}
    assert sum(pack.lost for pack in report.quarantined) == 0
    assert_clean(place)
    for version in ("v0", "v1"):
        assert snapshot(_extracted(place, f"animals:{version}", tmp_path / "out")) == snapshot(tmp_path / version)


@pytest.mark.parametrize("missing", [False, True], ids=["damaged", "missing"])
def test_node_packs_are_made_again_from_the_index(place: Path, missing: bool) -> None:
    for pack in _packs(place, PackKind.NODES):
        if missing:
            pack.unlink()
        else:
            _flip(pack, 64 + HEAD_SIZE + 10)
    report = fsck(place, repair=True)
    assert report.clean
    assert report.rebuilt is None
    assert_clean(place)
    shutil.rmtree(place / "index")
    assert fsck(place, repair=True).clean


def test_nodes_that_are_lost_with_the_index_are_listed_and_come_back_when_they_are_stored_again(
    place: Path, tmp_path: Path
) -> None:
    with open_store(place) as store:
        deep = store.entry(store.version(parse_ref("animals:v0")), (b"deep",)).node
    for pack in _packs(place, PackKind.NODES):
        for entry in read_footer(opened(pack)):
            if entry.digest == deep:
                _flip(pack, entry.location.offset + HEAD_SIZE + 3)
    shutil.rmtree(place / "index")
    report = fsck(place, repair=True)
    assert report.affected == (Affected("animals:v0", b"deep/"),)  # the other has other times
    assert len(report.quarantined) == 1
    again = fsck(place, repair=True)
    assert (again.affected, again.repaired, again.quarantined, again.rebuilt) == (report.affected, (), (), None)
    with open_store(place) as store:
        store.put([tmp_path / "v0"], NewVersion(name="animals"))
    assert_clean(place)


def test_a_chunk_that_another_pack_has_too_is_not_lost(place: Path) -> None:
    plain = FILES["same"]
    with PackWriter(LocalPackStorage(place), place / "tmp", PackKind.DATA) as writer:
        writer.append(encode_record(RecordKind.CHUNK, *digest_and_table(plain), plain))
        writer.finish()
    _damage(place, "same")
    assert fsck(place, read_data=True, repair=True).clean
    assert_clean(place)


def test_damage_to_a_copy_that_is_not_read_affects_no_path(place: Path) -> None:
    plain = FILES["same"]
    with PackWriter(LocalPackStorage(place), place / "tmp", PackKind.DATA) as writer:
        writer.append(encode_record(RecordKind.CHUNK, *digest_and_table(plain), plain))
        (copy,) = writer.finish()
    _flip(place / pack_name(copy.pack), 64 + HEAD_SIZE + 1000)
    report = fsck(place, read_data=True)
    assert invariants(report) & {"P5", "P6"}
    assert report.affected == ()


def test_a_missing_pack_is_given_up_and_comes_back_when_it_is_put_back_whatever_gc_does(place: Path) -> None:
    pack = _damage(place, "same")
    _damage(place, "same")  # the same bit: it is sound again
    aside = place.with_name("aside")
    pack.rename(aside)
    report = fsck(place, repair=True)
    assert {finding.part for finding in report.findings} == {Part.TREE}
    assert {affected.ref for affected in report.affected} == {"animals:v0", "animals:v1"}
    aside.rename(pack)
    with open_store(place) as store:
        collect_store(store, WHO, timeout=0)
    assert invariants(fsck(place)) == {"C10"}
    assert fsck(place, repair=True).clean
    assert_clean(place)


def test_nothing_is_given_up_while_the_whole_directory_of_packs_is_missing(place: Path) -> None:
    aside = place.with_name("aside")
    (place / "packs").rename(aside)
    report = fsck(place, repair=True)
    assert {"C9", "T6"} <= invariants(report)
    aside.rename(place / "packs")
    assert_clean(place)


def test_a_pack_in_a_wrong_place_is_set_aside_and_what_it_has_is_not_lost(place: Path) -> None:
    (pack, *_more) = _packs(place, PackKind.DATA)
    (place / "packs" / "zz").mkdir()
    pack.rename(place / "packs" / "zz" / pack.name)
    report = fsck(place, repair=True)
    assert report.clean
    assert [kept.pack for kept in report.quarantined] == [f"packs/zz/{pack.name}"]
    assert_clean(place)


def test_files_that_are_no_packs_are_set_aside_beside_those_that_bear_the_same_name(place: Path) -> None:
    for number in range(2):
        (place / "packs" / "aa").mkdir(exist_ok=True)
        (place / "packs" / "aa" / "notes.pack").write_bytes(b"%d" % number)
        assert fsck(place, repair=True).clean
    assert sorted(os.listdir(place / "quarantine")) == ["notes.2.pack", "notes.2.txt", "notes.pack", "notes.txt"]
    assert (place / "quarantine" / "notes.2.pack").read_bytes() == b"1"


def test_with_a_damaged_journal_packs_stay_where_they_are(place: Path) -> None:
    pack = _damage(place, "same")
    (segment,) = (place / "journal").glob("*.journal")
    _flip(segment, segment.stat().st_size // 2)
    report = fsck(place, read_data=True, repair=True)
    assert report.quarantined == ()
    assert pack.exists()


def test_gc_goes_on_after_a_repair_and_removes_a_version_that_lost_something(place: Path) -> None:
    _damage(place, "same")
    fsck(place, read_data=True, repair=True)
    with open_store(place) as store:
        collect_store(store, WHO, timeout=0)
        assert fsck(place, read_data=True).affected == (Affected("animals:v0", b"same"),)
        store.catalog.delete_version(parse_ref("animals:v0"), WHO)
        collect_store(store, WHO, timeout=0)
    assert_clean(place)


def test_a_process_that_has_the_store_open_goes_on(place: Path, tmp_path: Path) -> None:
    with open_store(place) as store:
        version = store.version(parse_ref("plants"))
        entry = store.entry(version, (b"oak",))
        before = bytes(store.content.read(entry, 0, entry.size))
        for pack in _packs(place, PackKind.DATA):
            _flip(pack, pack.stat().st_size - 3)
        assert fsck(place, repair=True).clean
        assert bytes(store.content.read(entry, 0, entry.size)) == before
        store.put([tmp_path / "v0"], NewVersion(name="animals"))
    assert_clean(place)
