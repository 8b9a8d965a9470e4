"""Every invariant of a draft that can be seen afterwards is checked, also while a mount serves the draft."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from artfs.catalog import NewVersion
from artfs.drafts.db.database import DraftDatabase
from artfs.drafts.db.redo_log import RedoLog
from artfs.drafts.db.schema import (
    BASE,
    META_ORIGIN,
    META_STATE,
    CommittedDirectory,
    Dentry,
    DraftCounters,
    Extent,
    StoredContent,
    decode_inode,
    decode_origin,
    encode_dentry,
    encode_extent,
    encode_refused,
    encode_row,
    extent_key,
    inode_key,
    link_key,
    order_key,
    orphan_key,
    reader_key,
    refused_key,
    u64_key,
    writer_key,
)
from artfs.drafts.draft import Draft
from artfs.drafts.fsck import check_draft, check_drafts, repair_drafts
from artfs.drafts.registry import DraftRegistry
from artfs.names import parse_ref
from artfs.store import open_store
from artfs.store.fsck import Part
from tests.support.data.drafts import make_draft

FILE = stat.S_IFREG | 0o644
Rows = list[tuple[bytes, bytes | None]]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A draft over a version with `tom` and `deep/kit`: moved, written, linked, with a log."""
    source = tmp_path / "source"
    (source / "deep").mkdir(parents=True)
    (source / "tom").write_bytes(b"tom")
    (source / "deep" / "kit").write_bytes(b"kit" * 100_000)
    with open_store(tmp_path / "store", create=True) as store:
        store.put([source], NewVersion(name="base"))
        draft = Draft(make_draft(tmp_path / "draft", store.version(parse_ref("base"))), store)
        new = draft.make(BASE, b"new", FILE, 0, 0)
        draft.files.write(new.ino, 0, b"x" * 200_000)
        draft.link(new.ino, BASE, b"other")
        draft.rename(BASE, b"tom", BASE, b"thomas")
        deep = draft.lookup(BASE, b"deep")
        assert deep is not None
        draft.make(deep.ino, b"small", FILE, 0, 0)
        draft.close()
        draft = Draft(tmp_path / "draft", store)
        draft.files.write(new.ino, 7, b"y")
        draft.record_writer("aaaaaaaa")
        shutil.copytree(tmp_path / "draft", tmp_path / "live")
        draft.close()
    return tmp_path / "live"


def _index(place: Path) -> Path:
    return place.parent / "store" / "index"


def _change(place: Path, rows: Rows) -> None:
    with DraftDatabase.open(place) as database:
        database.apply(rows)


def _broken(place: Path) -> set[str]:
    found = check_draft(place, _index(place))
    assert all(finding.part == Part.DRAFT for finding in found)
    return {finding.invariant for finding in found}


def _origin(place: Path, **changes: object) -> Rows:
    with DraftDatabase.open(place) as database:
        row = decode_origin(database.get(META_ORIGIN) or b"")
    return [(META_ORIGIN, encode_row(replace(row, **changes)))]


def _inode(place: Path, ino: int, **changes: object) -> Rows:
    with DraftDatabase.open(place) as database:
        row = decode_inode(database.get(inode_key(ino)) or b"")
    return [(inode_key(ino), encode_row(replace(row, **changes)))]


def test_a_draft_with_changes_in_rows_and_log_is_clean_and_looking_changes_nothing(place: Path) -> None:
    files = [path for path in place.rglob("*") if path.is_file() and path.name != "lock.mdb"]
    before = {path: path.read_bytes() for path in files}
    assert check_draft(place, _index(place)) == []
    assert {path: path.read_bytes() for path in files} == before


def _with_a_byte_behind(place: Path, prefix: bytes) -> Rows:
    """A row under a key that is longer than its own."""
    with DraftDatabase.open(place) as database:
        ((key, row),) = database.items(prefix, limit=1)
    return [(prefix + key + b"x", row)]


NEW = 1
"""The inode of `new`; the first that a draft gives."""

