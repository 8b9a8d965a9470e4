"""Every kind of damage is found, with the paths that it concerns; an index made again is what it was."""

from __future__ import annotations

import errno
import os
import random
import shutil
import socket
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from artfs.catalog import Actor, IndexEnvironment, NewPart, NewRun, NewVersion, PackRow, Tree, View, tables
from artfs.catalog.schema import pair_key
from artfs.chunks.pack_storage import LocalPackStorage, pack_name
from artfs.chunks.writer import PackWriter, encode_record
from artfs.drafts.gc_roots import collect_store
from artfs.errors import IntegrityError, StoreError
from artfs.format.chunklist import Piece, encode_chunk_page
from artfs.format.digest import digest, digest_and_table
from artfs.format.node import EncodedPage, Entry, Kind, encode_page
from artfs.format.operations import VersionFields
from artfs.format.pack import HEAD_SIZE, Location, PackKind, RecordKind
from artfs.format.reference import ChunkList, Reference, reference_entry
from artfs.kv.checked_rows import Table, Txn
from artfs.names import EntryPath, parse_entry_path, parse_ref
from artfs.store import Store, open_store, root_entry
from artfs.store.fsck import Affected, Finding, Part, fsck
from artfs.store.fsck.subprocess_check import in_child
from artfs.store.read.extract import extract
from artfs.store.rebuild import index_identity, rebuild_index
from artfs.store.tree.paging import cut_rows
from artfs.store.write.scan import Source
from tests.support.data.checked import assert_clean, invariants
from tests.support.data.trees import make_odd_tree, snapshot

