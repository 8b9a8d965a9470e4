"""Every invariant of docs/FORMAT.md has a test that damages it; fsck names it."""

from __future__ import annotations

import os
import re
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from pathlib import Path

import pytest
from blake3 import blake3

from artfs.catalog import Actor, NewVersion, Tree
from artfs.drafts.fsck import check_store
from artfs.format.digest import digest
from artfs.format.node import EncodedPage, Entry, Kind, encode_page
from artfs.store import open_store
from tests.support.data.checked import assert_clean, invariants
from tests.support.mounts.mounts import ROOT

SCAN, INDEX, STORE, DRAFT = (
    "tests/chunks/test_check_pack.py::",
    "tests/catalog/check/test_check_index.py::test_a_violation_is_found_and_named",
    "tests/store/fsck/test_check_store.py::test_",
    "tests/drafts/fsck/test_fsck.py::test_a_violation_is_found_and_named",
)
HERE = "tests/faults/test_invariants.py::test_"

TESTED = {
    "P1": SCAN + "test_p1_a_pack_under_another_packs_name_is_found",
    "P2": SCAN + "test_p2_a_damaged_header_is_found_and_the_records_are_checked_all_the_same",
    "P3": SCAN + "test_p3_bytes_between_the_records_and_the_footer_are_found",
    "P4": SCAN + "test_p4_a_damaged_head_is_found",
    "P5": SCAN + "test_p5_a_block_table_of_other_data_is_found",
    "P6": SCAN + "test_p6_data_of_another_digest_is_found",
    "P7": SCAN + "test_p7_a_bit_of_a_frame_that_decompression_overlooks_is_found",
    "P8": SCAN + "test_p8_padding_that_is_not_zero_is_found",
    "P9": SCAN + "test_p9_a_damaged_trailer_is_found_and_the_records_are_checked_all_the_same",
    "P10": SCAN + "test_p10_a_damaged_footer_is_found_and_the_records_are_checked_all_the_same",
    "P11": SCAN + "test_p11_a_footer_that_describes_another_record_is_found",
    "P12": SCAN + "test_p12_a_chunk_in_a_pack_of_nodes_is_found",
    "T1": STORE + "a_tree_that_no_sound_artfs_writes_is_found[a link with another digest]",
    "T2": STORE + "a_tree_that_no_sound_artfs_writes_is_found[unsorted names]",
    "T3": STORE + "a_tree_that_no_sound_artfs_writes_is_found[a page row with another name]",
    "T4": STORE + "a_tree_that_no_sound_artfs_writes_is_found[a directory row of another size]",
    "T5": STORE + "a_tree_that_no_sound_artfs_writes_is_found[a page cut too early]",
    "T6": HERE + "t6_a_node_that_is_in_no_pack_is_found",
    "L1": STORE + "a_tree_that_no_sound_artfs_writes_is_found[a list that rises not]",
    "L2": STORE + "a_tree_that_no_sound_artfs_writes_is_found[a piece of another length]",
    **{f"J{number}": HERE + f"a_violation_of_the_journal_is_found_and_named[J{number}]" for number in range(1, 8)},
    "J8": INDEX + "[an index ahead of the journal]",
    "C1": INDEX + "[a key of no table]",
    "C2": INDEX + "[no state]",
    "C3": INDEX + "[a name without its artifact]",
    "C4": INDEX + "[a version beyond the next]",
    "C5": INDEX + "[an alias of nothing]",
    "C6": INDEX + "[a version not listed]",
    "C7": INDEX + "[a serial that leads nowhere]",
    "C8": STORE + "an_edited_index_is_found_and_made_again[a description that nobody gave]",
    "C9": STORE + "an_edited_index_is_found_and_made_again[a chunk elsewhere]",
    "C10": STORE + "an_edited_index_is_found_and_made_again[a chunk forgotten]",
    "C11": HERE + "c11_a_version_whose_top_node_is_nowhere_is_found",
    "C12": INDEX + "[a run not listed]",
    "C13": INDEX + "[an edge of no run]",
    "C14": "tests/kv/test_mdb_check.py::test_a_page_in_use_that_is_listed_as_free_is_found",
    "O1": "tests/cli/test_shared_store.py::test_foreign_files_are_named_and_given_back",
    "O2": "tests/store/test_symlinks_in_a_store.py::test_a_pack_that_is_a_symlink_is_named",
    "R5": DRAFT + "[a key of no table]",
    "R6": DRAFT + "[no state]",
    "R7": DRAFT + "[a name of no inode]",
    "R8": DRAFT + "[a name too many]",
    "R9": DRAFT + "[bytes twice]",
    "R10": DRAFT + "[a data file that is missing]",
    "R11": DRAFT + "[a content that the store has not]",
    "R12": "tests/drafts/fsck/test_fsck.py::test_a_damaged_counter_is_found_and_repaired_above_all_drafts",
    "R13": "tests/drafts/salvage/test_salvage.py::test_two_damaged_places_cost_two_records",
}
OF_WRITERS = {"P13", "P14", "P15", "R1", "R2", "R3", "R4"}
"""These are about the order of writes: faults while writing prove them (tests/faults)."""


