"""Trees are merged name by name, and what only one side changed is read on that side only."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artfs.format.digest import digest
from artfs.format.node import Entry, Kind
from artfs.store.tree.build import as_directory, build_directory, edit_directory
from artfs.store.tree.merge import MergeConflict, merge_trees
from artfs.store.tree.pages import Pages
from tests.support.models.memorynodes import Memory
from tests.support.models.merging import Folder, Leaf, Node, copy_node, merge_nodes, random_change


def entry_of(name: str, node: Node, memory: Memory, mtime_ns: int = 0) -> Entry:
    if isinstance(node, Leaf):
        content = node.content
        return Entry(name.encode(), Kind.FILE, node.mode, mtime_ns, len(content), digest(content))
    inner = [entry_of(below, node.names[below], memory) for below in sorted(node.names)]
    return as_directory(
        Entry(name.encode(), Kind.DIRECTORY, node.mode, mtime_ns, 0, b""), build_directory(inner, memory)
    )


def merged(base: Node | None, ours: Node, theirs: Node) -> tuple[Entry, list[MergeConflict], Memory]:
    memory = Memory()
    roots = [None if node is None else entry_of("", node, memory) for node in (base, ours, theirs)]
    assert roots[1] is not None
    assert roots[2] is not None
    found = merge_trees(roots[0], roots[1], roots[2], Pages(memory.load), memory)
    return found.root, found.conflicts, memory


@settings(deadline=None, max_examples=400)
@given(st.integers(0, 2**32), st.booleans())
def test_a_merge_is_that_of_nested_dictionaries(seed: int, empty: bool) -> None:
    dice = random.Random(seed)
    base = Folder()
    for _ in range(0 if empty else dice.randrange(12)):
        random_change(base, dice)
    ours, theirs = copy_node(base), copy_node(base)
    for side in (ours, theirs):
        assert isinstance(side, Folder)
        for _ in range(dice.randrange(6)):
            random_change(side, dice)
    expected: list[str] = []
    wanted = merge_nodes(base, ours, theirs, expected, "")
    root, conflicts, memory = merged(base, ours, theirs)
    assert sorted(conflict.path.decode() for conflict in conflicts) == sorted(expected)
    if not expected:
        assert wanted is not None
        assert root == entry_of("", wanted, memory)


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "conflict"),
    [
        (None, Leaf(b"1"), Leaf(b"2"), MergeConflict(b"x", "added", "added")),
        (Leaf(b"0"), Leaf(b"1"), Leaf(b"2"), MergeConflict(b"x", "modified", "modified")),
        (Leaf(b"0"), Leaf(b"1"), None, MergeConflict(b"x", "modified", "removed")),
        (Leaf(b"0"), None, Leaf(b"0", 0o600), MergeConflict(b"x", "removed", "modified")),
        (Leaf(b"0"), Folder(), Leaf(b"1"), MergeConflict(b"x", "modified", "modified")),
        (Folder(), None, Folder(0o755, {"y": Leaf(b"")}), MergeConflict(b"x", "removed", "modified")),
        (Folder(), Leaf(b"1"), Folder(0o755, {"y": Leaf(b"")}), MergeConflict(b"x", "modified", "modified")),
        (Folder(), Folder(0o700), Folder(0o711), MergeConflict(b"x/", "modified", "modified")),
        (None, Folder(0o700), Folder(0o711), MergeConflict(b"x/", "added", "added")),
    ],
)
def test_a_name_that_both_sides_changed_is_a_conflict(
    base: Node | None, ours: Node | None, theirs: Node | None, conflict: MergeConflict
) -> None:
    trees = [Folder(0o755, {} if node is None else {"x": node}) for node in (base, ours, theirs)]
    assert merged(*trees)[1] == [conflict]


@pytest.mark.parametrize("same", [None, Leaf(b"1"), Folder(0o755, {"y": Leaf(b"1")})])
def test_the_same_change_on_both_sides_is_no_conflict(same: Node | None) -> None:
    base = Folder(0o755, {"x": Leaf(b"0"), "z": Leaf(b"0")})
    changed = Folder(0o755, {"z": Leaf(b"0")} if same is None else {"x": same, "z": Leaf(b"0")})
    root, conflicts, memory = merged(base, changed, copy_node(changed))
    assert not conflicts
    assert root == entry_of("", changed, memory)


def test_the_roots_modes_are_merged_like_others() -> None:
    base, ours = Folder(0o755), Folder(0o700)
    assert merged(base, ours, Folder(0o755))[0].mode == 0o700
    assert merged(base, Folder(0o755), ours)[0].mode == 0o700
    assert [conflict.path for conflict in merged(base, ours, Folder(0o711))[1]] == [b"./"]


def test_times_alone_give_way_to_a_change_and_else_are_kept() -> None:
    memory = Memory()
    pages = Pages(memory.load)

    def root(content: bytes, mtime_ns: int, top_ns: int) -> Entry:
        inner = build_directory([entry_of("x", Leaf(content), memory, mtime_ns)], memory)
        return as_directory(Entry(b"", Kind.DIRECTORY, 0o755, top_ns, 0, b""), inner)

    base, touched, changed = root(b"0", 1, 1), root(b"0", 5, 5), root(b"1", 3, 3)
    latest = changed._replace(mtime_ns=5)
    assert merge_trees(base, touched, changed, pages, memory) == merge_trees(base, changed, touched, pages, memory)
    assert merge_trees(base, touched, changed, pages, memory).root == latest
    assert merge_trees(base, touched, base, pages, memory).root == touched
    assert merge_trees(base, base, touched, pages, memory).root == touched


def test_deep_trees_are_merged() -> None:
    memory = Memory()

    def chain(content: bytes, other: bytes) -> Entry:
        top = build_directory([entry_of("x", Leaf(content), memory), entry_of("y", Leaf(other), memory)], memory)
        for _ in range(1900):
            top = build_directory([as_directory(Entry(b"d", Kind.DIRECTORY, 0o755, 0, 0, b""), top)], memory)
        return as_directory(Entry(b"", Kind.DIRECTORY, 0o755, 0, 0, b""), top)

    found = merge_trees(chain(b"0", b"0"), chain(b"1", b"0"), chain(b"0", b"1"), Pages(memory.load), memory)
    assert found.root == chain(b"1", b"1")


def _counted(entries: int, width: int) -> int:
    """Nodes that a merge reads where each side changed five files of a tree of so many, in directories of `width`."""
    memory = Memory()
    content = digest(b"")
    inside = build_directory((Entry(b"%07d" % n, Kind.FILE, 0o644, 0, 0, content) for n in range(width)), memory)
    directories = [
        as_directory(Entry(b"%07d" % number, Kind.DIRECTORY, 0o755, 0, 0, b""), inside)
        for number in range(entries // width)
    ]
    pages = Pages(memory.load)
    root = as_directory(Entry(b"", Kind.DIRECTORY, 0o755, 0, 0, b""), build_directory(directories, memory))
    dice = random.Random(width)

    def changed(kind: bytes) -> Entry:
        top = root
        for number in range(5):
            name = directories[dice.randrange(len(directories))].name
            found = pages.find(top.node, name)
            assert found is not None
            inner = b"%07d-" % dice.randrange(width) + kind + b"%d" % number
            edited = edit_directory(
                found[0].node, {inner: Entry(inner, Kind.FILE, 0o644, 0, 0, content)}, pages, memory
            )
            top = as_directory(root, edit_directory(top.node, {name: as_directory(found[0], edited)}, pages, memory))
        return top

    ours, theirs = changed(b"o"), changed(b"t")
    memory.read = 0
    found = merge_trees(root, ours, theirs, Pages(memory.load), memory)
    assert not found.conflicts
    assert found.root.below == root.below + 10
    return memory.read


@pytest.mark.parametrize("width", [1_000_000, 1_000])
def test_a_merge_of_a_million_entries_that_differ_in_ten_reads_what_ten_cost(width: int) -> None:
    assert _counted(1_000_000, width) < 120