WHO = Actor("ann", "lab", 4711, None)
PICTURE = b"cats/tom.png"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A store with two versions of `animals` that share a picture of one chunk, and have one table of several."""
    source = tmp_path / "source"
    (source / "cats").mkdir(parents=True)
    (source / os.fsdecode(PICTURE)).write_bytes(random.Random(1).randbytes(40_000))
    (source / "table").write_bytes(random.Random(2).randbytes(1_500_000))
    with open_store(tmp_path / "store", create=True) as store:
        store.put([source], NewVersion(name="animals"))
        (source / "notes").write_text("one more\n")
        store.put([source], NewVersion(name="animals", aliases=("best",)))
    return tmp_path / "store"


def _locate(place: Path, path: bytes) -> tuple[bytes, Location]:
    """The chunk, and where it is, of a file of one chunk in `animals:v0`."""
    with open_store(place) as store:
        entry = store.entry(store.version(parse_ref("animals:v0")), parse_entry_path(path))
        location = store.locate(entry.digest)
        assert location is not None
        return entry.digest, location


def _flip(path: Path, offset: int) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        (byte,) = file.read(1)
        file.seek(offset)
        file.write(bytes((byte ^ 1,)))


def _node_pack(place: Path) -> Path:
    with IndexEnvironment.open(place / "index") as environment, View(environment.begin_read()) as view:
        return place / pack_name(next(pack for pack, row in view.packs() if row.kind == PackKind.NODES))


def _rows(place: Path) -> dict[bytes, bytes]:
    """All that the index holds, but for the stat cache."""
    with IndexEnvironment.open(place / "index") as environment, environment.read() as txn:
        return {key: value for key, value in txn.cursor() if key[:1] != b"x"}


def _live(place: Path, tmp_path: Path) -> None:
    """Many artifacts, with large and small trees, deletions, renames, links and edits."""
    make_odd_tree(tmp_path / "odd")
    with open_store(place, create=True) as store:
        for name in ("odd", "twin", "gone"):
            store.put([tmp_path / "odd"], NewVersion(name=name))
        changes: dict[EntryPath, Source | None] = {(b"text.csv",): None}
        changes |= {(b"many", b"%03d" % number): b"new %d" % number for number in range(0, 700, 9)}
        store.commit(parse_ref("odd"), changes)
        many = tmp_path / "files"
        many.mkdir()
        for number in range(3000):
            (many / f"{number}").write_bytes(b"%d" % number)
        store.put([many], NewVersion(name="files"))
        run = store.catalog.start_run(NewRun(), WHO)
        store.catalog.use_version(run.id, parse_ref("files"), WHO)
        tree = store.version(parse_ref("odd")).tree
        store.catalog.add_part(NewPart("together", "odd", tree, VersionFields()), WHO)
        store.commit(parse_ref("files"), {(b"17",): None, (b"a new one",): b"x", (b"2999",): b""})
        store.catalog.delete_version(parse_ref("odd:v0"), WHO)
        store.catalog.delete_artifact("gone", WHO)
        store.catalog.rename("twin", "brother", WHO)
        store.catalog.link(parse_ref("files:v0"), "zoo", WHO)


def test_a_store_in_use_is_clean(tmp_path: Path) -> None:
    _live(tmp_path / "store", tmp_path)
    assert_clean(tmp_path / "store")
    with open_store(tmp_path / "store"):
        assert assert_clean(tmp_path / "store", read_data=False).packs > 4


def test_an_empty_store_is_clean(tmp_path: Path) -> None:
    open_store(tmp_path / "store", create=True).close()
    assert assert_clean(tmp_path / "store").packs == 0


def test_a_check_changes_nothing(place: Path) -> None:
    before = {path: path.read_bytes() for path in place.rglob("*") if path.is_file() and path.name != "lock.mdb"}
    assert_clean(place)
    after = {path: path.read_bytes() for path in place.rglob("*") if path.is_file() and path.name != "lock.mdb"}
    assert after == before


def test_a_store_is_clean_at_every_moment_of_a_put(place: Path, tmp_path: Path) -> None:
    more = tmp_path / "more"
    more.mkdir()

    def put() -> None:
        with open_store(place) as store:
            for turn in range(12):
                (more / f"{turn}").write_bytes(os.urandom(300_000))
                store.put([more], NewVersion(name="more"))

    writer = threading.Thread(target=put)
    writer.start()
    checks = 0
    while writer.is_alive() or not checks:
        assert_clean(place)
        checks += 1
    writer.join()


# Packs


def test_a_flip_in_a_chunk_is_found_with_every_path_that_has_it(place: Path) -> None:
    _digest, where = _locate(place, PICTURE)
    _flip(place / pack_name(where.pack), where.offset + HEAD_SIZE + 32 * 2 + 1000)
    assert_clean(place, read_data=False)
    report = fsck(place, read_data=True)
    assert invariants(report) == {"P6"}
    assert report.affected == (Affected("animals:v0", PICTURE), Affected("animals:v1", PICTURE))
    (finding,) = report.findings
    assert where.pack.hex() in finding.message
    assert finding.part == Part.PACK


def test_a_flip_in_a_head_is_found_without_reading_data(place: Path) -> None:
    _digest, where = _locate(place, PICTURE)
    _flip(place / pack_name(where.pack), where.offset + 20)
    report = fsck(place)
    assert invariants(report) == {"P4"}
    assert Affected("animals:v1", PICTURE) in report.affected


def test_a_flip_in_a_node_of_a_pack_is_found_with_what_is_below_it(place: Path) -> None:
    path = _node_pack(place)
    _flip(path, 64 + HEAD_SIZE + 10)
    report = fsck(place, read_data=True)
    assert invariants(report) & {"P6", "P7"}
    assert report.affected
    assert {finding.part for finding in report.findings} == {Part.PACK}


def test_a_missing_pack_is_found_with_what_was_in_it(place: Path) -> None:
    _digest, where = _locate(place, PICTURE)
    (place / pack_name(where.pack)).unlink()
    report = fsck(place)
    assert invariants(report) == {"C9"}
    assert {affected.path for affected in report.affected} == {PICTURE, b"table"}


def test_a_missing_node_pack_is_found_while_the_index_still_has_its_nodes(place: Path) -> None:
    _node_pack(place).unlink()
    assert {"C9", "T6"} <= invariants(fsck(place))


def test_a_cut_off_pack_is_found(place: Path) -> None:
    _digest, where = _locate(place, PICTURE)
    path = place / pack_name(where.pack)
    os.truncate(path, path.stat().st_size - 100)
    report = fsck(place)
    assert "P9" in invariants(report)
    assert Part.INDEX not in {finding.part for finding in report.findings}


def test_packs_that_the_index_does_not_know_are_no_damage(place: Path) -> None:
    with PackWriter(LocalPackStorage(place), place / "tmp", PackKind.DATA) as writer:
        plain = b"of a put that was killed"
        writer.append(encode_record(RecordKind.CHUNK, *digest_and_table(plain), plain))
        writer.finish()
    assert_clean(place)


# Journal


def _segment(place: Path) -> Path:
    (segment,) = (place / "journal").glob("*.journal")
    return segment


def test_a_flip_in_the_journal_is_found_and_the_index_is_left_alone(place: Path) -> None:
    _flip(_segment(place), _segment(place).stat().st_size // 2)
    (place / "index" / "data.mdb").write_bytes(b"")
    data = _index_inode(place)
    report = fsck(place, repair=True)
    assert {finding.part for finding in report.findings} == {Part.JOURNAL, Part.INDEX}
    assert report.rebuilt is None
    assert _index_inode(place) == data


def _index_inode(place: Path) -> int:
    return (place / "index" / "data.mdb").stat().st_ino


def test_a_journal_that_lost_its_end_is_found_and_the_index_that_knows_more_is_kept(place: Path) -> None:
    os.truncate(_segment(place), 64)
    report = fsck(place, repair=True)
    assert invariants(report) == {"J8"}
    assert report.rebuilt is None


# Index


def test_a_missing_index_is_found_and_made_again_as_it_was(tmp_path: Path) -> None:
    place = tmp_path / "store"
    _live(place, tmp_path)
    rows = _rows(place)
    assert {key[:1] for key in rows} == {table.tag for table in tables.TABLES} - {b"q", b"x", b"y", b"u", b"k"}
    shutil.rmtree(place / "index")
    with pytest.raises(IntegrityError, match="artfs fsck --repair"):
        open_store(place)
    assert invariants(fsck(place)) == {"C2"}
    report = fsck(place, repair=True)
    assert report.clean
    assert [finding.invariant for finding in report.repaired] == ["C2"]
    assert _rows(place) == rows
    assert_clean(place)
    with open_store(place) as store:
        extract(store, root_entry(store.version(parse_ref("brother"))), tmp_path / "out")
        assert store.put([tmp_path / "odd"], NewVersion(name="odd")).version.name == "v2"
    assert snapshot(tmp_path / "out") == snapshot(tmp_path / "odd")
    assert_clean(place)


def test_block_tables_of_large_chunks_are_in_an_index_made_again(place: Path) -> None:
    shutil.rmtree(place / "index")
    fsck(place, repair=True)
    with IndexEnvironment.open(place / "index") as environment, environment.read() as txn:
        assert any(location.table for _chunk, location in tables.CHUNKS.scan(txn))


@pytest.mark.parametrize("size", [0, 4096, 9000, -4096])
def test_a_truncated_index_is_found_and_made_again_and_the_old_one_kept(place: Path, size: int) -> None:
    rows = _rows(place)
    data = place / "index" / "data.mdb"
    os.truncate(data, size if size >= 0 else data.stat().st_size + size)
    cut = data.read_bytes()
    assert not fsck(place).clean
    report = fsck(place, repair=True)
    assert report.clean
    assert report.rebuilt is not None
    assert report.rebuilt.kept is not None
    assert (report.rebuilt.kept / "data.mdb").read_bytes() == cut
    assert _rows(place) == rows


def test_an_index_full_of_noise_is_found_whatever_it_does_to_its_reader(place: Path) -> None:
    data = place / "index" / "data.mdb"
    whole = data.read_bytes()
    for seed in range(8):
        noise = random.Random(seed)
        raw = bytearray(whole)
        for _time in range(40):
            raw[noise.randrange(8192, len(raw))] = noise.randrange(256)
        data.write_bytes(raw)
        fsck(place, read_data=True)
        report = fsck(place, repair=True)
        assert report.clean
        assert_clean(place)


def _edit(place: Path, edit: Callable[[Txn], object]) -> None:
    with IndexEnvironment.open(place / "index") as environment, environment.write() as txn:
        edit(txn)


def _first(txn: Txn, table: Table[tables.R]) -> tuple[bytes, tables.R]:
    return next(iter(table.scan(txn)))


def _move_chunk(txn: Txn) -> None:
    chunk, location = _first(txn, tables.CHUNKS)
    tables.CHUNKS.put(txn, chunk, msgspec.structs.replace(location, offset=location.offset + 8))


def _grow_pack(txn: Txn) -> None:
    pack, row = _first(txn, tables.PACKS)
    tables.PACKS.put(txn, pack, PackRow(row.kind, row.size + 1, row.count))


def _describe(txn: Txn) -> None:
    version = tables.VERSIONS.get(txn, pair_key(16, 0))
    assert version is not None
    fields = msgspec.structs.replace(version.fields, description="not what was said")
    tables.VERSIONS.put(txn, pair_key(16, 0), msgspec.structs.replace(version, fields=fields))


def _damage_row(txn: Txn) -> None:
    key, value = next(iter(txn.cursor()))
    txn.put(key, value[:-1] + bytes((value[-1] ^ 1,)))


def _forget_pack(txn: Txn, kind: PackKind) -> None:
    tables.PACKS.delete(txn, next(pack for pack, row in tables.PACKS.scan(txn) if row.kind == kind))


HARM: dict[str, tuple[str, Callable[[Txn], object]]] = {
    "a row that fails its checksum": ("C1", _damage_row),
    "a description that nobody gave": ("C8", _describe),
    "a name row gone": ("C8", lambda txn: tables.NAMES.delete(txn, b"animals")),
    "a row that the journal does not give": ("C8", lambda txn: tables.CHILDREN.put(txn, pair_key(0, 99), b"")),
    "a chunk elsewhere": ("C9", _move_chunk),
    "a chunk that no pack has": ("C9", lambda t: tables.CHUNKS.put(t, bytes(32), _first(t, tables.CHUNKS)[1])),
    "a pack of another size": ("C9", _grow_pack),
    "a data pack forgotten": ("C9", lambda txn: _forget_pack(txn, PackKind.DATA)),
    "a node pack forgotten": ("C9", lambda txn: _forget_pack(txn, PackKind.NODES)),
    "a chunk forgotten": ("C10", lambda txn: tables.CHUNKS.delete(txn, _first(txn, tables.CHUNKS)[0])),
}


@pytest.mark.parametrize(("invariant", "harm"), HARM.values(), ids=HARM)
def test_an_edited_index_is_found_and_made_again(place: Path, invariant: str, harm: Callable[[Txn], object]) -> None:
    rows = _rows(place)
    _edit(place, harm)
    report = fsck(place)
    assert invariant in invariants(report)
    assert {finding.part for finding in report.findings} == {Part.INDEX}
    assert fsck(place, repair=True).clean
    assert _rows(place) == rows


def test_a_part_of_an_unfinished_version_whose_tree_is_missing_is_found(place: Path) -> None:
    missing = Tree(digest(b"nowhere"), digest(b"content"), 1, 1, 0o755, 1)
    with open_store(place) as store:
        store.catalog.add_part(NewPart("together", "shards", missing, VersionFields()), WHO)
    report = fsck(place)
    assert invariants(report) == {"C11"}
    assert "shards (part 0 of together)" in report.findings[0].message


def test_nodes_that_the_index_forgot_are_found_and_brought_back(place: Path) -> None:
    rows = _rows(place)
    with open_store(place) as store:
        root = store.version(parse_ref("animals:v1")).tree.root
        cats = store.entry(store.version(parse_ref("animals:v1")), (b"cats",)).node
    _edit(place, lambda txn: tables.NODES.delete(txn, root))
    assert invariants(fsck(place)) == {"C11"}
    _edit(place, lambda txn: tables.NODES.delete(txn, cats))
    report = fsck(place)
    assert invariants(report) == {"C10", "C11"}
    assert set(report.affected) == {Affected("animals:v1", b""), Affected("animals:v0", b"cats/")}
    assert fsck(place, repair=True).clean
    assert _rows(place) == rows


def test_what_a_damaged_node_pack_still_has_is_served_after_a_repair(place: Path) -> None:
    with open_store(place) as store:
        cats = store.entry(store.version(parse_ref("animals:v0")), (b"cats",)).node
    for path in (place / "packs").glob("*/*.pack"):
        raw = path.read_bytes()
        at = raw.find(cats)  # in the head of its record, which comes before the footer
        if at >= 0:
            _flip(path, at + 48 + 5)
    shutil.rmtree(place / "index")
    report = fsck(place, repair=True, read_data=True)
    assert "C10" in invariants(report)
    assert {affected.path for affected in report.affected} == {b"cats/"}
    with open_store(place) as store:
        entry = store.entry(store.version(parse_ref("animals:v1")), (b"notes",))
        assert bytes(store.content.read(entry, 0, 100)) == b"one more\n"


def test_a_footer_that_is_lost_does_not_keep_the_index_from_being_made_again(place: Path) -> None:
    rows = _rows(place)
    for path in (place / "packs").glob("*/*.pack"):
        _flip(path, path.stat().st_size - 3)
    with open_store(place) as store:
        layout = store.layout
    assert invariants(fsck(place)) == {"P4", "P9"}  # the scan takes the footer for a record that is damaged
    assert rebuild_index(layout, index_identity(layout)) is not None
    assert _rows(place) == rows


def test_a_writer_with_the_old_index_has_to_open_the_store_again(place: Path, tmp_path: Path) -> None:
    with open_store(place) as store:
        layout = store.layout
        assert rebuild_index(layout, index_identity(layout)) is not None
        (tmp_path / "late").mkdir()
        (tmp_path / "late" / "file").write_text("late")
        with pytest.raises(StoreError, match="open the store again"):
            store.put([tmp_path / "late"], NewVersion(name="late"))
    assert_clean(place)


def test_an_index_that_another_process_made_again_meanwhile_is_not_made_again(place: Path) -> None:
    with open_store(place) as store:
        layout = store.layout
    judged = index_identity(layout)
    assert rebuild_index(layout, judged) is not None
    assert rebuild_index(layout, judged) is None


# Trees: only a faulty artfs could write these, as every node has the digest that it is asked for by


def _file(name: bytes, data: bytes = b"", size: int | None = None) -> Entry:
    return Entry(name, Kind.FILE, 0o644, 0, len(data) if size is None else size, digest(data))


def _directory(name: bytes, page: EncodedPage, **changes: object) -> Entry:
    row = Entry(name, Kind.DIRECTORY, 0o755, 0, page.size, page.digest, page.below, page.node)
    return row._replace(**changes)  # type: ignore[arg-type]  # of a dict of fields, mypy knows no types


def _row(page: EncodedPage, **changes: object) -> Entry:
    return page.as_row()._replace(**changes)  # type: ignore[arg-type]  # as above


def _names(first: int, count: int) -> list[Entry]:
    return [_file(b"%05d" % number) for number in range(first, first + count)]


LEAF = encode_page(0, [_file(b"a"), _file(b"b")])
LONG = [encode_page(0, rows) for rows in cut_rows(_names(0, 2000), 0)]
SHORT = [encode_page(0, _names(0, 10)), encode_page(0, _names(10, 30))]
UNSORTED = encode_page(0, [_file(b"b"), _file(b"a")])
LIST = encode_chunk_page(1, [Piece(3, digest(b"one")), Piece(4, digest(b"two"))])
ONE_PIECE = encode_chunk_page(1, [Piece(3, digest(b"one"))])


def _listed(data: bytes, size: int, height: int = 1) -> EncodedPage:
    return encode_page(0, [Entry(b"f", Kind.FILE, 0o644, 0, size, digest(data), extra=bytes((height,)))])


def _inner(rows: list[Entry]) -> EncodedPage:
    return encode_page(1, rows)


def _referring(chunks: ChunkList, size: int = 9) -> EncodedPage:
    return encode_page(0, [reference_entry(b"r", Reference("a:b", size, chunks=chunks), 0o644, 0)])


FAULTY: dict[str, tuple[str, EncodedPage, list[bytes]]] = {
    "unsorted names": ("T2", UNSORTED, []),
    "a page row with another name": (
        "T3",
        _inner([_row(LONG[0], name=b"!"), *map(_row, LONG[1:])]),
        [p.data for p in LONG],
    ),
    "a page row with another digest": (
        "T3",
        _inner([_row(LONG[0], digest=bytes(32)), *map(_row, LONG[1:])]),
        [p.data for p in LONG],
    ),
    "a directory row of another size": ("T4", encode_page(0, [_directory(b"d", LEAF, size=9)]), [LEAF.data]),
    "a directory row of other positions": ("T4", encode_page(0, [_directory(b"d", LEAF, below=9)]), [LEAF.data]),
    "a directory row with another digest": (
        "T4",
        encode_page(0, [_directory(b"d", LEAF, digest=bytes(32))]),
        [LEAF.data],
    ),
    "a page cut too early": ("T5", _inner([_row(page) for page in SHORT]), [page.data for page in SHORT]),
    "a page cut too late": ("T5", encode_page(0, _names(0, 1025)), []),
    "a page above a single one": ("T5", _inner([_row(LEAF)]), [LEAF.data]),
    "a list of bytes that it has not": ("L2", _listed(LIST, 8), [LIST]),
    "a list of another height": ("L2", _listed(LIST, 7, height=2), [LIST]),
    "a piece of another length": ("L2", _listed(LIST, 7), [LIST]),
    "a list of a single chunk": ("T5", _listed(ONE_PIECE, 3), [ONE_PIECE]),
    "a chunk of another length": ("L2", encode_page(0, [_file(b"f", b"one", size=2)]), []),
    "an empty file with a digest": ("L2", encode_page(0, [_file(b"f", b"one", size=0)]), []),
    "a link with another digest": (
        "T1",
        encode_page(0, [Entry(b"l", Kind.SYMLINK, 0o777, 0, 3, bytes(32), extra=b"abc")]),
        [],
    ),
    "a directory that is a chunk list": (
        "T4",
        encode_page(0, [Entry(b"d", Kind.DIRECTORY, 0o755, 0, 7, digest(LIST), 0, digest(LIST))]),
        [LIST],
    ),
    "a chunk that is nowhere": ("C10", encode_page(0, [_file(b"f", b"nowhere")]), []),
    "a node that is nowhere": ("C10", encode_page(0, [_directory(b"d", LEAF)]), []),
    "a reference that is malformed": ("T1", _referring(ChunkList(digest(b"one"), 41)), []),
    "a reference whose chunk list is nowhere": ("C10", _referring(ChunkList(digest(b"nowhere"), 80)), []),
    "a reference whose chunk list is shorter": ("L2", _referring(ChunkList(digest(b"one"), 80)), []),
    "a reference whose chunk list is of another height": ("L2", _referring(ChunkList(digest(LIST), 80, 2)), [LIST]),
    "a list that rises not": ("L1", _listed(LIST[:-32] + LIST[-32:] + b"x", 7), [LIST + b"x"]),
}


def _publish(store: Store, top: EncodedPage, nodes: list[bytes], **changes: object) -> None:
    """Store nodes as they are, with the chunks `one` and `two`, and a version of them."""
    layout, catalog = store.layout, store.catalog
    with PackWriter(layout.packs, layout.tmp, PackKind.DATA) as writer:
        located = {
            digest(plain): writer.append(encode_record(RecordKind.CHUNK, *digest_and_table(plain), plain))
            for plain in (b"one", b"two")
        }
        chunks = writer.finish()
    with PackWriter(layout.packs, layout.tmp, PackKind.NODES) as writer:
        for node in (*nodes, top.data):
            writer.append(encode_record(RecordKind.NODE, *digest_and_table(node), node))
        packs = writer.finish()
    rows = [(pack.pack, PackRow(pack.kind, pack.size, pack.count)) for pack in (*chunks, *packs)]
    catalog.add_content(rows, located.items(), [(digest(node), node) for node in (*nodes, top.data)])
    tree = Tree(top.node, top.digest, top.size, top.below, 0o755, 0)
    catalog.create_version(NewVersion("faulty"), msgspec.structs.replace(tree, **changes), WHO)


@pytest.mark.parametrize(("invariant", "top", "nodes"), FAULTY.values(), ids=FAULTY)
def test_a_tree_that_no_sound_artfs_writes_is_found(
    tmp_path: Path, invariant: str, top: EncodedPage, nodes: list[bytes]
) -> None:
    with open_store(tmp_path / "store", create=True) as store:
        _publish(store, top, nodes)
    report = fsck(tmp_path / "store", read_data=True, repair=True)
    assert invariant in invariants(report)
    assert {finding.part for finding in report.findings} == {Part.TREE}
    assert report.affected
    assert report.rebuilt is None


def test_a_version_that_says_something_else_of_its_tree_is_found(tmp_path: Path) -> None:
    with open_store(tmp_path / "store", create=True) as store:
        _publish(store, LEAF, [], size=5)
    assert invariants(fsck(tmp_path / "store")) == {"T4"}


def test_a_tree_of_sound_pages_made_by_hand_is_clean(tmp_path: Path) -> None:
    top = _inner([_row(page) for page in LONG])
    with open_store(tmp_path / "store", create=True) as store:
        _publish(store, top, [page.data for page in LONG])
    assert_clean(tmp_path / "store")


def test_a_reference_whose_only_chunk_the_store_lacks_is_clean(tmp_path: Path) -> None:
    with open_store(tmp_path / "store", create=True) as store:
        _publish(store, _referring(ChunkList(digest(b"nowhere"))), [])
    assert_clean(tmp_path / "store")


def _make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(os.fspath(path))


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, _make_socket])
@pytest.mark.timeout(30)
def test_what_is_no_regular_file_in_the_place_of_a_pack_is_named_and_waited_for_by_nothing(
    place: Path, make: Callable[[Path], None]
) -> None:
    """A FIFO, a directory, a socket: in the place of a pack, and as one that nothing knows."""
    store = Path(tempfile.mkdtemp(dir="/tmp")) / "s"  # the name of a socket is short
    try:
        place.rename(store)
        known = min(store.glob("packs/*/*.pack"))
        known.unlink()
        for path in (known, known.with_name("0" * 32 + ".pack")):
            make(path)
        found = [finding.message for finding in fsck(store).findings if finding.invariant == "P1"]
        assert len(found) == 2, found
        assert all("not a regular file, so not a pack" in message for message in found)
        with open_store(store) as opened, pytest.raises(IntegrityError, match="not a regular file"):
            collect_store(opened, WHO)
        fsck(store, repair=True)
        assert [finding for finding in fsck(store).findings if "regular file" in finding.message] == []
    finally:
        shutil.rmtree(store.parent)


def test_a_check_that_no_process_can_be_made_for_leaves_no_descriptor_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fixture of all tests compares the descriptors."""

    def refuse() -> int:
        raise OSError(errno.EAGAIN, "no process")

    monkeypatch.setattr(os, "fork", refuse)
    with pytest.raises(OSError, match="no process"):
        list(in_child(list, Finding("R5", Part.DRAFT, "died")))
