"""Files of drafts come into the store whole, once, and no more of them than changed."""

from __future__ import annotations

import random
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from artfs.catalog import NewVersion, Version
from artfs.errors import UnsupportedFileError
from artfs.names import parse_entry_path, parse_ref
from artfs.store import Store, open_store, root_entry
from artfs.vfs.draft.draft import Draft
from artfs.vfs.draft.rows import BASE
from artfs.vfs.draft.status import changes
from artfs.vfs.draft.storer import DraftStorer
from tests.support.drafts import commit, make_draft

BIG = random.Random(7).randbytes(100 << 20)


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


def make(draft: Draft, path: str, data: bytes = b"", directory: int = BASE) -> int:
    """Make a file with its directories, written and closed."""
    *parents, name = path.encode().split(b"/")
    for parent in parents:
        found = draft.lookup(directory, parent)
        directory = (found or draft.make(directory, parent, stat.S_IFDIR | 0o755, 0, 0)).ino
    ino = draft.make(directory, name, stat.S_IFREG | 0o644, 0, 0).ino
    draft.opened(ino, writing=True)
    for at in range(0, len(data), 1 << 20):
        draft.write(ino, at, data[at : at + (1 << 20)])
    draft.closed(ino, writing=True)
    return ino


def stored_bytes(store: Store) -> int:
    return sum(path.stat().st_size for path in store.layout.packs.rglob("*.pack"))


def version(store: Store, ref: str) -> Version:
    return store.version(parse_ref(ref))


def files_of(store: Store, ref: str) -> list[bytes]:
    return sorted(path for path, _entry in store.walk(root_entry(version(store, ref))))


def digest_as_put(store: Store, tmp_path: Path, data: bytes) -> bytes:
    source = tmp_path / "as-put"
    source.mkdir(exist_ok=True)
    (source / "f").write_bytes(data)
    put = store.put([source], NewVersion(name="put")).version
    return store.entry(put, parse_entry_path("f")).digest


def test_a_file_that_is_stored_while_it_grows_is_what_putting_it_makes(
    tmp_path: Path, store: Store, storer: DraftStorer, draft: Draft
) -> None:
    ino = draft.make(BASE, b"f", stat.S_IFREG | 0o644, 0, 0).ino
    draft.opened(ino, writing=True)
    grown = 0
    for at in range(0, len(BIG), 1 << 20):
        draft.write(ino, at, BIG[at : at + (1 << 20)])
        if draft.has_backlog():
            jobs = draft.jobs()
            assert [job.final for job in jobs] == [False]
            grown += 1
            storer.store(draft.directory, jobs)
    draft.closed(ino, writing=True)
    assert grown >= 2
    before_close = storer.unflushed
    storer.store(draft.directory, draft.jobs())
    assert before_close > len(BIG) // 2
    draft.stored(result for _place, result in storer.flush())
    draft.checkpoint()
    assert not list((draft.directory / "data").iterdir())
    assert bytes(draft.read(ino, 50 << 20, 1000)) == BIG[50 << 20 :][:1000]
    before = stored_bytes(store)
    commit(draft, storer)
    assert stored_bytes(store) - before < 10_000
    assert store.entry(version(store, "base"), parse_entry_path("f")).digest == digest_as_put(store, tmp_path, BIG)


def test_changing_four_kilobytes_of_a_large_file_stores_a_few_chunks(
    tmp_path: Path, store: Store, storer: DraftStorer, draft: Draft
) -> None:
    ino = make(draft, "f", BIG)
    commit(draft, storer)
    before = stored_bytes(store)
    draft.opened(ino, writing=True)
    draft.write(ino, 60 << 20, b"x" * 4096)
    draft.closed(ino, writing=True)
    assert not draft.has_backlog()
    draft.checkpoint()
    held = sum(path.stat().st_blocks * 512 for path in (draft.directory / "data").iterdir())
    assert held < 100_000
    commit(draft, storer)
    assert stored_bytes(store) - before < 8 << 20
    changed = BIG[: 60 << 20] + b"x" * 4096 + BIG[(60 << 20) + 4096 :]
    assert store.entry(version(store, "base"), parse_entry_path("f")).digest == digest_as_put(store, tmp_path, changed)


