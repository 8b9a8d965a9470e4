"""What a node points to, read without decoding its rows."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from artfs.format.digest import digest
from artfs.format.node import Entry, Kind, Page, encode_page
from artfs.format.pack import RecordKind
from artfs.format.reference import ChunkList, Reference, reference_entry
from artfs.store.tree.links import Root, links, root_of_file

_CHUNKS = {
    "reference": None,
    "reference to one chunk": ChunkList(digest(b"chunk")),
    "reference with a list": ChunkList(digest(b"rows"), 80),
    "reference with a long list": ChunkList(digest(b"list of rows"), 4_000_000, 1),
}
_KINDS = st.sampled_from(["file", "empty", "list", "directory", "symlink", *_CHUNKS])


def _entry(name: bytes, kind: str) -> Entry:
    content, node = digest(name + kind.encode()), digest(b"node" + name)
    match kind:
        case "empty":
            return Entry(name, Kind.FILE, 0o644, 1, 0, digest(b""))
        case "file":
            return Entry(name, Kind.FILE, 0o644, 1, 7, content)
        case "list":
            return Entry(name, Kind.FILE, 0o644, 1, 7, content, extra=b"\1")
        case "directory":
            return Entry(name, Kind.DIRECTORY, 0o755, 1, 7, content, 3, node)
        case "symlink":
            return Entry(name, Kind.SYMLINK, 0o777, 1, 6, digest(b"target"), extra=b"target")
        case _:
            return reference_entry(name, Reference("a:b", 7, chunks=_CHUNKS[kind]), 0o644, 1)


@given(st.lists(_KINDS, max_size=30))
def test_links_of_a_page_are_those_of_its_rows(kinds: list[str]) -> None:
    entries = [_entry(b"%03d" % number, kind) for number, kind in enumerate(kinds)]
    data = encode_page(0, entries).data
    rows = Page(data).entries()
    expected = [root_of_file(row) for row in rows if row.kind == Kind.FILE and row.size]
    for kind in kinds:
        if kind == "reference with a list":
            expected.append(Root(RecordKind.CHUNK, digest(b"rows")))
        elif kind == "reference with a long list":
            expected.append(Root(RecordKind.NODE, digest(b"list of rows")))
    expected += [Root(RecordKind.NODE, row.node) for row in rows if row.kind == Kind.DIRECTORY]
    assert list(links(data)) == expected


def test_links_of_an_inner_page_are_its_pages() -> None:
    below = [encode_page(0, [_entry(b"%d" % number, "file")]) for number in range(3)]
    assert list(links(encode_page(1, [page.as_row() for page in below]).data)) == [
        Root(RecordKind.NODE, page.node) for page in below
    ]