HARM: dict[str, tuple[str, Callable[[Path], Rows]]] = {
    "a key of no table": ("R5", lambda _: [(b"q", b"")]),
    "a key that ends too early": ("R5", lambda _: [(b"I123", b"")]),
    "a key of an inode with a byte behind it": ("R5", lambda place: _with_a_byte_behind(place, inode_key(NEW))),
    "a key of a listing with a byte behind it": ("R5", lambda place: _with_a_byte_behind(place, b"O")),
    "a key of an extent with a byte behind it": ("R5", lambda place: _with_a_byte_behind(place, b"E")),
    "a key of a change with a byte behind it": ("R5", lambda place: _with_a_byte_behind(place, b"Y")),
    "a key of a refused write with a byte behind it": (
        "R5",
        lambda _: [(refused_key(NEW, 0) + b"x", encode_refused(9))],
    ),
    "a key of an orphan with a byte behind it": ("R5", lambda _: [(orphan_key(NEW) + b"x", b"")]),
    "a run of no such id": ("R5", lambda _: [(b"W" + u64_key(1) + b"nobody", b"")]),
    "a run that wrote in a generation to come": ("R6", lambda _: [(writer_key(99, "aaaaaaaa"), b"")]),
    "a run that read in a generation to come": ("R6", lambda _: [(reader_key(99, "aaaaaaaa"), b"")]),
    "a value that cannot be decoded": ("R5", lambda _: [(inode_key(NEW), b"?")]),
    "an extent of another length": ("R5", lambda _: [(extent_key(NEW, 0), b"?")]),
    "a word that nobody knows": ("R5", lambda _: [(b"Mword", b"")]),
    "no state": ("R6", lambda _: [(META_STATE, None)]),
    "no origin": ("R6", lambda _: [(META_ORIGIN, None)]),
    "no directory of its own": ("R6", lambda _: [(inode_key(BASE), None)]),
    "counters that were given": ("R6", lambda _: [(META_STATE, encode_row(DraftCounters(2, 0, 1, 1, 1)))]),
    "a generation that is over": ("R6", lambda _: [(META_STATE, encode_row(DraftCounters(1, 1, 9999, 9999, 9999)))]),
    "a change of a generation to come": ("R6", lambda _: [(b"Y" + u64_key(99) + u64_key(NEW), b"")]),
    "a name of no inode": ("R7", lambda _: [(b"D" + u64_key(BASE) + b"zz", encode_dentry(Dentry(77, 0)))]),
    "a name in no directory": ("R7", lambda _: [(b"D" + u64_key(88) + b"zz", encode_dentry(Dentry(0, 0)))]),
    "a name in a file": ("R7", lambda _: [(b"D" + u64_key(NEW) + b"zz", encode_dentry(Dentry(0, 0)))]),
    "a name that no file can have": ("R7", lambda _: [(b"D" + u64_key(BASE) + b"a/b", encode_dentry(Dentry(0, 0)))]),
    "a name that is not listed": ("R7", lambda _: [(order_key(BASE, 1), None)]),
    "a name that is listed twice": ("R7", lambda _: [(order_key(BASE, 99), b"new")]),
    "an inode that knows no name": ("R8", lambda _: [(link_key(NEW, BASE, b"new"), None)]),
    "a name too many": ("R8", lambda _: [(link_key(NEW, BASE, b"third"), b"")]),
    "a count of links": ("R8", lambda place: _inode(place, NEW, nlink=7)),
    "a name among those without": ("R8", lambda _: [(orphan_key(NEW), b"")]),
    "bytes twice": ("R9", lambda _: [(extent_key(NEW, 5), encode_extent(Extent(9, 1, 0)))]),
    "bytes behind the end": ("R9", lambda place: _inode(place, NEW, size=5)),
    "bytes of nobody": ("R9", lambda _: [(extent_key(55, 0), encode_extent(Extent(9, 1, 0)))]),
    "an extent that is empty": ("R9", lambda _: [(extent_key(NEW, 200_000), encode_extent(Extent(200_000, 1, 0)))]),
    "more of a content than it has": (
        "R9",
        lambda place: _inode(place, NEW, content=StoredContent(bytes(32), b"", 1, 2)),
    ),
    "a data file that is missing": (
        "R10",
        lambda place: [
            *_inode(place, NEW, size=1 << 30),
            (extent_key(NEW, 1 << 29), encode_extent(Extent(1 << 30, 9, 0))),
        ],
    ),
    "a content that the store has not": (
        "R11",
        lambda place: _inode(place, NEW, content=StoredContent(bytes(32), b"", 9, 9)),
    ),
    "a directory that the store has not": ("R11", lambda place: _inode(place, BASE, lower=bytes(32))),
    "a committed directory that the store has not": (
        "R11",
        lambda place: _inode(place, BASE, committed=CommittedDirectory(bytes(32), bytes(32), 0, 0)),
    ),
    "a tree before a merge that the store has not": ("R11", lambda place: _origin(place, own_root=bytes(32))),
}


