"""What a draft does when something comes between: a full disk, a power cut, another process."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from artfs.store import Store, open_store
from artfs.vfs.draft.draft import Draft
from artfs.vfs.draft.rows import BASE
from artfs.vfs.draft.storer import DraftStorer
from tests.support.drafts import commit, make_draft
from tests.vfs.draft.test_storing import files_of, make


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "store", create=True) as opened:
        yield opened


@pytest.fixture
def storer(store: Store) -> Iterator[DraftStorer]:
    opened = DraftStorer(store)
    yield opened
    opened.close()


@pytest.fixture
def draft(tmp_path: Path, store: Store) -> Iterator[Draft]:
    opened = Draft(make_draft(tmp_path / "draft", None), store)
    yield opened
    opened.close()


def test_a_directory_that_was_ignored_is_in_the_version_whole_once_it_is_not(
    store: Store, storer: DraftStorer, draft: Draft
) -> None:
    make(draft, "build/sub/b", b"b")
    make(draft, "build/a", b"a")
    make(draft, ".artfsignore", b"/build/\n")
    commit(draft, storer)
    assert files_of(store, "base") == [b".artfsignore"]
    draft.rename(BASE, b"build", BASE, b"kept")
    commit(draft, storer)
    assert files_of(store, "base") == [b".artfsignore", b"kept", b"kept/a", b"kept/sub", b"kept/sub/b"]


def test_a_removed_directory_does_not_matter_to_ignored_paths(store: Store, storer: DraftStorer, draft: Draft) -> None:
    make(draft, ".artfsignore", b"*.tmp\n")
    commit(draft, storer)
    make(draft, "gone/f", b"f")
    gone = draft.lookup(BASE, b"gone")
    assert gone is not None
    draft.unlink(gone.ino, b"f")
    draft.rmdir(BASE, b"gone")
    make(draft, "a", b"a")
    commit(draft, storer)
    assert files_of(store, "base") == [b".artfsignore", b"a"]


def test_a_temporary_file_that_was_large_leaves_nothing_to_store(draft: Draft) -> None:
    ino = draft.make(BASE, b"t", stat.S_IFREG | 0o600, 0, 0).ino
    draft.opened(ino, writing=True)
    draft.unlink(BASE, b"t")
    for at in range(0, 33 << 20, 1 << 20):
        draft.write(ino, at, bytes(1 << 20))
    draft.closed(ino, writing=True)
    assert not draft.has_backlog()
    assert draft.jobs() == []
