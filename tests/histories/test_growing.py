"""A file that is stored while it grows gives its data files up as it goes, and has its bytes whatever comes next."""

from __future__ import annotations

import json
import random
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from artfs.catalog import NewVersion
from artfs.drafts import writeback
from artfs.drafts.data import allocator, dirty_files, file_io
from artfs.drafts.db.schema import BASE
from artfs.drafts.draft import Draft
from artfs.drafts.storer import DraftStorer, prestored
from artfs.names import parse_entry_path, parse_ref
from artfs.store import Store, open_store
from tests.support.data.drafts import commit, make_draft

MEGABYTE = 1 << 20
NOISE = random.Random(11).randbytes(64 * MEGABYTE)


@pytest.fixture(autouse=True)
def small_amounts(monkeypatch: pytest.MonkeyPatch) -> None:
    """What happens to gigabytes happens to megabytes."""
    monkeypatch.setattr(file_io, "_DATA_FILE_BYTES", 2 * MEGABYTE)
    monkeypatch.setattr(prestored, "_ACK_BYTES", 2 * MEGABYTE)
    monkeypatch.setattr(dirty_files, "_DUE_BYTES", 2 * MEGABYTE)
    monkeypatch.setattr(allocator, "_FLUSH_BYTES", 2 * MEGABYTE)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "store", create=True) as opened:
        yield opened


class Growing:
    """A file in a draft that somebody writes, and what its bytes should be."""

    def __init__(self, place: Path, store: Store) -> None:
        self.store = store
        self.place = make_draft(place, None)
        self.draft = Draft(self.place, store)
        self.storer = DraftStorer(store)
        self.ino = self.draft.make(BASE, b"f", stat.S_IFREG | 0o644, 0, 0).ino
        self.expected = bytearray()
        self.taken_over = 0
        self.draft.inode_use.opened(self.ino, writing=True)

    def close(self) -> None:
        self.draft.close()
        self.storer.close()

    def append(self, size: int, seed: int = 0) -> None:
        at = len(self.expected)
        piece = NOISE[(at + seed) % len(NOISE) :][:size]
        assert self.draft.files.write(self.ino, at, piece) == len(piece) > 0
        self.expected += piece

    def sync(self) -> None:
        self.draft.files.sync(self.ino)

    def write(self, at: int, piece: bytes) -> None:
        assert self.draft.files.write(self.ino, at, piece) == len(piece)
        self.expected[at : at + len(piece)] = piece

    def truncate(self, size: int) -> None:
        self.draft.set_attributes(self.ino, size=size)
        del self.expected[size:]

    def store_in_the_background(self) -> None:
        while jobs := self.draft.writeback.next_jobs():
            self.storer.store(self.place, jobs)
        results = [result for _place, result in self.storer.flush()]
        self.taken_over += sum(result.size < len(self.expected) for result in results)
        self.draft.writeback.apply_results(results)
        self.storer.end_session()

    def collect_garbage(self) -> int:
        """Bytes that were freed, by a process of its own: LMDB opens the rows once in a process."""
        self.draft.checkpoint()
        line = [sys.executable, "-m", "artfs.cli", "--store", str(self.store.path), "gc", "--now", "--json"]
        ended = subprocess.run(line, check=True, capture_output=True, timeout=60)
        return int(json.loads(ended.stdout)["freed"])

    def close_and_open_again(self) -> None:
        self.draft.inode_use.closed(self.ino, writing=True)
        self.draft.inode_use.opened(self.ino, writing=True)

    def another_storer(self) -> None:
        """As when the process that stores was killed: what it knew of the file is forgotten."""
        self.storer.close()
        self.storer = DraftStorer(self.store)

    def another_server(self) -> None:
        self.draft.close()
        self.draft = Draft(self.place, self.store)
        self.draft.inode_use.opened(self.ino, writing=True)

    def commit(self) -> None:
        """The version has what the file has, cut as a new file with these bytes."""
        self.draft.inode_use.closed(self.ino, writing=True)
        commit(self.draft, self.storer)
        source = self.store.path.with_name("as-put")
        source.mkdir(exist_ok=True)
        (source / "f").write_bytes(self.expected)
        put = self.store.put([source], NewVersion(name="put")).version
        found, expected = (
            self.store.entry(version, parse_entry_path("f")) for version in (self.store.version(parse_ref("base")), put)
        )
        assert (found.digest, found.size) == (expected.digest, expected.size)
        self.draft.inode_use.opened(self.ino, writing=True)

    def check(self) -> None:
        assert self.draft.attributes(self.ino).size == len(self.expected)
        assert bytes(self.draft.files.read(self.ino, 0, len(self.expected) + 1)) == bytes(self.expected)

    def on_disk(self) -> int:
        return sum(path.stat().st_blocks * 512 for path in (self.place / "data").iterdir())


@pytest.fixture
def file(store: Store) -> Iterator[Growing]:
    opened = Growing(store.layout.drafts / "1.base", store)
    yield opened
    opened.close()


def test_a_file_takes_no_more_room_than_its_bytes_while_it_is_copied_in(file: Growing) -> None:
    for megabyte in range(48):
        file.append(MEGABYTE)
        if megabyte % 6 == 5:
            file.store_in_the_background()
            assert file.on_disk() < 16 * MEGABYTE
            file.check()
    assert file.taken_over >= 3
    file.commit()
    file.check()