def _of_format() -> set[str]:
    text = (files("artfs") / "docs" / "FORMAT.md").read_text()
    return set(re.findall(r"^- (?:\*\*)?([PTLJCRO][0-9]+)(?:\*\*|\.)", text, re.MULTILINE))


@cache
def _collected() -> set[str]:
    names = sorted({test.partition("::")[0] for test in TESTED.values()})
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *names]
    return set(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines())


def test_every_invariant_of_the_format_has_a_test_that_damages_it() -> None:
    assert len(_of_format()) > 50
    assert _of_format() - OF_WRITERS == TESTED.keys()
    assert not set(TESTED.values()) - _collected()


# --------------------------------------------------------------------------------------------------------- journal

_HEADER, _HEAD = 64, 56


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store with five records in its journal, the last of them in a second segment."""
    with open_store(tmp_path / "store", create=True) as store:
        (tmp_path / "file").write_bytes(b"one")
        for _ in range(2):
            store.put([tmp_path / "file"], NewVersion("animals"))
        monkeypatch.setattr("artfs.catalog.journal.SEGMENT_SIZE", 100)
        store.put([tmp_path / "file"], NewVersion("animals"))
        monkeypatch.undo()
        for _ in range(2):
            store.put([tmp_path / "file"], NewVersion("animals"))
    return tmp_path / "store"


def _segment(place: Path) -> Path:
    return max((place / "journal").glob("*.journal"))


def _records(raw: bytes) -> list[bytes]:
    found, at = [], _HEADER
    while at < len(raw):
        end = at + _HEAD + int.from_bytes(raw[at + 4 : at + 8], "little") + 32
        found.append(raw[at:end])
        at = end
    return found


def _sealed(record: bytes) -> bytes:
    """A record with right checksums, whatever it says."""
    body = record[:52] + struct.pack("<I", zlib.crc32(record[:52])) + record[56:-32]
    return body + blake3(body).digest()


def _cut_within(place: Path) -> None:
    first = min((place / "journal").glob("*.journal"))
    os.truncate(first, first.stat().st_size - 7)


def _edit(edit: Callable[[bytes, list[bytes]], bytes]) -> Callable[[Path], None]:
    def harm(place: Path) -> None:
        raw = _segment(place).read_bytes()
        _segment(place).write_bytes(edit(raw[:_HEADER], _records(raw)))

    return harm


def _header_of_nothing(header: bytes, records: list[bytes]) -> bytes:
    return bytes((header[0] ^ 1,)) + header[1:] + b"".join(records)


def _header_of_another(header: bytes, records: list[bytes]) -> bytes:
    changed = header[:16] + bytes(32) + header[48:60]
    return changed + struct.pack("<I", zlib.crc32(changed)) + b"".join(records)


def _another_seq(header: bytes, records: list[bytes]) -> bytes:
    last = records[-1]
    return header + b"".join(records[:-1]) + _sealed(last[:8] + (99).to_bytes(8, "little") + last[16:])


def _another_before(header: bytes, records: list[bytes]) -> bytes:
    last = records[-1]
    return header + b"".join(records[:-1]) + _sealed(last[:16] + bytes(32) + last[48:])


def _flipped_hash(header: bytes, records: list[bytes]) -> bytes:
    return header + b"".join(records)[:-1] + bytes((records[-1][-1] ^ 1,))


def _body_of_nothing(header: bytes, records: list[bytes]) -> bytes:
    last = records[-1]
    return header + b"".join(records[:-1]) + _sealed(last[:56] + b"\xc1" + last[57:])


HARM: dict[str, Callable[[Path], None]] = {
    "J1": _edit(_header_of_nothing),
    "J2": _edit(_header_of_another),
    "J3": _edit(_another_seq),
    "J4": _edit(_another_before),
    "J5": _edit(_flipped_hash),
    "J6": _edit(_body_of_nothing),
    "J7": _cut_within,
}


@pytest.mark.parametrize("invariant", HARM)
def test_a_violation_of_the_journal_is_found_and_named(place: Path, invariant: str) -> None:
    assert_clean(place)
    HARM[invariant](place)
    assert invariant in invariants(check_store(place))


# ----------------------------------------------------------------------------------------------------------- nodes

WHO = Actor("ann", "lab", 4711, None)


def _page() -> EncodedPage:
    return encode_page(0, [Entry(b"empty", Kind.FILE, 0o644, 0, 0, digest(b""))])


def _tree(page: EncodedPage) -> Tree:
    return Tree(page.node, page.digest, page.size, page.below, 0o755, 0)


def test_t6_a_node_that_is_in_no_pack_is_found(place: Path) -> None:
    page = _page()
    with open_store(place) as store:
        store.catalog.add_content([], [], [(page.node, page.data)])
        store.catalog.create_version(
            NewVersion("new"), Tree(page.node, page.digest, page.size, page.below, 0o755, 0), WHO
        )
    assert "T6" in invariants(check_store(place))


def test_c11_a_version_whose_top_node_is_nowhere_is_found(place: Path) -> None:
    page = _page()
    with open_store(place) as store:
        store.catalog.create_version(
            NewVersion("new"), Tree(page.node, page.digest, page.size, page.below, 0o755, 0), WHO
        )
    assert "C11" in invariants(check_store(place))
