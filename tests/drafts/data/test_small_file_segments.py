"""Small files share data files: the room of those that go is given back, in time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from artfs.drafts.db.schema import BASE
from artfs.drafts.draft import Draft
from artfs.store import open_store
from tests.support.data.drafts import make_draft, make_file

SIZE = 200_000
COUNT = 60


@pytest.fixture
def draft(tmp_path: Path) -> Iterator[Draft]:
    """A draft with 60 files of 200,000 bytes, in one data file."""
    with open_store(tmp_path / "store", create=True) as store:
        opened = Draft(make_draft(tmp_path / "draft", None), store)
        for number in range(COUNT):
            make_file(opened, f"{number}", bytes([number]) * SIZE)
        yield opened
        opened.close()


def disk_usage(draft: Draft) -> int:
    return sum(path.stat().st_blocks * 512 for path in (draft.directory / "data").iterdir())


def remove(draft: Draft, numbers: range) -> None:
    for number in numbers:
        draft.unlink(BASE, b"%d" % number)


def check_left(draft: Draft, numbers: range) -> None:
    for number in numbers:
        found = draft.lookup(BASE, b"%d" % number)
        assert found is not None
        assert bytes(draft.files.read(found.ino, 0, SIZE)) == bytes([number]) * SIZE


def test_the_room_of_files_side_by_side_is_given_back_at_the_next_checkpoint(draft: Draft) -> None:
    before = disk_usage(draft)
    remove(draft, range(40))
    draft.checkpoint()
    assert disk_usage(draft) <= before - 40 * SIZE
    check_left(draft, range(40, COUNT))


def test_the_room_of_single_files_is_given_back_when_there_is_nothing_better_to_do(draft: Draft) -> None:
    before = disk_usage(draft)
    remove(draft, range(0, COUNT, 2))
    while draft.sweep():
        pass
    assert disk_usage(draft) <= before - COUNT // 2 * SIZE
    check_left(draft, range(1, COUNT, 2))


def test_where_room_is_scarce_it_is_given_back_at_once(draft: Draft, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("artfs.drafts.data.allocator._SCARCE_BYTES", 1 << 62)
    before = disk_usage(draft)
    remove(draft, range(0, COUNT, 2))
    assert disk_usage(draft) <= before - COUNT // 2 * SIZE
    check_left(draft, range(1, COUNT, 2))
