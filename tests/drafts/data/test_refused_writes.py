"""A file that a write was refused for is in no version until it has its bytes, or is gone."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artfs.drafts.commit.status import changes
from artfs.drafts.data.refused_writes import RefusedWrites
from artfs.drafts.db.database import DraftDatabase
from artfs.drafts.db.redo_records import Changes
from artfs.drafts.db.schema import BASE
from artfs.drafts.draft import Draft
from artfs.drafts.fsck import check_draft
from artfs.drafts.storer import DraftStorer
from artfs.errors import SourceError
from artfs.names import parse_ref
from artfs.store import Store, open_store
from tests.support.data.drafts import commit, make_draft, make_file, paths_of

STEPS = st.lists(
    st.tuples(st.sampled_from(["refuse", "write", "cut", "full", "room"]), st.integers(0, 30), st.integers(1, 12)),
    max_size=30,
)


@pytest.fixture(scope="module")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with open_store(tmp_path_factory.mktemp("store") / "store", create=True) as store:
        yield store


@contextmanager
def a_full_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """No record of the log has room; how many were refused."""
    refused: list[int] = []

    def refuse(_database: DraftDatabase, changes: Changes, **_options: bool) -> None:
        refused.append(len(changes))
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(DraftDatabase, "apply", refuse)
        yield refused


@given(steps=STEPS)
@settings(max_examples=60, deadline=None)
def test_ranges_are_those_that_were_refused_and_not_written_since(
    tmp_path_factory: pytest.TempPathFactory, empty_store: Store, steps: list[tuple[str, int, int]]
) -> None:
    place = make_draft(tmp_path_factory.mktemp("drafts") / "draft", None)
    draft = Draft(place, empty_store, timed=False)
    ino = make_file(draft, "f", b"x" * 50)
    missing: set[int] = set()
    full = False
    with pytest.MonkeyPatch.context() as monkeypatch:
        for step, start, size in steps:
            end = start + size
            with monkeypatch.context() as patched:
                if full:
                    patched.setattr(DraftDatabase, "apply", _raise_full)
                try:
                    if step == "refuse":
                        missing |= set(range(start, end))
                        draft.files.record_refused(ino, start, b"-" * size)
                    elif step == "write":
                        draft.files.write(ino, start, b"+" * size)
                        missing -= set(range(start, end))
                    elif step == "cut":
                        draft.set_attributes(ino, size=start)
                        missing -= set(range(start, 100))
                except OSError:
                    assert full
            full = {"full": True, "room": False}.get(step, full)
            assert _missing(draft.files.refused, ino) == missing
            assert all(draft.files.refused.overlaps(ino, at, at + 1) == (at in missing) for at in range(45))
    draft.close()
    draft = Draft(place, empty_store, timed=False)
    assert _missing(draft.files.refused, ino) == missing
    draft.unlink(BASE, b"f")
    assert draft.files.refused.files == {}
    draft.close()
    assert check_draft(place, None) == []


def _raise_full(_database: DraftDatabase, _changes: Changes, **_options: bool) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _missing(refused: RefusedWrites, ino: int) -> set[int]:
    ranges = refused.files.get(ino, [])
    assert all(one.end < other.start for one, other in pairwise(ranges))
    return {at for start, end in ranges for at in range(start, end)}


def _status(draft: Draft, store: Store) -> list[tuple[str, bytes]]:
    return [(change.kind, change.path) for change in changes(draft.view(), store.pages)]


def test_each_name_of_a_file_that_lacks_bytes_is_named_wherever_it_was_moved(
    store: Store, storer: DraftStorer, draft: Draft
) -> None:
    """A file of the last version, written over in its place, with another name, and moved to the place of a third."""
    ino = make_file(draft, "d/f", b"a" * 100)
    make_file(draft, "g", b"b")
    commit(draft, storer)
    draft.link(ino, BASE, b"link")
    directory = draft.lookup(BASE, b"d")
    assert directory is not None
    draft.rename(directory.ino, b"f", BASE, b"g")
    draft.files.record_refused(ino, 10, b"c" * 20)
    assert _status(draft, store) == [("D", b"d/f"), ("!", b"g"), ("!", b"link")]
    with pytest.raises(SourceError, match="'g', 'link' were refused"):
        commit(draft, storer)
    draft.thaw()
    draft.files.write(ino, 10, b"c" * 20)
    commit(draft, storer)
    assert paths_of(store, "base") == [b"d", b"g", b"link"]


def test_a_file_of_the_version_below_that_a_write_was_refused_for_is_not_committed_as_it_was(
    tmp_path: Path, store: Store, storer: DraftStorer, draft: Draft
) -> None:
    make_file(draft, "f", b"a" * 100)
    commit(draft, storer)
    over = Draft(make_draft(tmp_path / "over", store.version(parse_ref("base"))), store)
    found = over.lookup(BASE, b"f")
    assert found is not None
    over.files.record_refused(found.ino, 0, b"b" * 100)
    over.close()
    assert check_draft(over.directory, None) == []
    over = Draft(over.directory, store)
    assert _status(over, store) == [("!", b"f")]
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        over.files.read(found.ino, 0, 10)
    with pytest.raises(SourceError, match="'f' were refused"):
        commit(over, storer)
    over.close()


def test_an_ignored_file_that_lacks_bytes_hinders_no_commit_until_it_is_ignored_no_more(
    store: Store, storer: DraftStorer, draft: Draft
) -> None:
    ino = make_file(draft, "train.log", b"a" * 100)
    ignore = make_file(draft, ".artfsignore", b"*.log")
    draft.files.record_refused(ino, 100, b"more")
    commit(draft, storer)
    draft.set_attributes(ignore, size=0)
    with pytest.raises(SourceError, match=r"'train\.log' were refused"):
        commit(draft, storer)
    draft.thaw()
    draft.unlink(BASE, b"train.log")
    commit(draft, storer)
    assert paths_of(store, "base") == [b".artfsignore"]


def test_a_refusal_that_cannot_be_recorded_counts_and_nothing_is_frozen_before_it_is(
    store: Store, draft: Draft, monkeypatch: pytest.MonkeyPatch
) -> None:
    ino = make_file(draft, "f", b"a" * 100)
    with a_full_disk(monkeypatch) as refused:
        with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
            draft.files.record_refused(ino, 50, b"b" * 50)
        with pytest.raises(OSError, match=os.strerror(errno.EIO)):
            draft.files.read(ino, 0, 100)
        with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
            draft.freeze()
        assert len(refused) == 2
    assert draft.freeze()
    draft.thaw()
    assert _status(draft, store) == [("!", b"f")]


def test_bytes_that_a_refused_write_repeats_are_not_missing(draft: Draft) -> None:
    """The kernel writes whole pages, with what was in them."""
    ino = make_file(draft, "f", b"a" * 100)
    draft.files.record_refused(ino, 0, b"a" * 100 + b"b" * 10)
    assert bytes(draft.files.read(ino, 0, 100)) == b"a" * 100
    draft.set_attributes(ino, size=100)
    assert draft.files.refused.files == {}
