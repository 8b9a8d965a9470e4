"""Files of drafts come into the store whole, once, and no more of them than changed."""

from __future__ import annotations

import random
import stat
from pathlib import Path

from artfs.catalog import NewVersion
from artfs.drafts.db.schema import BASE
from artfs.drafts.draft import Draft
from artfs.drafts.storer import DraftStorer
from artfs.names import parse_entry_path, parse_ref
from artfs.store import Store
from tests.support.data.drafts import commit, make_file

BIG = random.Random(7).randbytes(100 << 20)


def stored_bytes(store: Store) -> int:
    return sum(store.layout.packs.list().values())


def committed_digest(store: Store) -> bytes:
    return store.entry(store.version(parse_ref("base")), parse_entry_path("f")).digest


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
    draft.inode_use.opened(ino, writing=True)
    grown = 0
    for at in range(0, len(BIG), 1 << 20):
        draft.files.write(ino, at, BIG[at : at + (1 << 20)])
        if draft.writeback.is_due():
            jobs = draft.writeback.next_jobs()
            assert [job.final for job in jobs] == [False]
            grown += 1
            storer.store(draft.directory, jobs)
    draft.inode_use.closed(ino, writing=True)
    assert grown >= 2
    before_close = storer.unflushed
    storer.store(draft.directory, draft.writeback.next_jobs())
    assert before_close > len(BIG) // 2
    draft.writeback.apply_results(result for _place, result in storer.flush())
    draft.checkpoint()
    assert not list((draft.directory / "data").iterdir())
    assert bytes(draft.files.read(ino, 50 << 20, 1000)) == BIG[50 << 20 :][:1000]
    before = stored_bytes(store)
    commit(draft, storer)
    assert stored_bytes(store) - before < 10_000
    assert committed_digest(store) == digest_as_put(store, tmp_path, BIG)


def test_changing_four_kilobytes_of_a_large_file_stores_a_few_chunks(
    tmp_path: Path, store: Store, storer: DraftStorer, draft: Draft
) -> None:
    ino = make_file(draft, "f", BIG)
    commit(draft, storer)
    before = stored_bytes(store)
    draft.inode_use.opened(ino, writing=True)
    draft.files.write(ino, 60 << 20, b"x" * 4096)
    draft.inode_use.closed(ino, writing=True)
    assert not draft.writeback.is_due()
    draft.checkpoint()
    on_disk = sum(path.stat().st_blocks * 512 for path in (draft.directory / "data").iterdir())
    assert on_disk < 100_000
    commit(draft, storer)
    assert stored_bytes(store) - before < 8 << 20
    changed = BIG[: 60 << 20] + b"x" * 4096 + BIG[(60 << 20) + 4096 :]
    assert committed_digest(store) == digest_as_put(store, tmp_path, changed)


def test_a_result_that_comes_twice_or_late_changes_nothing(storer: DraftStorer, draft: Draft) -> None:
    ino = make_file(draft, "f", b"first" * 10_000)
    jobs = draft.writeback.next_jobs()
    storer.store(draft.directory, jobs)
    results = [result for _place, result in storer.flush()]
    assert results
    draft.files.write(ino, 0, b"later")
    draft.writeback.apply_results(results)
    assert bytes(draft.files.read(ino, 0, 10)) == b"laterfirst"
    draft.writeback.apply_results(results)
    assert bytes(draft.files.read(ino, 0, 10)) == b"laterfirst"
