"""What a draft does when something comes between: a full disk, a power cut, another process."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from artfs.errors import IntegrityError
from artfs.store import Store, open_store
from artfs.vfs.draft.draft import Draft
from artfs.vfs.draft.rows import BASE, extent_key
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


def copy_of_what_is_durable(draft: Draft, place: Path, logged: int) -> Path:
    """What a power cut leaves: all that was unlinked is gone, and of the log only what was synced is there."""
    shutil.copytree(draft.directory, place)
    (log,) = place.glob("redo-*.log")
    os.truncate(log, logged)
    return place


@contextmanager
def opened(place: Path, store: Store) -> Iterator[Draft]:
    draft = Draft(place, store)
    yield draft
    draft.close()


def log_size(draft: Draft) -> int:
    (log,) = draft.directory.glob("redo-*.log")
    return log.stat().st_size


@pytest.mark.parametrize("size", [1000, 1_000_000])
def test_a_synced_file_survives_a_power_cut_while_it_is_replaced(
    tmp_path: Path, store: Store, draft: Draft, size: int
) -> None:
    old = make(draft, "f", b"o" * size)
    new = make(draft, "f.new", b"n" * size)
    draft.sync(old)
    draft.sync(new)
    durable = log_size(draft)
    draft.rename(BASE, b"f.new", BASE, b"f")
    with opened(copy_of_what_is_durable(draft, tmp_path / "cut", durable), store) as cut:
        assert bytes(cut.read(old, 0, size)) == b"o" * size
        assert bytes(cut.read(new, 0, size)) == b"n" * size
    draft.checkpoint()
    assert sum(path.stat().st_blocks for path in (draft.directory / "data").iterdir()) * 512 < size + 8192


def test_what_an_earlier_process_wrote_is_synced_too(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = make_draft(tmp_path / "draft2", None)
    with opened(place, store) as first:
        ino = make(first, "f", b"x" * 1_000_000)
    synced: list[str] = []
    real = os.fdatasync

    def note(descriptor: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        real(descriptor)

    monkeypatch.setattr(os, "fdatasync", note)
    with opened(place, store) as second:
        second.sync(ino)
        second.sync(ino)
    assert len([path for path in synced if "/data/" in path]) == 1


def test_a_file_that_could_not_be_synced_is_never_said_to_be(draft: Draft, monkeypatch: pytest.MonkeyPatch) -> None:
    ino = make(draft, "f", b"x" * 1_000_000)

    def fail(_descriptor: int) -> None:
        raise OSError(errno.EIO, "lost")

    with monkeypatch.context() as failing:
        failing.setattr(os, "fdatasync", fail)
        with pytest.raises(OSError, match="lost"):
            draft.sync(ino)
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        draft.sync(ino)


def test_a_removed_file_takes_no_other_with_it_when_its_mount_is_killed(
    tmp_path: Path, store: Store, draft: Draft
) -> None:
    kept = make(draft, "kept", b"kept")
    gone = make(draft, "gone", b"gone")
    draft.opened(gone, writing=False)
    draft.unlink(BASE, b"gone")
    place = shutil.copytree(draft.directory, tmp_path / "killed")
    with opened(place, store) as following:
        assert bytes(following.read(kept, 0, 10)) == b"kept"
        following.checkpoint()
        assert bytes(following.read(kept, 0, 10)) == b"kept"


def test_bytes_that_were_written_over_take_no_room(draft: Draft) -> None:
    small = make(draft, "small", b"s" * 200_000)
    big = make(draft, "big", b"b" * 4_000_000)
    for _commit in range(3):
        draft.freeze()
        draft.thaw()
        draft.write(small, 0, b"S" * 300_000)
        draft.write(big, 0, b"B" * 3_000_000)
        draft.write(big, 3_000_000, b"B" * 1_000_000)
    draft.checkpoint()
    assert bytes(draft.read(small, 0, 300_000)) == b"S" * 300_000
    assert bytes(draft.read(big, 0, 4_000_000)) == b"B" * 4_000_000
    held = sum(path.stat().st_blocks * 512 for path in (draft.directory / "data").iterdir())
    assert held < 4_400_000


def test_a_damaged_row_of_one_file_leaves_the_others(tmp_path: Path, store: Store) -> None:
    place = make_draft(tmp_path / "damaged", None)
    with opened(place, store) as draft:
        bad, good, gone = (make(draft, name, name.encode()) for name in ("bad", "good", "gone"))
    rows = place / "rows" / "data.mdb"
    key = extent_key(bad, 0)
    rows.write_bytes(rows.read_bytes().replace(key + bytes([3]), key + bytes([4])))
    with opened(place, store) as draft:
        assert bytes(draft.read(good, 0, 10)) == b"good"
        with pytest.raises(IntegrityError):
            draft.read(bad, 0, 10)
        draft.unlink(BASE, b"gone")
        draft.checkpoint()
        assert bytes(draft.read(good, 0, 10)) == b"good"
        assert gone