def test_a_result_that_comes_twice_or_late_changes_nothing(storer: DraftStorer, draft: Draft) -> None:
    ino = make(draft, "f", b"first" * 10_000)
    jobs = draft.jobs()
    storer.store(draft.directory, jobs)
    results = [result for _place, result in storer.flush()]
    assert results
    draft.write(ino, 0, b"later")
    draft.stored(results)
    assert bytes(draft.read(ino, 0, 10)) == b"laterfirst"
    draft.stored(results)
    assert bytes(draft.read(ino, 0, 10)) == b"laterfirst"


def test_what_a_version_cannot_hold_is_refused_by_name(store: Store, storer: DraftStorer, draft: Draft) -> None:
    make(draft, "d/f", b"x")
    found = draft.lookup(BASE, b"d")
    assert found is not None
    draft.make(found.ino, b"pipe", stat.S_IFIFO | 0o644, 0, 0)
    with pytest.raises(UnsupportedFileError, match="'d/pipe' is a FIFO"):
        commit(draft, storer)
    draft.thaw()
    draft.unlink(found.ino, b"pipe")
    commit(draft, storer)
    assert files_of(store, "base") == [b"d", b"d/f"]


def test_ignored_paths_are_in_the_draft_and_in_no_version(store: Store, storer: DraftStorer, draft: Draft) -> None:
    for path in ("a.txt", "a.tmp", "cache/x", "d/keep.txt", "d/b.tmp"):
        make(draft, path, b"x")
    make(draft, ".artfsignore", b"*.tmp\n/cache/\n")
    commit(draft, storer)
    assert files_of(store, "base") == [b".artfsignore", b"a.txt", b"d", b"d/keep.txt"]
    assert draft.lookup(BASE, b"a.tmp") is not None


def test_an_ignore_file_that_changes_decides_about_all_paths_again(
    store: Store, storer: DraftStorer, draft: Draft
) -> None:
    for path in ("a.txt", "a.tmp", "d/b.tmp"):
        make(draft, path, b"x")
    commit(draft, storer)
    assert files_of(store, "base") == [b"a.tmp", b"a.txt", b"d", b"d/b.tmp"]
    make(draft, ".artfsignore", b"*.tmp\n")
    commit(draft, storer)
    assert files_of(store, "base") == [b".artfsignore", b"a.txt", b"d"]
    draft.unlink(BASE, b".artfsignore")
    commit(draft, storer)
    assert files_of(store, "base") == [b"a.tmp", b"a.txt", b"d", b"d/b.tmp"]


def test_a_moved_directory_is_ignored_where_it_is_now(store: Store, storer: DraftStorer, draft: Draft) -> None:
    make(draft, ".artfsignore", b"/out/*.log\n")
    make(draft, "in/a.log", b"x")
    make(draft, "in/a.txt", b"x")
    commit(draft, storer)
    assert b"in/a.log" in files_of(store, "base")
    draft.rename(BASE, b"in", BASE, b"out")
    commit(draft, storer)
    assert files_of(store, "base") == [b".artfsignore", b"out", b"out/a.txt"]


def test_status_names_what_was_added_modified_and_removed(store: Store, storer: DraftStorer, draft: Draft) -> None:
    for path in ("a", "b", "c", "d/e", "d/f", "g/h"):
        make(draft, path, path.encode())
    commit(draft, storer)

    def status() -> list[tuple[str, bytes]]:
        return [(change.kind, change.path) for change in changes(draft.tree(), store.pages)]

    assert status() == []
    draft.unlink(BASE, b"a")
    found = draft.lookup(BASE, b"b")
    assert found is not None
    draft.write(found.ino, 0, b"B")
    make(draft, "d/new", b"n")
    make(draft, "z/y/x", b"n")
    draft.rename(BASE, b"g", BASE, b"h")
    assert status() == [("D", b"a"), ("M", b"b"), ("A", b"d/new"), ("D", b"g/"), ("A", b"h/"), ("A", b"z/")]
    commit(draft, storer)
    assert status() == []
