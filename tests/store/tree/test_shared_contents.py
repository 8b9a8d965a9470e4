"""What two trees have in common is found wherever it is, and what is equal is not walked through."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from artfs.format.digest import digest
from artfs.format.node import Entry, Kind
from artfs.store.tree.build import as_directory, build_directory
from artfs.store.tree.pages import Pages
from artfs.store.tree.shared_contents import share_contents
from tests.support.models.memorynodes import Memory

Names = Mapping[str, "str | Names"]


def directory(names: Names, memory: Memory, name: str = "", mode: int = 0o755) -> Entry:
    inner = [
        Entry(below.encode(), Kind.FILE, mode & 0o666, len(below), len(what), digest(what.encode()))
        if isinstance(what, str)
        else directory(what, memory, below)
        for below, what in sorted(names.items())
    ]
    return as_directory(Entry(name.encode(), Kind.DIRECTORY, mode, 0, 0, b""), build_directory(inner, memory))


BASE: Names = {"a": "1", "empty": "", "d": {"b": "2", "e": {"c": "3"}}, "none": {}}
CASES: dict[str, tuple[Names, bool]] = {
    "nothing": ({}, False),
    "all new": ({"a": "x", "d": {"b": "y", "e": {"c": "z"}}}, False),
    "what is empty": ({"empty": "", "none": {}, "a": "x"}, False),
    "one that stayed": ({"a": "1"}, True),
    "one that stayed in a directory": ({"d": {"b": "x", "e": {"c": "3"}}}, True),
    "one that moved": ({"other": "3"}, True),
    "one that moved into a directory": ({"other": {"deep": {"a": "2"}}}, True),
    "a directory that moved": ({"moved": {"c": "3"}}, True),
    "a directory that moved and changed": ({"moved": {"b": "x", "e": {"c": "3"}}}, True),
    "a file that is a directory now": ({"a": {"a": "1"}}, True),
}


@pytest.mark.parametrize("case", CASES)
def test_contents_are_shared_wherever_they_are(case: str) -> None:
    names, shared = CASES[case]
    memory = Memory()
    old, new = directory(BASE, memory), directory(names, memory, mode=0o700)
    assert share_contents(old.node, new.node, Pages(memory.load)) is shared
    assert share_contents(new.node, old.node, Pages(memory.load)) is shared


def test_a_tree_shares_with_itself_unless_it_is_empty() -> None:
    memory = Memory()
    cases: list[tuple[Names, bool]] = [(BASE, True), ({"empty": "", "none": {}}, False), ({}, False)]
    for names, shared in cases:
        node = directory(names, memory).node
        assert share_contents(node, node, Pages(memory.load)) is shared


def test_only_what_differs_is_read() -> None:
    memory = Memory()
    many: dict[str, str | Names] = {f"{number:05}": f"contents {number}" for number in range(20_000)}
    old = directory({"many": many, "other": "x"}, memory)
    changed: list[Names] = [{"many": {**many, "10000": "new"}}, {"moved": many}, {"many": many, "other": "y"}]
    for new in changed:
        tree = directory(new, memory)
        pages = len(memory)
        memory.read = 0
        assert share_contents(old.node, tree.node, Pages(memory.load))
        assert memory.read < 12 < pages
