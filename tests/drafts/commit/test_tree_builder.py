"""The tree of a version holds files, directories, symlinks and references only."""

from __future__ import annotations

import stat

import pytest

from artfs.drafts.db.schema import BASE
from artfs.drafts.draft import Draft
from artfs.drafts.storer import DraftStorer
from artfs.errors import UnsupportedFileError
from artfs.store import Store
from tests.support.data.drafts import commit, make_file, paths_of


def test_what_a_version_cannot_hold_is_refused_by_name(store: Store, storer: DraftStorer, draft: Draft) -> None:
    make_file(draft, "d/f", b"x")
    found = draft.lookup(BASE, b"d")
    assert found is not None
    draft.make(found.ino, b"pipe", stat.S_IFIFO | 0o644, 0, 0)
    with pytest.raises(UnsupportedFileError, match="'d/pipe' is a FIFO"):
        commit(draft, storer)
    draft.thaw()
    draft.unlink(found.ino, b"pipe")
    commit(draft, storer)
    assert paths_of(store, "base") == [b"d", b"d/f"]
