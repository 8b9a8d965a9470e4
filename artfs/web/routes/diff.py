"""What changed between two versions, one folder at a time."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Final

from artfs.documents.differences import DifferenceCounts, difference_document
from artfs.documents.document import Document
from artfs.errors import NotFoundError
from artfs.format.node import Entry, Kind
from artfs.store.store import root_entry
from artfs.store.tree.diff import Difference, compare_directories, diff_trees, equal_but_for_times
from artfs.web.current_store import kept
from artfs.web.cursors import cursor, page_of, read_cursor

if TYPE_CHECKING:
    from artfs.catalog import Version
    from artfs.names import EntryPath
    from artfs.store.store import Store
    from artfs.web.query import Query

__all__ = ["diff"]

_MOST_COUNTED: Final = 100_000
"""Differences below a folder that are counted; more are said to be more."""


def diff(store: Store, query: Query) -> Document:
    """`api/diff/A/B?path=&after=`: the changed entries of a folder; one that is a folder stands for all below it."""
    path, after = query.path(), read_cursor(query.text("after"))
    with store.catalog.view() as view:
        old, new = view.resolve(query.ref("old")), view.resolve(query.ref("new"))
        refs = {"old": str(view.ref(old)), "new": str(view.ref(new))}
    with kept(store, old), kept(store, new):
        before, now = _folder(store, old, path), _folder(store, new, path)
        if before is None and now is None:
            raise NotFoundError("neither version has this folder")
        above = b"".join(name + b"/" for name in path)
        rows = (row for row in _changed(store, before, now) if _name(*row) > after)
        page, following = page_of(rows, query.limit())
        summary = query.site.results.get(("diff", old.tree.root, new.tree.root), 0, lambda: _summary(store, old, new))
        changes = [_document(store, above, *row) for row in page]
    return {
        **refs,
        "changes": changes,
        "summary": summary,
        "next": cursor(_name(*page[-1])) if following else None,
    }


def _folder(store: Store, version: Version, path: EntryPath) -> Entry | None:
    """Return a folder of a version; None if there is no entry at the path, or another one."""
    found: Entry = root_entry(version)
    for name in path:
        inner = store.pages.find(found.node, name) if found.kind == Kind.DIRECTORY else None
        if inner is None:
            return None
        found = inner[0]
    return found if found.kind == Kind.DIRECTORY else None


def _changed(store: Store, old: Entry | None, new: Entry | None) -> Iterator[tuple[Entry | None, Entry | None]]:
    return compare_directories(_node(old), _node(new), store.pages, equal_but_for_times)


def _node(entry: Entry | None) -> bytes | None:
    """Return the topmost page of a directory; None of anything else."""
    return entry.node if entry is not None and entry.kind == Kind.DIRECTORY else None


def _name(old: Entry | None, new: Entry | None) -> bytes:
    return next(entry.name for entry in (old, new) if entry is not None)


def _document(store: Store, above: bytes, old: Entry | None, new: Entry | None) -> Document:
    """Return one change, with counts of those below it if it is of a folder on a side."""
    document = difference_document(Difference(above + _name(old, new), old, new))
    if _node(old) is None and _node(new) is None:
        return document
    counts = _counts(diff_trees(_node(old), _node(new), store.pages))
    return {**document, "folder": True, "counts": counts}


def _summary(store: Store, old: Version, new: Version) -> Document:
    return _counts(store.diff(old, new))


def _counts(differences: Iterator[Difference]) -> Document:
    """Count differences, and say whether those were all."""
    counts = DifferenceCounts()
    for _difference in counts.watch(islice(differences, _MOST_COUNTED)):
        pass
    return {**counts.document(), "complete": next(differences, None) is None}
