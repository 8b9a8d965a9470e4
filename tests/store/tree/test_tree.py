"""Trees: an edited tree is the tree built from scratch, edits and comparisons touch only what changed."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artfs.errors import NotFoundError
from artfs.format.chunklist import Piece
from artfs.format.digest import digest
from artfs.format.node import Entry, Kind, Page
from artfs.store.tree.build import as_directory, build_content, build_directory, edit_directory, edit_tree
from artfs.store.tree.diff import diff_trees
from artfs.store.tree.pages import Pages
from artfs.store.tree.paging import MAX_ROWS
from tests.support.schedules import ObservedDict, Rival


class Memory(dict[bytes, bytes]):
    """A node store in memory that counts what is new."""

    written = 0

    def add(self, node: bytes, data: bytes) -> None:
        assert digest(data) == node
        if node not in self:
            self.written += len(data)
            self[node] = data


def _file(name: bytes, content: bytes = b"") -> Entry:
    return Entry(name, Kind.FILE, 0o644, 0, len(content), digest(content))


def _numbered(count: int) -> list[Entry]:
    return [_file(b"file-%07d" % number, b"%d" % number) for number in range(count)]


@settings(deadline=None, max_examples=60)
@given(st.sampled_from([0, 1, 64, 65, 300, 3000]), st.integers(0, 2**32), st.integers(1, 30))
def test_an_edited_directory_is_the_directory_built_from_scratch(count: int, seed: int, edits: int) -> None:
    memory = Memory()
    pages = Pages(memory.__getitem__)
    entries = _numbered(count)
    top = build_directory(entries, memory)
    random_ = random.Random(seed)
    current = {entry.name: entry for entry in entries}
    changes: dict[bytes, Entry | None] = {}
    for _ in range(edits):
        number = random_.randrange(count + 10)
        for touched in range(number, number + random_.choice([1, 1, 100])):
            what = random_.choice(["remove", "change", "add"])
            name = b"file-%07d%s" % (touched, b"+" if what == "add" else b"")
            change = None if what == "remove" else _file(name, b"%d" % random_.randrange(3))
            changes[name] = change
            current.pop(name, None)
            if change is not None:
                current[name] = change
    edited = edit_directory(top.node, changes, pages, memory)
    scratch = build_directory([current[name] for name in sorted(current)], memory)
    assert edited == scratch
    old = {entry.name: entry for entry in entries}
    expected = sorted(name for name in old.keys() | current.keys() if old.get(name) != current.get(name))
    assert [difference.path for difference in diff_trees(top.node, edited.node, pages)] == expected


def test_a_large_directory_is_listed_found_and_numbered_across_its_pages() -> None:
    memory = Memory()
    pages = Pages(memory.__getitem__, max_bytes=1 << 18)
    entries = _numbered(20_000)
    top = build_directory(entries, memory)
    assert pages.get(top.node).level == 1
    listed = list(pages.iterate(top.node))
    assert [entry for _position, entry in listed] == entries
    assert [position for position, _entry in listed] == list(range(20_000))
    for number in random.Random(1).sample(range(20_000), 500):
        assert pages.find(top.node, entries[number].name) == (entries[number], number)
        assert pages.descend(top.node, number) == entries[number]
        assert next(pages.iterate(top.node, number)) == (number, entries[number])
    with pytest.raises(NotFoundError):
        pages.descend(top.node, 20_000)


def test_pages_stay_within_their_bounds() -> None:
    memory = Memory()
    build_directory(_numbered(50_000), memory)
    assert all(len(Page(data)) <= MAX_ROWS for data in memory.values())
    assert max(map(len, memory.values())) < 128 * 1024


def _nested(memory: Memory, depth: int, width: int) -> Entry:
    entries = [_file(b"f%d" % number, b"%d/%d" % (depth, number)) for number in range(width)]
    if depth:
        inner = _nested(memory, depth - 1, width)
        entries.append(as_directory(Entry(b"sub", Kind.DIRECTORY, 0o755, 0, 0, b""), inner))
    return build_directory(sorted(entries), memory)


def test_positions_number_a_nested_tree_in_preorder() -> None:
    memory = Memory()
    pages = Pages(memory.__getitem__)
    top = _nested(memory, 5, 90)

    def preorder(node: bytes) -> list[Entry]:
        found = []
        for _position, entry in pages.iterate(node):
            found.append(entry)
            if entry.kind == Kind.DIRECTORY:
                found += preorder(entry.node)
        return found

    walked = preorder(top.node)
    assert top.below == len(walked) == 6 * 90 + 5
    assert [pages.descend(top.node, position) for position in range(len(walked))] == walked


def test_an_edit_deep_in_a_tree_writes_only_the_path_to_it() -> None:
    memory = Memory()
    pages = Pages(memory.__getitem__)
    top = _nested(memory, 5, 2000)
    memory.written = 0
    path = (b"sub", b"sub", b"sub", b"new")
    edited = edit_tree(top.node, {path: _file(b"new", b"!")}, pages, memory)
    assert memory.written < 300_000 < sum(map(len, memory.values()))
    assert [difference.path for difference in diff_trees(top.node, edited.node, pages)] == [b"/".join(path)]
    assert edited.below == top.below + 1


def test_an_edit_below_a_directory_that_is_not_there_is_refused() -> None:
    memory = Memory()
    top = build_directory(_numbered(3), memory)
    for parent in (b"nowhere", b"file-0000001"):
        with pytest.raises(NotFoundError):
            edit_tree(top.node, {(parent, b"x"): _file(b"x")}, Pages(memory.__getitem__), memory)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 3000), st.integers(1, 1000))
def test_every_byte_of_a_file_is_found_in_its_chunk(count: int, length: int) -> None:
    memory = Memory()
    pages = Pages(memory.__getitem__)
    chunks = [Piece(length + number % 3, digest(b"%d" % number)) for number in range(count)]
    content, extra = build_content(chunks, memory)
    entry = Entry(b"f", Kind.FILE, 0o644, 0, sum(chunk.length for chunk in chunks), content, extra=extra)
    assert list(pages.pieces(entry)) == chunks
    for number in range(0, count, max(count // 20, 1)):
        chunk = chunks[number]
        start = sum(earlier.length for earlier in chunks[:number])
        assert pages.piece_at(entry, start) == (start, chunk.length, chunk.digest)
        assert pages.piece_at(entry, start + chunk.length - 1) == (start, chunk.length, chunk.digest)


@pytest.mark.parametrize("method", ["get", "entries"])
def test_a_page_that_two_threads_load_at_once_counts_once(monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    memory = Memory()
    directories = [build_directory(_numbered(count), memory).node for count in (40, 41)]
    loaded: list[bytes] = []
    rival: Rival[object] = Rival()

    def load(node: bytes) -> bytes:
        loaded.append(node)
        return memory[node]

    room = sum(len(memory[node]) + 400 for node in directories)
    monkeypatch.setattr("artfs.store.tree.pages._MAX_DECODED_ROWS", 81)
    with monkeypatch.context() as patch:
        patch.setattr("artfs.store.tree.pages.threading.Lock", rival.lock)
        patch.setattr("artfs.store.tree.pages.OrderedDict", ObservedDict)
        pages = Pages(load, room)
    if method == "entries":
        pages.get(directories[0])
    ObservedDict.before_set.append(lambda: rival.meanwhile(lambda: getattr(pages, method)(directories[0])))
    kept = getattr(pages, method)(directories[0])
    rival.result()
    getattr(pages, method)(directories[1])
    loaded.clear()
    again = getattr(pages, method)(directories[0])
    assert again is kept if method == "get" else again == kept
    assert loaded == []
    assert rival.waited
