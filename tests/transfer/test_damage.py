"""A bundle that is cut off, damaged, of a newer format or put together wrongly is refused as a whole, by one line."""

from __future__ import annotations

import os
import random
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import msgspec
import pytest

from artfs.catalog import NewRun, current_actor
from artfs.chunks.record import EncodedRecord, encode_record
from artfs.errors import BundleDamagedError, BundleFormatError, SourceError
from artfs.format.bundle import BundledVersion, Document, Summary
from artfs.format.digest import digest, digest_and_table
from artfs.format.node import Entry, Kind, encode_page
from artfs.format.pack import RecordKind
from artfs.store import Store
from tests.support.data.bundles import (
    NAME,
    bundle_of,
    composed,
    leftovers,
    noise,
    parts_of,
    put,
    refs_in,
    take,
)
from tests.support.data.checked import assert_clean


@pytest.fixture
def bundle(here: Store, tmp_path: Path) -> bytes:
    """Everything that is in a bundle, in a few kilobytes: raw and compressed chunks, lists, runs, aliases."""
    here.catalog.start_run(NewRun("train000"), current_actor())
    files = {"raw": noise(1, 700), "text": b"compress me " * 100, "deep/empty": b"", "deep/blocks": noise(2, 33_000)}
    put(here, tmp_path / "a", files, aliases=["best"], logged_by="train000", metadata=b'{"a":1}')
    return bundle_of(here, "animals:v0", aliases=True)


def test_a_bundle_cut_off_anywhere_is_refused_and_nothing_of_it_is_seen(there: Store, bundle: bytes) -> None:
    rng = random.Random(1)
    for size in {0, 1, 7, 8, 63, 64, 65, 80, len(bundle) - 1, *rng.sample(range(len(bundle)), 60)}:
        with pytest.raises(SourceError) as refused:
            take(there, bundle[:size])
        assert str(refused.value).startswith(NAME)
        assert "\n" not in str(refused.value)
        if size:
            assert isinstance(refused.value, BundleDamagedError)
            assert f"cut off after {size} bytes" in str(refused.value)
        assert refs_in(there) == []
    assert_clean(there.path)
    assert take(there, bundle).received.changed


def test_every_byte_of_a_bundle_is_checked(there: Store, bundle: bytes) -> None:
    rng = random.Random(2)
    for at in range(len(bundle)):
        if at > 4000 and at % 37 and at < len(bundle) - 400:
            continue  # most of it is one raw chunk
        flipped = bytearray(bundle)
        flipped[at] ^= 1 << rng.randrange(8)
        with pytest.raises(SourceError) as refused:
            take(there, bytes(flipped), dry_run=True)
        assert str(refused.value).startswith(NAME)
        if at >= 8:
            assert isinstance(refused.value, BundleDamagedError), (at, refused.value)
    assert refs_in(there) == []


def test_a_flipped_bit_is_named_by_chunk_and_place_and_nothing_is_published(there: Store, bundle: bytes) -> None:
    chunk = noise(1, 700)
    at = bundle.index(chunk)
    flipped = bytearray(bundle)
    flipped[at + 300] ^= 4
    with pytest.raises(BundleDamagedError, match=rf"damaged at byte {at - 64}: chunk {digest(chunk).hex()}: "):
        take(there, bytes(flipped))
    rng = random.Random(3)
    for _round in range(40):
        flipped = bytearray(bundle)
        flipped[rng.randrange(64, len(bundle))] ^= 1 << rng.randrange(8)
        with pytest.raises(BundleDamagedError):
            take(there, bytes(flipped))
        assert refs_in(there) == []
    assert_clean(there.path)
    assert take(there, bundle).received.changed
    assert_clean(there.path)


def test_a_newer_format_and_what_is_no_bundle_are_refused_by_one_line(there: Store, bundle: bytes) -> None:
    header = bytearray(bundle[:64])
    header[8:12] = struct.pack("<I", 2)
    header[60:64] = struct.pack("<I", crc32(header[:60]))
    with pytest.raises(BundleFormatError, match="it has format 2, and this artfs reads format 1: update artfs"):
        take(there, bytes(header) + bundle[64:])
    for data in (b"", b"PK\3\4" + bytes(100), bundle[:8].lower() + bundle[8:]):
        with pytest.raises(BundleFormatError, match="no file that `artfs export` wrote"):
            take(there, data)
    with pytest.raises(BundleDamagedError, match="more behind its end"):
        take(there, bundle + b"\0")
    assert leftovers(there.path) == []


@dataclass
class Parts:
    """The parts of a bundle, to be changed."""

    documents: list[Document]
    records: list[EncodedRecord]


def _dropped(parts: Parts) -> None:
    del parts.records[0]


def _reversed(parts: Parts) -> None:
    parts.records.reverse()


def _without_top(parts: Parts) -> None:
    del parts.records[-1]


def _without_artifact(parts: Parts) -> None:
    del parts.documents[1]


def _without_summary(parts: Parts) -> None:
    del parts.documents[0]


