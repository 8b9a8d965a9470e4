"""What a node points to, read without decoding its rows."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from artfs.format.digest import digest
from artfs.format.node import Entry, Kind, Page, encode_page
from artfs.format.pack import RecordKind
from artfs.store.tree.links import Root, links, root_of_file

_KINDS = st.sampled_from(["file", "empty", "list", "directory", "symlink", "reference"])


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
        case _:
            return Entry(name, Kind[kind.upper()], 0o777, 1, 7, content, extra=b"target")


@given(st.lists(_KINDS, max_size=30))
def test_links_of_a_page_are_those_of_its_rows(kinds: list[str]) -> None:
    entries = [_entry(b"%03d" % number, kind) for number, kind in enumerate(kinds)]
    data = encode_page(0, entries).data
    rows = Page(data).entries()
    expected = [root_of_file(row) for row in rows if row.kind == Kind.FILE and row.size]
    expected += [Root(RecordKind.NODE, row.node) for row in rows if row.kind == Kind.DIRECTORY]
    assert list(links(data)) == expected


def test_links_of_an_inner_page_are_its_pages() -> None:
    below = [encode_page(0, [_entry(b"%d" % number, "file")]) for number in range(3)]
    assert list(links(encode_page(1, [page.as_row() for page in below]).data)) == [
        Root(RecordKind.NODE, page.node) for page in below
    ]
