"""What a commit publishes where another version comes first, and what a draft knows of its own after a kill."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from artfs.catalog import NewVersion
from artfs.drafts.commit.attempt import attempted_root, record_attempt
from artfs.drafts.control.commit_request import CommitRequest
from artfs.drafts.draft import Draft
from artfs.drafts.storer import DraftStorer, draft_publisher
from artfs.errors import ConflictError, MergeConflictError, NewerVersionError
from artfs.names import parse_entry_path, parse_ref
from artfs.store import Store
from tests.support.data.drafts import commit, make_draft, make_file, paths_of

MERGE = CommitRequest(merge=True)


@pytest.fixture
def draft(tmp_path: Path, store: Store) -> Iterator[Draft]:
    """A draft over `base:v0`, which has one file."""
    source = tmp_path / "source"
    source.mkdir()
    (source / "a").write_text("a")
    opened = Draft(make_draft(tmp_path / "draft", store.put([source], NewVersion(name="base")).version), store)
    yield opened
    opened.close()


def other_version(store: Store, name: str, data: bytes = b"other") -> None:
    """Publish a version with one more file, over the newest."""
    store.commit(parse_ref("base"), {parse_entry_path(name): data})


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Callable[[], None]]]:
    """What happens between a commit's last look at the catalog and its publication: one for each attempt."""
    steps: list[Callable[[], None]] = []

    def record(place: Path, root: bytes) -> None:
        record_attempt(place, root)
        if steps:
            steps.pop(0)()

    monkeypatch.setattr(draft_publisher, "record_attempt", record)
    yield steps
    assert not steps


def test_a_merge_is_done_again_when_other_versions_come_first(
    store: Store, storer: DraftStorer, draft: Draft, meanwhile: list[Callable[[], None]]
) -> None:
    """S82: When another one is published meanwhile, the commit is merged with that too, or refused."""
    other_version(store, "b")
    meanwhile += [lambda: other_version(store, "c"), lambda: other_version(store, "d")]
    make_file(draft, "mine", b"mine")
    outcome = commit(draft, storer, MERGE)
    assert (outcome.ref, outcome.merged) == ("base:v4", "base:v3")
    assert paths_of(store, "base") == [b"a", b"b", b"c", b"d", b"mine"]


def test_a_merge_that_another_version_brings_into_conflict_publishes_nothing(
    store: Store, storer: DraftStorer, draft: Draft, meanwhile: list[Callable[[], None]]
) -> None:
    meanwhile += [lambda: other_version(store, "mine")]
    make_file(draft, "mine", b"mine")
    with pytest.raises(MergeConflictError, match="'mine'"):
        commit(draft, storer, MERGE)
    assert paths_of(store, "base:v1") == paths_of(store, "base") == [b"a", b"mine"]


def test_a_plain_commit_is_refused_when_another_version_comes_first(
    store: Store, storer: DraftStorer, draft: Draft, meanwhile: list[Callable[[], None]]
) -> None:
    meanwhile += [lambda: other_version(store, "b")]
    make_file(draft, "mine", b"mine")
    with pytest.raises(NewerVersionError, match="base:v1 is newer than base:v0"):
        commit(draft, storer)
    assert paths_of(store, "base") == [b"a", b"b"]


def test_a_replacing_commit_minds_no_version_that_comes_first(
    store: Store, storer: DraftStorer, draft: Draft, meanwhile: list[Callable[[], None]]
) -> None:
    meanwhile += [lambda: other_version(store, "b")]
    make_file(draft, "mine", b"mine")
    assert commit(draft, storer, CommitRequest(replace=True)).merged == ""
    assert paths_of(store, "base") == [b"a", b"mine"]


def test_a_merge_that_others_always_precede_ends(
    store: Store,
    storer: DraftStorer,
    draft: Draft,
    meanwhile: list[Callable[[], None]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(draft_publisher, "_MAX_TRIES", 3)
    meanwhile += [lambda: other_version(store, "b", b"1"), lambda: other_version(store, "b", b"2")]
    meanwhile += [lambda: other_version(store, "b", b"3")]
    make_file(draft, "mine", b"mine")
    with pytest.raises(ConflictError, match="commit again"):
        commit(draft, storer, MERGE)


def test_a_version_that_a_draft_was_not_given_is_its_own(store: Store, storer: DraftStorer, draft: Draft) -> None:
    make_file(draft, "mine", b"mine")
    draft.freeze()
    copy = draft.directory.with_name("killed")
    shutil.copytree(draft.directory, copy, ignore=shutil.ignore_patterns("lock.mdb"))
    storer.commit(copy, CommitRequest(), lambda _report: None)  # and its server is killed: the draft gets nothing of it
    (draft.directory / "attempt").write_bytes((copy / "attempt").read_bytes())
    draft.thaw()
    assert not draft.upstream().is_ahead
    make_file(draft, "more", b"more")
    assert commit(draft, storer, copy=draft.directory.with_name("again")).ref == "base:v2"
    other_version(store, "b")
    assert draft.upstream().is_ahead


@pytest.mark.parametrize("damage", [None, b"", b"torn", bytes(40)])
def test_without_a_sound_attempt_a_version_is_anothers(store: Store, draft: Draft, damage: bytes | None) -> None:
    other_version(store, "b")
    root = store.version(parse_ref("base")).tree.root
    assert draft.upstream().is_ahead
    record_attempt(draft.directory, root)
    assert attempted_root(draft.directory) == root
    assert not draft.upstream().is_ahead
    if damage is None:
        (draft.directory / "attempt").unlink()
    else:
        (draft.directory / "attempt").write_bytes(damage)
    assert attempted_root(draft.directory) == b""
    assert draft.upstream().is_ahead