def _twice(parts: Parts) -> None:
    parts.documents.insert(3, parts.documents[2])


def _another_size(parts: Parts) -> None:
    version = parts.documents[2]
    assert isinstance(version, BundledVersion)
    parts.documents[2] = msgspec.structs.replace(version, tree=msgspec.structs.replace(version.tree, size=1))


def _fewer(parts: Parts) -> None:
    summary = parts.documents[0]
    assert isinstance(summary, Summary)
    parts.documents[0] = msgspec.structs.replace(summary, versions=7)


def _of_no_tree(parts: Parts) -> None:
    data = b"ATN1" + b"x" * 100
    parts.records.append(_node(data))


def _of_wrong_positions(parts: Parts) -> None:
    """A directory whose row says that more is below it than there is."""
    below = encode_page(0, [])
    row = Entry(b"d", Kind.DIRECTORY, 0o755, 1, 7, below.digest, 9, below.node)
    top = encode_page(0, [row])
    parts.records[:] = [_node(below.data), _node(top.data)]
    _set_tree(parts, top.node, top.digest, 7, 10)


def _cut_where_none_is(parts: Parts, *, first_is_there: bool = False) -> None:
    """A directory whose two pages should be one; perhaps the first of them is in the store already."""
    rows = [Entry(b"%03d" % number, Kind.FILE, 0o644, 1, 0, digest(b"")) for number in range(100)]
    leaves = [encode_page(0, rows[:70]), encode_page(0, rows[70:])]
    top = encode_page(1, [leaf.as_row() for leaf in leaves])
    parts.records[:] = [_node(page.data) for page in (*leaves[first_is_there:], top)]
    _set_tree(parts, top.node, top.digest, 0, 100)


def _set_tree(parts: Parts, root: bytes, content: bytes, size: int, entries: int) -> None:
    version = parts.documents[2]
    assert isinstance(version, BundledVersion)
    tree = msgspec.structs.replace(version.tree, root=root, digest=content, size=size, entries=entries)
    parts.documents[2] = msgspec.structs.replace(version, tree=tree)


def _node(data: bytes) -> EncodedRecord:
    return encode_record(RecordKind.NODE, *digest_and_table(data), data)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_dropped, "points to (chunk|node) [0-9a-f]{64}, which is neither before it nor in the store"),
        (_reversed, "neither before it nor in the store"),
        (_without_top, r"is lost \(C11\)"),
        (_without_artifact, "not in its place"),
        (_without_summary, "does not begin with its summary"),
        (_twice, "a version is in it twice"),
        (_another_size, r"\(T4\)"),
        (_fewer, "its versions are not those that it should have"),
        (_of_no_tree, "tree node .* is malformed"),
        (_of_wrong_positions, r"\(T4\)"),
        (_cut_where_none_is, r"\(T5\)"),
    ],
)
def test_a_bundle_that_is_sound_byte_for_byte_and_breaks_a_rule_is_refused(
    there: Store, bundle: bytes, change: Callable[[Parts], None], words: str
) -> None:
    parts = Parts(*parts_of(bundle))
    change(parts)
    with pytest.raises(SourceError, match=words):
        take(there, composed(parts.documents, parts.records))
    assert refs_in(there) == []
    assert_clean(there.path)
    assert take(there, bundle).received.changed
    assert_clean(there.path)


def test_pages_that_fit_those_that_are_there_as_little_are_refused(
    here: Store, there: Store, bundle: bytes, tmp_path: Path
) -> None:
    put(here, tmp_path / "some", {f"{number:03}": b"" for number in range(70)}, "some")
    for path in (tmp_path / "some").iterdir():
        path.chmod(0o644)
        os.utime(path, ns=(1, 1))
    put(here, tmp_path / "some", {}, "some")
    take(there, bundle_of(here, "some:v1"))
    parts = Parts(*parts_of(bundle))
    _cut_where_none_is(parts, first_is_there=True)
    with pytest.raises(BundleFormatError, match=r"ends where it should go on \(T5\)"):
        take(there, composed(parts.documents, parts.records))
    assert_clean(there.path)


def test_what_a_broken_bundle_left_makes_no_later_put_count_on_it(here: Store, there: Store, tmp_path: Path) -> None:
    """A node that came without what is below it is not in the index: a put of the same tree stores all of it."""
    put(here, tmp_path / "a", {"x": noise(1, 5000), "d/y": noise(2, 5000)})
    documents, records = parts_of(bundle_of(here, "animals:v0"))
    chunks = [record for record in records if record.kind == RecordKind.CHUNK]
    with pytest.raises(BundleFormatError):
        take(there, composed(documents, [record for record in records if record is not chunks[-1]]))
    put(there, tmp_path / "a", {}, "own")
    assert_clean(there.path)


def test_a_bundle_put_together_again_is_the_same(bundle: bytes, here: Store) -> None:
    assert composed(*parts_of(bundle), store=bytes.fromhex(here.layout.format.store_id)) == bundle