def test_a_storer_that_is_far_behind_is_sent_a_file_part_by_part(
    file: Growing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writeback, "_MAX_EXTENTS", 12)
    for _ in range(56):
        file.append(MEGABYTE)
    last = jobs = file.draft.writeback.next_jobs()
    assert [job.final for job in jobs] == [False]
    file.draft.inode_use.closed(file.ino, writing=True)
    while jobs:
        file.storer.store(file.place, jobs)
        assert all(len(job.extents) <= 12 for job in jobs)
        last, jobs = jobs, file.draft.writeback.next_jobs()
    assert last[0].final
    assert last[0].start > 0
    assert file.storer.unflushed == len(file.expected)
    file.store_in_the_background()
    file.draft.checkpoint()
    assert file.on_disk() == 0
    file.draft.inode_use.opened(file.ino, writing=True)
    file.check()
    file.commit()


def test_a_storer_that_was_killed_leaves_the_rest_to_the_commit(file: Growing) -> None:
    for _ in range(12):
        file.append(MEGABYTE)
    file.store_in_the_background()
    assert file.taken_over == 1
    file.another_storer()
    for _ in range(6):
        file.append(MEGABYTE)
    file.store_in_the_background()
    file.check()
    file.commit()
    file.check()


def test_what_the_rows_could_not_take_over_is_stored_again(file: Growing) -> None:
    """No row refers to it: gc may have removed it by then."""
    for _ in range(24):
        file.append(MEGABYTE)
    file.storer.store(file.place, file.draft.writeback.next_jobs())
    lost = file.storer.flush()
    assert lost
    file.storer.end_session()  # the disk was full, say
    for _ in range(12):
        file.append(MEGABYTE)
    jobs = file.draft.writeback.next_jobs()
    file.storer.store(file.place, jobs)
    before = file.storer.unflushed
    assert before == 0 or before > 24 * MEGABYTE  # not at all, or from the beginning on
    file.commit()
    file.check()


@pytest.mark.parametrize("referenced", [True, False], ids=["referenced-by-rows", "unreferenced"])
def test_what_gc_leaves_of_a_file_that_grows_is_all_that_its_version_needs(file: Growing, *, referenced: bool) -> None:
    for _ in range(24):
        file.append(MEGABYTE)
    file.storer.store(file.place, file.draft.writeback.next_jobs())
    results = [result for _place, result in file.storer.flush()]
    assert results
    if referenced:
        file.draft.writeback.apply_results(results)
    file.storer.end_session()
    freed = file.collect_garbage()
    assert (freed == 0) == referenced
    for _ in range(12):
        file.append(MEGABYTE)
    file.store_in_the_background()
    assert file.collect_garbage() < MEGABYTE
    file.check()
    file.commit()
    version = file.store.version(parse_ref("base"))
    entry = file.store.entry(version, parse_entry_path("f"))
    assert b"".join(bytes(piece) for piece in file.store.content.stream(entry)) == file.expected


def test_what_is_synced_after_its_beginning_was_given_up_is_synced(file: Growing) -> None:
    for _ in range(12):
        file.append(MEGABYTE)
    file.sync()
    file.append(MEGABYTE)
    file.store_in_the_background()
    assert file.taken_over == 1
    file.draft.checkpoint()
    file.sync()
    file.append(MEGABYTE)
    file.sync()
    file.check()


def test_a_data_file_goes_with_the_last_byte_that_was_in_it(file: Growing) -> None:
    for _ in range(12):
        file.append(MEGABYTE)
    assert len(list((file.place / "data").iterdir())) >= 5
    file.truncate(3 * MEGABYTE)
    file.draft.checkpoint()
    assert file.on_disk() <= 4 * MEGABYTE
    file.check()


def test_what_was_written_front_to_back_is_written_over_where_it_is(file: Growing) -> None:
    for _ in range(12):
        file.append(MEGABYTE)
    files = {path.name: path.stat().st_blocks for path in (file.place / "data").iterdir()}
    for at in range(0, 12 * MEGABYTE, 700_000):
        file.write(at, b"x" * 4096)
    assert {path.name: path.stat().st_blocks for path in (file.place / "data").iterdir()} == files
    file.check()


@pytest.mark.parametrize("seed", range(6))
def test_whatever_is_done_to_a_file_that_grows_it_has_its_bytes(file: Growing, seed: int) -> None:
    chance = random.Random(seed)
    others: list[Callable[[], None]] = [
        lambda: file.write(
            chance.randrange(len(file.expected) + 1), NOISE[chance.randrange(9999) :][: 1 << chance.randrange(20)]
        ),
        lambda: file.truncate(chance.randrange(len(file.expected) + 1)),
        file.close_and_open_again,
        file.another_storer,
        file.another_server,
        file.commit,
        file.sync,
    ]
    for _ in range(12):
        for _ in range(chance.randrange(1, 16)):
            file.append(chance.choice([MEGABYTE, 300_000, 5]), seed)
        file.store_in_the_background()
        if chance.random() < 0.5:
            chance.choice(others)()
        file.check()
    file.commit()
    file.check()


def test_what_was_written_over_since_a_freeze_is_not_asked_of_a_sync(file: Growing) -> None:
    file.append(300_000)
    file.sync()
    file.write(0, b"x" * 300_000)
    file.draft.freeze()
    before = set((file.place / "data").iterdir())
    file.write(0, b"y" * 300_000)
    file.draft.thaw()
    file.draft.checkpoint()
    assert before - set((file.place / "data").iterdir())  # it is gone
    file.sync()
    file.check()
