"""Difference of two trees, in time that grows with the changes: equal pages are never read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from artfs.format.node import Entry, Kind
from artfs.store.tree.pages import Pages

__all__ = ["Difference", "compare_directories", "diff_trees", "equal_but_for_times"]


@dataclass(frozen=True, slots=True)
class Difference:
    """A path at which two trees differ in more than times.

    Attributes:
        path: From the root, `/`-separated.
        old: The entry in the first tree, None if added.
        new: The entry in the second tree, None if removed.
    """

    path: bytes
    old: Entry | None
    new: Entry | None

    @property
    def what(self) -> str:
        """`added`, `removed` or `modified`."""
        if self.old is None:
            return "added"
        return "removed" if self.new is None else "modified"


class _Cursor:
    """A walk over a directory's rows in order; pages are read only by `open`."""

    def __init__(self, node: bytes | None, pages: Pages) -> None:
        self._pages = pages
        self._stack: list[Iterator[Entry]] = []
        self.head: Entry | None = None if node is None else pages.top(node)
        if self.head is not None and not self.head.below:
            self.head = None

    def step(self) -> None:
        """Go past the head."""
        while self._stack:
            self.head = next(self._stack[-1], None)
            if self.head is not None:
                return
            self._stack.pop()
        self.head = None

    def open(self) -> None:
        """Replace the head, a page, by its rows."""
        if self.head is not None:
            self._stack.append(iter(self._pages.get(self.head.node).entries()))
            self.step()


@dataclass(frozen=True, slots=True)
class _Directories:
    """Two directories at one path, either may be missing."""

    old: bytes | None
    new: bytes | None
    path: bytes


def diff_trees(old: bytes | None, new: bytes | None, pages: Pages) -> Iterator[Difference]:
    """Compare two directories with all that is below them.

    Args:
        old: Topmost page of the first, None for nothing.
        new: Topmost page of the second, None for nothing.
        pages: Reads both.

    Yields:
        Differences, a directory's before those in it, and before the entries of one that is only on one side.
    """
    stack = [_compare(_Directories(old, new, b""), pages)]
    while stack:
        found = next(stack[-1], None)
        if found is None:
            stack.pop()
        elif isinstance(found, _Directories):
            stack.append(_compare(found, pages))
        else:
            yield found


def _compare(here: _Directories, pages: Pages) -> Iterator[Difference | _Directories]:
    """Compare one directory's entries; the caller does subdirectories, so that depth costs no recursion."""
    for old, new in compare_directories(here.old, here.new, pages, equal_but_for_times):
        yield from _report(old, new, here.path)


def compare_directories(
    old: bytes | None, new: bytes | None, pages: Pages, equal: Callable[[Entry, Entry], bool]
) -> Iterator[tuple[Entry | None, Entry | None]]:
    """Compare the entries of two directories, and not what is below them.

    Args:
        old: Topmost page of the first, None for nothing.
        new: Topmost page of the second, None for nothing.
        pages: Reads both.
        equal: Compares two rows of one name; pages that are equal are not read.

    Yields:
        The entries of each name at which they differ, in order; None where there is none.
    """
    left, right = _Cursor(old, pages), _Cursor(new, pages)
    while left.head is not None or right.head is not None:
        a, b = left.head, right.head
        if a is not None and b is not None and equal(a, b):
            left.step()
            right.step()
        elif _opens_first(a, b):
            left.open()
        elif _opens_first(b, a):
            right.open()
        else:
            only_a = a if a is not None and (b is None or a.name <= b.name) else None
            only_b = b if b is not None and (a is None or b.name <= a.name) else None
            if only_a is not None:
                left.step()
            if only_b is not None:
                right.step()
            yield only_a, only_b


def equal_but_for_times(a: Entry, b: Entry) -> bool:
    """Return whether two rows are equal in name, kind, mode and contents, but for times."""
    return a.digest == b.digest and a[:3] == b[:3] and (a.size, a.below) == (b.size, b.below)


def _opens_first(mine: Entry | None, other: Entry | None) -> bool:
    """Return whether the page `mine` must be opened before the two sides can be compared."""
    if mine is None or mine.kind != Kind.PAGE:
        return False
    if other is None or mine.name < other.name:
        return True
    if mine.name > other.name:
        return False
    return other.kind != Kind.PAGE or mine.below >= other.below


def _report(old: Entry | None, new: Entry | None, prefix: bytes) -> Iterator[Difference | _Directories]:
    """Yield the difference of two entries of one name (one may be None), then their directories."""
    path = prefix + (old or new or _NOTHING).name
    old_node = old.node if old is not None and old.kind == Kind.DIRECTORY else None
    new_node = new.node if new is not None and new.kind == Kind.DIRECTORY else None
    if old is None or new is None or old_node is None or new_node is None or old.mode != new.mode:
        yield Difference(path, old, new)
    if old_node is not None or new_node is not None:
        yield _Directories(old_node, new_node, path + b"/")


_NOTHING = Entry(b"", Kind.FILE, 0, 0, 0, b"")
