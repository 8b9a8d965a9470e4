"""Name changes that a server before this one has carried out, and not answered."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from artfs.drafts.db.schema import BASE
from artfs.drafts.draft import Draft
from artfs.drafts.namespace.directories import RENAME_EXCHANGE, RENAME_NOREPLACE
from artfs.drafts.namespace.inodes import Attributes
from artfs.fuse.staging.recovery.replay import ReplayingDraft
from artfs.store import open_store
from tests.support.data.drafts import make_draft


@pytest.fixture
def draft(tmp_path: Path) -> Iterator[ReplayingDraft]:
    with open_store(tmp_path / "store", create=True) as store:
        opened = ReplayingDraft(make_draft(tmp_path / "draft", None), store)
        yield opened
        opened.close()


def _make(draft: Draft, name: bytes, kind: int = stat.S_IFREG) -> Attributes:
    return draft.make(BASE, name, kind | 0o644, 0, 0)


def _ino(draft: Draft, name: bytes) -> int:
    found = draft.lookup(BASE, name)
    assert found is not None
    return found.ino


_CHANGES: dict[str, Callable[[Draft], object]] = {
    "make a file": lambda draft: _make(draft, b"new").ino,
    "make a directory": lambda draft: _make(draft, b"new", stat.S_IFDIR).ino,
    "make a FIFO": lambda draft: _make(draft, b"new", stat.S_IFIFO).ino,
    "make a symlink": lambda draft: draft.make(BASE, b"new", stat.S_IFLNK | 0o777, 0, 0, target=b"file").ino,
    "link": lambda draft: draft.link(_ino(draft, b"file"), BASE, b"new").ino,
    "unlink": lambda draft: draft.unlink(BASE, b"file"),
    "unlink one of two names": lambda draft: draft.unlink(BASE, b"two"),
    "rmdir": lambda draft: draft.rmdir(BASE, b"directory"),
    "rename": lambda draft: draft.rename(BASE, b"file", BASE, b"new"),
    "rename into a directory": lambda draft: draft.rename(BASE, b"file", _ino(draft, b"directory"), b"new"),
    "rename over a file": lambda draft: draft.rename(BASE, b"file", BASE, b"other"),
    "rename a directory over one": lambda draft: draft.rename(BASE, b"directory", BASE, b"empty"),
    "rename to no other name": lambda draft: draft.rename(BASE, b"file", BASE, b"new", RENAME_NOREPLACE),
}


def _fill(draft: Draft) -> None:
    for name in (b"file", b"other"):
        _make(draft, name)
    for name in (b"directory", b"empty"):
        _make(draft, name, stat.S_IFDIR)
    draft.link(_ino(draft, b"other"), BASE, b"two")


def _tree(draft: Draft, directory: int = BASE) -> dict[bytes, object]:
    """What each name leads to, with its count of names; directories with what is in them."""
    return {
        name: (found.ino, found.mode, found.nlink, _tree(draft, found.ino) if stat.S_ISDIR(found.mode) else None)
        for name, found, _following in draft.listdir(directory)
    }


@pytest.mark.parametrize("change", _CHANGES)
def test_a_name_change_does_the_same_whether_or_not_the_server_before_has_carried_it_out(
    draft: ReplayingDraft, tmp_path: Path, change: str
) -> None:
    """A request that comes again is carried out by a draft that did not get it, and done by one that did."""
    with open_store(tmp_path / "other store", create=True) as store:
        plain = Draft(make_draft(tmp_path / "plain", None), store)
        try:
            _fill(plain)
            untouched = _tree(plain)
            answer = _CHANGES[change](plain)
            expected = _tree(plain)
        finally:
            plain.close()
    assert expected != untouched
    _fill(draft)
    assert _CHANGES[change](draft) == answer
    assert _tree(draft) == expected
    assert _CHANGES[change](draft) == answer
    assert _tree(draft) == expected


def test_a_name_change_that_was_never_possible_fails_during_the_replay(draft: ReplayingDraft) -> None:
    made = _make(draft, b"new")
    _make(draft, b"other")
    with pytest.raises(FileExistsError):
        _make(draft, b"new", stat.S_IFDIR)
    with pytest.raises(FileExistsError):
        draft.link(made.ino, BASE, b"other")
    with pytest.raises(FileNotFoundError):
        draft.rename(BASE, b"gone", BASE, b"nowhere")
    with pytest.raises(OSError, match="connection abort"):
        draft.rename(BASE, b"new", BASE, b"other", RENAME_EXCHANGE)


def test_after_the_replay_an_impossible_name_change_fails_as_in_any_draft(draft: ReplayingDraft) -> None:
    made = _make(draft, b"new")
    _make(draft, b"other")
    draft.replaying = False
    with pytest.raises(FileExistsError):
        _make(draft, b"new")
    with pytest.raises(FileExistsError):
        draft.link(made.ino, BASE, b"new")
    for remove in (draft.unlink, draft.rmdir):
        with pytest.raises(FileNotFoundError):
            remove(BASE, b"gone")
    with pytest.raises(FileNotFoundError):
        draft.rename(BASE, b"gone", BASE, b"new")
    draft.rename(BASE, b"new", BASE, b"other", RENAME_EXCHANGE)
    found = draft.lookup(BASE, b"other")
    assert found is not None
    assert found.ino == made.ino
