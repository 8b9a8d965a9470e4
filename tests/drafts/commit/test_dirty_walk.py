"""A version has what changed, and nothing that `.artfsignore` matches where it is now."""

from __future__ import annotations

from artfs.drafts.db.schema import BASE
from artfs.drafts.draft import Draft
from artfs.drafts.storer import DraftStorer
from artfs.store import Store
from tests.support.data.drafts import commit, make_file, paths_of


def test_ignored_paths_are_in_the_draft_and_in_no_version(store: Store, storer: DraftStorer, draft: Draft) -> None:
    for path in ("a.txt", "a.tmp", "cache/x", "d/keep.txt", "d/b.tmp"):
        make_file(draft, path, b"x")
    make_file(draft, ".artfsignore", b"*.tmp\n/cache/\n")
    commit(draft, storer)
    assert paths_of(store, "base") == [b".artfsignore", b"a.txt", b"d", b"d/keep.txt"]
    assert draft.lookup(BASE, b"a.tmp") is not None


def test_an_ignore_file_that_changes_decides_about_all_paths_again(
    store: Store, storer: DraftStorer, draft: Draft
) -> None:
    for path in ("a.txt", "a.tmp", "d/b.tmp"):
        make_file(draft, path, b"x")
    commit(draft, storer)
    assert paths_of(store, "base") == [b"a.tmp", b"a.txt", b"d", b"d/b.tmp"]
    make_file(draft, ".artfsignore", b"*.tmp\n")
    commit(draft, storer)
    assert paths_of(store, "base") == [b".artfsignore", b"a.txt", b"d"]
    draft.unlink(BASE, b".artfsignore")
    commit(draft, storer)
    assert paths_of(store, "base") == [b"a.tmp", b"a.txt", b"d", b"d/b.tmp"]


def test_a_moved_directory_is_ignored_where_it_is_now(store: Store, storer: DraftStorer, draft: Draft) -> None:
    make_file(draft, ".artfsignore", b"/out/*.log\n")
    make_file(draft, "in/a.log", b"x")
    make_file(draft, "in/a.txt", b"x")
    commit(draft, storer)
    assert b"in/a.log" in paths_of(store, "base")
    draft.rename(BASE, b"in", BASE, b"out")
    commit(draft, storer)
    assert paths_of(store, "base") == [b".artfsignore", b"out", b"out/a.txt"]


def test_a_directory_that_was_ignored_is_in_the_version_whole_once_it_is_not(
    store: Store, storer: DraftStorer, draft: Draft
) -> None:
    make_file(draft, "build/sub/b", b"b")
    make_file(draft, "build/a", b"a")
    make_file(draft, ".artfsignore", b"/build/\n")
    commit(draft, storer)
    assert paths_of(store, "base") == [b".artfsignore"]
    draft.rename(BASE, b"build", BASE, b"kept")
    commit(draft, storer)
    assert paths_of(store, "base") == [b".artfsignore", b"kept", b"kept/a", b"kept/sub", b"kept/sub/b"]


def test_a_removed_directory_does_not_matter_to_ignored_paths(store: Store, storer: DraftStorer, draft: Draft) -> None:
    make_file(draft, ".artfsignore", b"*.tmp\n")
    commit(draft, storer)
    make_file(draft, "gone/f", b"f")
    gone = draft.lookup(BASE, b"gone")
    assert gone is not None
    draft.unlink(gone.ino, b"f")
    draft.rmdir(BASE, b"gone")
    make_file(draft, "a", b"a")
    commit(draft, storer)
    assert paths_of(store, "base") == [b".artfsignore", b"a"]
