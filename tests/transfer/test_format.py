"""A bundle as docs/FORMAT.md describes it: written here by that page alone, and one of the first release."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import msgspec
from blake3 import blake3

from artfs.format.node import Entry
from artfs.names import parse_ref
from artfs.store import Store, root_entry
from artfs.transfer.bundle_stream import BundleReader
from tests.support.data.bundles import refs_in, take
from tests.support.data.checked import assert_clean

_OLD = Path(__file__).parents[1] / "data/bundle-v1/animals.artfs"
"""Made once by `artfs export animals:v0 animals:v2 --aliases`; read on every run."""


def _crc(data: bytes) -> bytes:
    return data + struct.pack("<I", zlib.crc32(data))


def _document(*fields: object) -> bytes:
    body = msgspec.msgpack.encode(fields)
    data = _crc(b"DOC1" + struct.pack("<I", len(body)) + bytes(4)) + body
    return data + blake3(data).digest() + bytes(-len(data) % 8)


def _record(kind: int, data: bytes) -> bytes:
    head = struct.pack("<4sBBHII32sI8s", b"REC1", 0, kind, 0, len(data), len(data), blake3(data).digest(), 0, bytes(8))
    return _crc(head) + data + bytes(-len(data) % 8)


def _page(name: bytes, data: bytes, mode: int, mtime: int) -> tuple[bytes, int]:
    """A directory of one small file, and how many bytes of it are its content."""
    header = struct.pack("<4sB3xIIQQ", b"ATN1", 0, 1, len(name), 1, len(data))
    row = struct.pack("<IBBHQQ32s", 0, len(name), 1, mode, 0, len(data), blake3(data).digest())
    return header + row + name + struct.pack("<q", mtime), len(header + row + name)


def test_a_bundle_that_another_implementation_wrote_by_the_page_is_imported(there: Store) -> None:
    page, content = _page(b"hello.txt", b"hello\n", 0o640, 1_234_567_890)
    tree = [blake3(page).digest(), blake3(page[:content]).digest(), 6, 1, 0o750, 99]
    fields = ["from elsewhere", b'{"by":"hand"}', ["made"], None]
    identity = ["greetings", 4, 1000, tree[0]]
    documents = [
        _document("bundle", 7, "by hand", 1, 6, []),
        _document("artifact", "greetings", "text", 900, "words"),
        _document("version", "greetings", 4, tree, 1000, fields, "writer01", None, "api", None),
        _document("alias", "greetings", 4, "first"),
        _document("run", "writer01", ["writer", "", b"{}", b"{}"], 800, "ann", "lab", 7, ["write"], None, "/", None,
                  "finished", 1100, 0),
        _document("edge", "writer01", False, identity, "api", 1000, 0, []),
    ]  # fmt: skip
    records = [_record(1, b"hello\n"), _record(2, page)]
    header = _crc(b"ARTFSBDL" + struct.pack("<I4x", 1) + bytes(range(16)) + bytes(28))
    before = header + b"".join(documents + records)
    chain = blake3(header + b"".join(documents) + b"".join(record[:64] for record in records)).digest()
    bundle = before + _document("end", len(documents), 1, 1, len(before), chain)
    take(there, bundle)
    version = there.version(parse_ref("greetings:first"))
    ((path, entry),) = there.walk(root_entry(version))
    assert (path, entry.mode, entry.mtime_ns) == (b"hello.txt", 0o640, 1_234_567_890)
    assert bytes(there.content.read(entry, 0, 6)) == b"hello\n"
    assert (version.index, version.logged_by, version.tags) == (4, "writer01", ("made",))
    assert_clean(there.path)


def test_a_bundle_of_the_first_format_is_imported(there: Store) -> None:
    take(there, _OLD.read_bytes())
    assert refs_in(there) == ["animals:v0", "animals:v2"]
    version = there.version(parse_ref("animals:best"))
    found = {path: bytes(there.content.read(entry, 0, entry.size)) for path, entry in _files(there, "animals:v2")}
    assert found == {b"a.txt": b"text " * 200, b"raw": bytes(range(256)), b"deep/\xff": b"odd"}
    assert (version.index, version.tags, version.description) == (2, ("clean",), "the second")
    assert version.logged_by == "train000"
    with there.catalog.view() as view:
        assert view.resolve_run("train000").state == "finished"
        kept = view.origin(version)
        assert kept is not None
        with _OLD.open("rb") as file:
            assert kept.store == BundleReader(file, "it").store_id
    assert_clean(there.path)


def _files(store: Store, ref: str) -> list[tuple[bytes, Entry]]:
    return [(path, entry) for path, entry in store.walk(root_entry(store.version(parse_ref(ref)))) if entry.kind == 1]
