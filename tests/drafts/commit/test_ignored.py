"""What is ignored is not looked at: it makes no version, no line of status and no refusal."""

from __future__ import annotations

import stat

import pytest

from artfs.drafts.commit.ignored import not_ignored
from artfs.drafts.commit.status import SubtreeTotals, changes
from artfs.drafts.control.commit_request import CommitRequest
from artfs.drafts.db.schema import BASE
from artfs.drafts.draft import Draft
from artfs.drafts.storer import DraftStorer
from artfs.errors import InvalidInputError
from artfs.ignore_rules import MAX_IGNORE_BYTES
from artfs.store import Store
from tests.support.data.drafts import commit, make_file, paths_of


@pytest.fixture
def committed(storer: DraftStorer, draft: Draft) -> Draft:
    """A draft with an ignore file, committed as `base:v0`."""
    make_file(draft, ".artfsignore", b"*.log\n/private/\n")
    make_file(draft, "d/kept", b"kept")
    assert commit(draft, storer).ref == "base:v0"
    return draft


def _status(store: Store, draft: Draft) -> list[tuple[str, bytes]]:
    return [(change.kind, change.path) for change in changes(draft.view(), store.pages)]


def test_a_change_of_what_is_ignored_makes_no_version_and_no_line_of_status(
    store: Store, storer: DraftStorer, committed: Draft
) -> None:
    make_file(committed, "train.log", b"epoch 1")
    make_file(committed, "d/train.log", b"epoch 1")
    make_file(committed, "private/key", b"secret")
    assert _status(store, committed) == []
    outcome = commit(committed, storer)
    assert (outcome.ref, outcome.created) == ("base:v0", False)
    assert commit(committed, storer, CommitRequest(force=True)).ref == "base:v1"


def test_a_change_beside_what_is_ignored_makes_a_version(store: Store, storer: DraftStorer, committed: Draft) -> None:
    make_file(committed, "d/train.log", b"epoch 1")
    directory = committed.lookup(BASE, b"d")
    assert directory is not None
    committed.set_attributes(directory.ino, mode=0o700)
    assert _status(store, committed) == [("M", b"d/")]
    assert commit(committed, storer).ref == "base:v1"
    make_file(committed, "train.log", b"epoch 2")
    kept = committed.lookup(directory.ino, b"kept")
    assert kept is not None
    committed.set_attributes(kept.ino, mtime_ns=1)
    assert commit(committed, storer).ref == "base:v2"


def test_special_files_that_are_ignored_refuse_no_commit(store: Store, storer: DraftStorer, committed: Draft) -> None:
    committed.make(BASE, b"pipe.log", stat.S_IFIFO | 0o644, 0, 0)
    private = committed.make(BASE, b"private", stat.S_IFDIR | 0o755, 0, 0)
    committed.make(private.ino, b"socket", stat.S_IFSOCK | 0o644, 0, 0)
    make_file(committed, "new", b"new")
    assert commit(committed, storer).ref == "base:v1"
    assert paths_of(store, "base") == [b".artfsignore", b"d", b"d/kept", b"new"]


def test_status_sums_up_a_new_directory_without_what_is_ignored_in_it(store: Store, committed: Draft) -> None:
    make_file(committed, "new/a", b"12345")
    make_file(committed, "new/a.log", b"much more than that")
    (change,) = changes(committed.view(), store.pages)
    assert change.path == b"new/"
    assert SubtreeTotals(committed.view(), store.pages).total_of(change) == (1, 5)


def test_a_file_with_one_name_that_is_not_ignored_is_not(committed: Draft) -> None:
    ino = make_file(committed, "d/train.log", b"epoch 1")
    assert not_ignored(committed.view(), [ino]) == []
    committed.link(ino, BASE, b"train.txt")
    assert not_ignored(committed.view(), [ino]) == [ino]


def test_too_many_patterns_fail_the_commit_and_name_the_file(storer: DraftStorer, committed: Draft) -> None:
    committed.unlink(BASE, b".artfsignore")
    make_file(committed, ".artfsignore", b"a\n" * MAX_IGNORE_BYTES)
    with pytest.raises(InvalidInputError, match=r"'\.artfsignore'"):
        commit(committed, storer)
