"""A store whose packs are no files: put, read, gc, fsck, rebuild and repair go through the storage of packs alone."""

from __future__ import annotations

import dataclasses
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from artfs.catalog import Actor, NewVersion
from artfs.errors import ConflictError
from artfs.format.pack import PackKind
from artfs.names import parse_ref
from artfs.store import NullProgress, Store, open_store, root_entry
from artfs.store.fsck.check_store import check_layout
from artfs.store.fsck.finding import BadRecords
from artfs.store.fsck.packs import check_packs
from artfs.store.fsck.repair_packs import repair_packs
from artfs.store.gc import Freed, collect_garbage
from artfs.store.layout import Layout, read_layout
from artfs.store.pack_inventory import list_packs, pack_contents
from artfs.store.read.extract import extract
from artfs.store.rebuild import index_identity, rebuild_index
from tests.support.data.trees import snapshot
from tests.support.models.memorypacks import MemoryPackStorage

WHO = Actor("ann", "lab", 4711, None)


@pytest.fixture
def packs() -> MemoryPackStorage:
    return MemoryPackStorage()


@pytest.fixture
def layout(tmp_path: Path, packs: MemoryPackStorage) -> Iterator[Layout]:
    """A store that is clean at the end, and whose directory holds no pack."""
    open_store(tmp_path / "store", create=True).close()
    layout = dataclasses.replace(read_layout(tmp_path / "store"), packs=packs)
    yield layout
    report = check_layout(layout, read_data=True)
    assert report.clean, report.findings
    assert report.packs == len(packs.packs) > 0
    assert list(layout.root.rglob("*.pack")) == []


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "source" / "below").mkdir(parents=True)
    for number in range(8):
        data = random.Random(number).randbytes(50_000) if number % 2 else b"%d," % number * 30_000
        (tmp_path / "source" / ("below" if number % 3 else ".") / f"{number}").write_bytes(data)
    (tmp_path / "source" / "long").write_bytes(random.Random(99).randbytes(3_000_000))
    return tmp_path / "source"


def _gc(store: Store) -> Freed:
    return collect_garbage(store, WHO, list, timeout=0)


def _holds(store: Store, ref: str, source: Path, out: Path) -> bool:
    extract(store, root_entry(store.version(parse_ref(ref))), out)
    same = snapshot(out) == snapshot(source)
    shutil.rmtree(out)
    return same


def _flip(packs: MemoryPackStorage, name: str, offset: int) -> None:
    data = bytearray(packs.packs[name])
    data[offset] ^= 1
    packs.packs[name] = bytes(data)


def test_what_is_put_is_read_and_what_is_deleted_goes(
    layout: Layout, packs: MemoryPackStorage, source: Path, tmp_path: Path
) -> None:
    with Store(layout) as store:
        store.put([source], NewVersion(name="animals"))
        assert _holds(store, "animals:v0", source, tmp_path / "out")
    before = sum(packs.list().values())
    assert before > 3_000_000
    with Store(layout) as store:  # the one before counts as a reader of v0
        (source / "long").unlink()
        store.put([source], NewVersion(name="animals"))
        store.catalog.delete_version(parse_ref("animals:v0"), WHO, delete_aliases=True)
        assert _gc(store).size > 2_900_000
        assert sum(packs.list().values()) < before - 2_900_000
        assert _holds(store, "animals:v1", source, tmp_path / "out")
        assert _gc(store) == Freed((), 0, 0)


def test_a_pack_that_the_index_does_not_know_goes_with_the_next_gc(
    layout: Layout, packs: MemoryPackStorage, source: Path
) -> None:
    with Store(layout) as store:
        store.put([source], NewVersion(name="animals"))
        known = set(packs.packs)
        new = packs.create(layout.tmp)
        new.append(b"of a writer that was killed")
        new.publish()
        assert _gc(store).packs == 1
    assert set(packs.packs) == known


def test_there_is_no_gc_beside_a_check(layout: Layout, packs: MemoryPackStorage, source: Path) -> None:
    with Store(layout) as store:
        store.put([source], NewVersion(name="animals"))
        with packs.lock(exclusive=False, wait=False), pytest.raises(ConflictError, match="another gc, or a check"):
            _gc(store)


def test_an_index_is_made_again_from_the_packs(layout: Layout, source: Path, tmp_path: Path) -> None:
    with Store(layout) as store:
        store.put([source], NewVersion(name="animals"))
    shutil.rmtree(layout.index)
    assert [finding.invariant for finding in check_layout(layout).findings] == ["C2"]
    assert rebuild_index(layout, index_identity(layout)) is not None
    with Store(layout) as store:
        assert _holds(store, "animals:v0", source, tmp_path / "out")


@pytest.mark.parametrize("kind", PackKind)
def test_a_damaged_pack_is_found_and_what_is_sound_in_it_is_saved(
    layout: Layout, packs: MemoryPackStorage, source: Path, tmp_path: Path, kind: PackKind
) -> None:
    with Store(layout) as store:
        store.put([source], NewVersion(name="animals"))
    (pack,) = [pack for pack in list_packs(packs) if pack_contents(packs, pack).row.kind == kind]
    name = f"packs/{pack.hex()[:2]}/{pack.hex()}.pack"
    _flip(packs, name, packs.list()[name] - 3)
    damaged = packs.packs[name]
    bad = BadRecords()
    assert list(check_packs(packs, bad, NullProgress(), read_data=True)) == list(check_layout(layout).findings)
    assert {finding.invariant for finding in bad.names[name]} == {"P4", "P9"}
    (kept,) = repair_packs(layout, bad.names)
    assert (kept.pack, kept.lost) == (name, 0)
    assert packs.quarantined[kept.kept] == damaged
    assert name not in packs.packs
    with Store(layout) as store:
        assert _holds(store, "animals:v0", source, tmp_path / "out")
