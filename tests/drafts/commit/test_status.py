"""Status lists changes since the last commit, a directory that came or went in one line."""

from __future__ import annotations

from artfs.drafts.commit.status import SubtreeTotals, Totals, changes
from artfs.drafts.db.schema import BASE
from artfs.drafts.draft import Draft
from artfs.drafts.storer import DraftStorer
from artfs.store import Store
from tests.support.data.drafts import commit, make_file


def test_status_names_what_was_added_modified_and_removed(store: Store, storer: DraftStorer, draft: Draft) -> None:
    for path in ("a", "b", "c", "d/e", "d/f", "g/h"):
        make_file(draft, path, path.encode())
    commit(draft, storer)

    def status() -> list[tuple[str, bytes]]:
        return [(change.kind, change.path) for change in changes(draft.view(), store.pages)]

    assert status() == []
    draft.unlink(BASE, b"a")
    found = draft.lookup(BASE, b"b")
    assert found is not None
    draft.files.write(found.ino, 0, b"B")
    make_file(draft, "d/new", b"n")
    make_file(draft, "z/y/x", b"n")
    draft.rename(BASE, b"g", BASE, b"h")
    assert status() == [("D", b"a"), ("M", b"b"), ("A", b"d/new"), ("D", b"g/"), ("A", b"h/"), ("A", b"z/")]
    commit(draft, storer)
    assert status() == []


def test_a_directory_that_came_or_went_counts_with_all_that_is_below_it(
    store: Store, storer: DraftStorer, draft: Draft
) -> None:
    for path in ("moved/a", "moved/deep/b", "gone/c", "changed/d"):
        make_file(draft, path, b"x" * 10)
    commit(draft, storer)
    draft.rename(BASE, b"moved", BASE, b"new")
    draft.rename(BASE, b"changed", BASE, b"other")
    make_file(draft, "other/e", b"x" * 5)
    make_file(draft, "made/deep/f", b"x" * 3)
    gone = draft.lookup(BASE, b"gone")
    assert gone is not None
    draft.unlink(gone.ino, b"c")
    draft.rmdir(BASE, b"gone")
    totals = SubtreeTotals(draft.view(), store.pages)
    found = {(change.kind, change.path): totals.total_of(change) for change in changes(draft.view(), store.pages)}
    assert found == {
        ("D", b"changed/"): Totals(1, 10),
        ("D", b"gone/"): Totals(1, 10),
        ("A", b"made/"): Totals(2, 3),
        ("D", b"moved/"): Totals(3, 20),
        ("A", b"new/"): Totals(3, 20),
        ("A", b"other/"): Totals(2, 15),
    }