@pytest.mark.parametrize(("invariant", "harm"), HARM.values(), ids=HARM)
def test_a_violation_is_found_and_named(place: Path, invariant: str, harm: Callable[[Path], Rows]) -> None:
    _change(place, harm(place))
    assert invariant in _broken(place)


def test_a_violation_that_is_in_the_log_only_is_found(place: Path) -> None:
    with DraftDatabase.open(place) as database:
        database.apply([(b"q", b"")])
        shutil.copytree(place, place.with_name("killed"))
    assert _broken(place.with_name("killed")) == {"R5"}


def test_a_flipped_bit_of_a_value_is_found_with_the_path(place: Path) -> None:
    _change(place, [(b"Mmeta", b"a value that is easily found")])
    data = place / "rows" / "data.mdb"
    raw = bytearray(data.read_bytes())
    at = raw.rfind(b"a value that is easily found")
    assert at > 0
    raw = raw.replace(b"a value that is easily found", b"a value that is easily fOund")
    data.write_bytes(raw)
    assert _broken(place) == {"R5"}


def test_data_files_that_are_gone_are_found_with_the_path_of_their_bytes(place: Path) -> None:
    for path in (place / "data").iterdir():
        path.unlink()
    found = check_draft(place, _index(place))
    assert {finding.invariant for finding in found} == {"R10"}
    assert any("new" in finding.message or "other" in finding.message for finding in found)


@pytest.mark.parametrize("size", [0, 4096, 9000])
def test_rows_that_are_cut_off_are_found(place: Path, size: int) -> None:
    os.truncate(place / "rows" / "data.mdb", size)
    assert _broken(place) == {"R5"}


def test_rows_that_are_gone_are_found(place: Path) -> None:
    shutil.rmtree(place / "rows")
    assert _broken(place) == {"R5"}


def test_a_sound_record_of_the_log_that_makes_no_sense_is_found(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with DraftDatabase.open(place) as database:
        epoch = int.from_bytes(database.get(b"\0epoch") or b"", "little")
    log = RedoLog(place, epoch, begin=True)
    monkeypatch.setattr("artfs.drafts.db.redo_records._encode", lambda _changes: b"\x01")
    log.append([])
    log.close()
    assert _broken(place) == {"R5"}


def test_a_damaged_counter_is_found_and_repaired_above_all_drafts(tmp_path: Path) -> None:
    with open_store(tmp_path / "store", create=True) as store:
        registry = DraftRegistry(store.layout.drafts)
        first = registry.create("one", "one", None, "", (os.getuid(), os.getgid()))
        (store.layout.drafts / "next").write_text("seven\n")
        assert [finding.invariant for finding in check_drafts(store.layout.drafts, None)] == ["R12"]
        with registry.lock():
            assert not repair_drafts(store.layout.drafts)  # a mount may be using the counter
        assert repair_drafts(store.layout.drafts)
        assert check_drafts(store.layout.drafts, None) == ()
        assert registry.create("two", "two", None, "", (os.getuid(), os.getgid())).number > first.number
