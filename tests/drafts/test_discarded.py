"""Discarded drafts: each open, discarded or gone as a whole."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from artfs.drafts.discarded import DiscardedDrafts
from artfs.drafts.registry import DraftLocation, DraftRegistry
from artfs.errors import ConflictError, NotFoundError

_ME = (os.getuid(), os.getgid())


@pytest.fixture
def registry(tmp_path: Path) -> DraftRegistry:
    """Drafts of no store."""
    (tmp_path / "drafts").mkdir()
    return DraftRegistry(tmp_path / "drafts")


@pytest.fixture
def discarded(tmp_path: Path) -> DiscardedDrafts:
    """The discarded ones of them."""
    return DiscardedDrafts(tmp_path / "drafts")


def _made(registry: DraftRegistry, name: str) -> DraftLocation:
    return registry.create(name, "animals", None, "", _ME)


def test_a_draft_is_kept_and_comes_back_under_a_number_that_none_had(
    registry: DraftRegistry, discarded: DiscardedDrafts
) -> None:
    assert discarded.list() == []
    made = _made(registry, "b.c")
    kept = discarded.keep(made)
    assert (kept.number, kept.name, made.path.exists(), registry.list()) == (1, "b.c", False, [])
    assert discarded.list() == [kept]
    back = discarded.bring_back(1)
    assert (back.number, back.name) == (2, "b.c")
    assert (registry.list(), discarded.list()) == ([back], [])
    with pytest.raises(NotFoundError, match="no discarded draft 1 "):
        discarded.bring_back(1)


def test_numbers_of_discarded_drafts_are_not_used_again_where_the_counter_is_lost(
    registry: DraftRegistry, discarded: DiscardedDrafts, tmp_path: Path
) -> None:
    for name in ("a", "b"):
        discarded.keep(_made(registry, name))
    (tmp_path / "drafts/next").unlink()
    assert _made(registry, "c").number == 3


def test_a_name_that_is_taken_leaves_the_draft_discarded(registry: DraftRegistry, discarded: DiscardedDrafts) -> None:
    kept = discarded.keep(_made(registry, "a"))
    _made(registry, "a")
    with pytest.raises(ConflictError, match="--as"):
        discarded.bring_back(kept.number)
    assert discarded.list() == [kept]
    assert discarded.bring_back(kept.number, "b").name == "b"


def test_drafts_are_removed_by_the_time_of_their_discarding(
    registry: DraftRegistry, discarded: DiscardedDrafts, tmp_path: Path
) -> None:
    first, second = (discarded.keep(_made(registry, name)) for name in ("a", "b"))
    left = tmp_path / "drafts/discarded/.old-9/data"  # by a gc that was killed
    left.mkdir(parents=True)
    (first.path / "data/1").write_bytes(b"x" * 10_000)
    [(removed, size)] = discarded.remove_until(second.discarded_ns - 1)
    assert removed == first
    assert size >= 10_000
    assert discarded.list() == [second]
    assert os.listdir(tmp_path / "drafts/discarded") == [second.path.name]
    assert discarded.remove(first) is None  # another was quicker
    assert [draft for draft, _size in discarded.remove_until(second.discarded_ns)] == [second]
    assert os.listdir(tmp_path / "drafts/discarded") == []
