"""What was made to do harm is refused where it is decoded: with an error of artfs, and without much memory."""

from __future__ import annotations

import multiprocessing
import resource
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artfs.catalog import Actor, NewVersion, PackRow, Tree
from artfs.chunks.writer import PackWriter, encode_record
from artfs.drafts.fsck import check_store
from artfs.errors import ArtfsError, IntegrityError
from artfs.format.digest import digest, digest_and_table
from artfs.format.node import Entry, Kind, encode_page
from artfs.format.pack import MAX_PLAIN_SIZE, PackKind, RecordKind
from artfs.names import parse_ref
from artfs.store import open_store, root_entry
from artfs.store.read.extract import extract
from tests.support.faults.hostile import DECODERS, SEEDS, corpus

CORPUS = list(corpus())


def _refused(decoder: str, data: bytes) -> bool:
    """Whether bytes are refused, in the only way that is allowed."""
    try:
        DECODERS[decoder](data)
    except ArtfsError:
        return True
    return False


def test_what_the_corpus_is_made_of_is_sound() -> None:
    assert [decoder for decoder, data in SEEDS.items() if _refused(decoder, data)] == []


def test_a_corpus_of_hostile_bytes_meets_nothing_but_errors_of_artfs() -> None:
    assert len({(case.decoder, case.data) for case in CORPUS}) >= 200
    refused = [_refused(case.decoder, case.data) for case in CORPUS]
    assert sum(refused) > 200
    named = [case for case in CORPUS if case.what.startswith("the name") and "xff" not in case.what]
    assert all(_refused(case.decoder, case.data) for case in named)
    assert all(_refused(case.decoder, case.data) for case in CORPUS if case.decoder == "frame" and "claim" in case.what)


def _decode_all(sending: object) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for case in CORPUS:
        _refused(case.decoder, case.data)
    sending.send((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) << 10)  # type: ignore[attr-defined]


def test_hostile_bytes_take_no_more_memory_than_two_of_the_largest_chunks() -> None:
    receiving, sending = multiprocessing.Pipe(duplex=False)
    child = multiprocessing.get_context("fork").Process(target=_decode_all, args=(sending,))
    child.start()
    sending.close()
    assert receiving.recv() <= 2 * MAX_PLAIN_SIZE
    child.join()


@settings(max_examples=1500, deadline=None)
@given(data=st.data())
def test_random_changes_of_sound_bytes_meet_nothing_but_errors_of_artfs(data: st.DataObject) -> None:
    decoder = data.draw(st.sampled_from(sorted(SEEDS)))
    raw = bytearray(SEEDS[decoder])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw)))
        raw[at : at + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=8))
    _refused(decoder, bytes(raw))


HOSTILE_NODES = [case for case in CORPUS if case.decoder in {"page", "list"}][::3]


@pytest.mark.parametrize("part", range(2))
def test_a_hostile_tree_in_a_store_is_reported_and_written_nowhere_outside(tmp_path: Path, part: int) -> None:
    who = Actor("eve", "lab", 1, None)
    with open_store(tmp_path / "store", create=True) as store:
        refs = []
        for number, case in enumerate(HOSTILE_NODES[part::2]):
            if not case.data:
                continue
            top = encode_page(0, [Entry(b"d", Kind.DIRECTORY, 0o755, 0, 0, digest(case.data), 0, digest(case.data))])
            with PackWriter(store.layout.packs, store.layout.tmp, PackKind.NODES) as writer:
                for node in {case.data, top.data}:
                    writer.append(encode_record(RecordKind.NODE, *digest_and_table(node), node))
                packs = writer.finish()
            rows = [(pack.pack, PackRow(pack.kind, pack.size, pack.count)) for pack in packs]
            store.catalog.add_content(rows, [], [(digest(node), node) for node in (case.data, top.data)])
            tree = Tree(top.node, top.digest, top.size, top.below, 0o755, 0)
            store.catalog.create_version(NewVersion(f"hostile{number}"), tree, who)
            refs.append(f"hostile{number}")
        before = sorted(path for path in tmp_path.rglob("*") if "store" not in path.parts)
        refused = 0
        for ref in refs:
            try:
                extract(store, root_entry(store.version(parse_ref(ref))), tmp_path / "out" / ref)
            except ArtfsError:
                refused += 1
        assert refused > len(refs) // 2
    outside = [path for path in tmp_path.iterdir() if path.name not in {"store", "out"}]
    assert [path for path in before if path.parent == tmp_path] == outside
    found = check_store(tmp_path / "store").findings
    assert len(found) >= refused
    assert {finding.invariant[0] for finding in found} <= {"T", "L", "C"}


def test_a_hostile_node_is_an_integrity_error_and_no_other() -> None:
    for case in CORPUS:
        if case.decoder in {"page", "list", "frame", "trailer", "pack header", "record head"}:
            try:
                DECODERS[case.decoder](case.data)
            except IntegrityError:
                continue
