"""Bytes of a draft survive a power cut, a killed mount and damage elsewhere, and take no more room than they need."""

from __future__ import annotations

import errno
import os
import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from artfs.drafts.db.schema import BASE, extent_key
from artfs.drafts.draft import Draft
from artfs.errors import IntegrityError
from artfs.store import Store
from tests.support.data.drafts import make_draft, make_file


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
    old = make_file(draft, "f", b"o" * size)
    new = make_file(draft, "f.new", b"n" * size)
    draft.files.sync(old)
    draft.files.sync(new)
    durable = log_size(draft)
    draft.rename(BASE, b"f.new", BASE, b"f")
    with opened(copy_of_what_is_durable(draft, tmp_path / "cut", durable), store) as cut:
        assert bytes(cut.files.read(old, 0, size)) == b"o" * size
        assert bytes(cut.files.read(new, 0, size)) == b"n" * size
    draft.checkpoint()
    assert sum(path.stat().st_blocks for path in (draft.directory / "data").iterdir()) * 512 < size + 8192


def test_what_an_earlier_process_wrote_is_synced_too(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = make_draft(tmp_path / "draft2", None)
    with opened(place, store) as first:
        ino = make_file(first, "f", b"x" * 1_000_000)
    synced: list[str] = []
    real = os.fdatasync

    def note(descriptor: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        real(descriptor)

    monkeypatch.setattr(os, "fdatasync", note)
    with opened(place, store) as second:
        second.files.sync(ino)
        second.files.sync(ino)
    assert len([path for path in synced if "/data/" in path]) == 1


def test_a_file_that_could_not_be_synced_is_never_said_to_be(draft: Draft, monkeypatch: pytest.MonkeyPatch) -> None:
    ino = make_file(draft, "f", b"x" * 1_000_000)

    def fail(_descriptor: int) -> None:
        raise OSError(errno.EIO, "lost")

    with monkeypatch.context() as failing:
        failing.setattr(os, "fdatasync", fail)
        with pytest.raises(OSError, match="lost"):
            draft.files.sync(ino)
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        draft.files.sync(ino)


def test_a_removed_file_takes_no_other_with_it_when_its_mount_is_killed(
    tmp_path: Path, store: Store, draft: Draft
) -> None:
    kept = make_file(draft, "kept", b"kept")
    gone = make_file(draft, "gone", b"gone")
    draft.inode_use.opened(gone, writing=False)
    draft.unlink(BASE, b"gone")
    place = shutil.copytree(draft.directory, tmp_path / "killed")
    with opened(place, store) as following:
        assert bytes(following.files.read(kept, 0, 10)) == b"kept"
        following.checkpoint()
        assert bytes(following.files.read(kept, 0, 10)) == b"kept"


@pytest.mark.parametrize("size", [1000, 1_000_000])
def test_bytes_that_a_commit_reads_stay_as_they_were_while_their_file_is_written_over(draft: Draft, size: int) -> None:
    ino = make_file(draft, "f", b"o" * size)
    draft.freeze()
    frozen = {path: path.read_bytes() for path in (draft.directory / "data").iterdir()}
    assert any(b"o" * size in data for data in frozen.values())
    draft.files.write(ino, 0, b"n" * size)
    draft.files.write(ino, size // 2, b"m")
    assert bytes(draft.files.read(ino, 0, 3)) == b"nnn"
    for path, data in frozen.items():
        assert path.read_bytes().startswith(data.rstrip(b"\0")), path
    draft.thaw()


def test_bytes_that_were_written_over_take_no_room(draft: Draft) -> None:
    small = make_file(draft, "small", b"s" * 200_000)
    big = make_file(draft, "big", b"b" * 4_000_000)
    for _commit in range(3):
        draft.freeze()
        draft.thaw()
        draft.files.write(small, 0, b"S" * 300_000)
        draft.files.write(big, 0, b"B" * 3_000_000)
        draft.files.write(big, 3_000_000, b"B" * 1_000_000)
    draft.checkpoint()
    assert bytes(draft.files.read(small, 0, 300_000)) == b"S" * 300_000
    assert bytes(draft.files.read(big, 0, 4_000_000)) == b"B" * 4_000_000
    on_disk = sum(path.stat().st_blocks * 512 for path in (draft.directory / "data").iterdir())
    assert on_disk < 4_400_000


def test_a_damaged_row_of_one_file_leaves_the_others(tmp_path: Path, store: Store) -> None:
    place = make_draft(tmp_path / "damaged", None)
    with opened(place, store) as draft:
        bad, good, gone = (make_file(draft, name, name.encode()) for name in ("bad", "good", "gone"))
    rows = place / "rows" / "data.mdb"
    key = extent_key(bad, 0)
    rows.write_bytes(rows.read_bytes().replace(key + bytes([3]), key + bytes([4])))
    with opened(place, store) as draft:
        assert bytes(draft.files.read(good, 0, 10)) == b"good"
        with pytest.raises(IntegrityError):
            draft.files.read(bad, 0, 10)
        draft.unlink(BASE, b"gone")
        draft.checkpoint()
        assert bytes(draft.files.read(good, 0, 10)) == b"good"
        assert gone


def test_a_file_written_at_random_is_read_from_all_of_its_extents(draft: Draft) -> None:
    ino = make_file(draft, "f", b"")
    expected = bytearray()
    for number in random.Random(5).sample(range(700), 600):
        at, piece = number * 8192, number.to_bytes(4) * 1024
        draft.files.write(ino, at, piece)
        expected.extend(bytes(max(0, at + len(piece) - len(expected))))
        expected[at : at + len(piece)] = piece
    view = draft.view()
    assert len(view.extents(ino)) == 600
    for start, size in ((0, len(expected)), (5000, 70_000), (100 * 8192 - 1, 2), (len(expected) - 10, 100)):
        assert bytes(draft.files.read(ino, start, size)) == expected[start : start + size]
        assert bytes(view.read(ino, start, size)) == expected[start : start + size]
