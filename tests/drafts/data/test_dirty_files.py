"""Files are queued for the storer once it is worth it, and none that has nothing to store."""

from __future__ import annotations

import stat

from artfs.drafts.data.dirty_files import DirtyFiles
from artfs.drafts.db.schema import BASE
from artfs.drafts.draft import Draft

MEGABYTE = 1 << 20


def test_a_temporary_file_that_was_large_leaves_nothing_to_store(draft: Draft) -> None:
    ino = draft.make(BASE, b"t", stat.S_IFREG | 0o600, 0, 0).ino
    draft.inode_use.opened(ino, writing=True)
    draft.unlink(BASE, b"t")
    for at in range(0, 33 << 20, 1 << 20):
        draft.files.write(ino, at, bytes(1 << 20))
    draft.inode_use.closed(ino, writing=True)
    assert not draft.writeback.is_due()
    assert draft.writeback.next_jobs() == []


def test_a_large_file_is_due_as_it_grows_and_stays_queued() -> None:
    dirty = DirtyFiles()
    assert dirty.record_write(1, 0, 31 * MEGABYTE, fresh=True) is not None
    assert not dirty.is_due()
    assert dirty.record_write(1, 31 * MEGABYTE, 32 * MEGABYTE, fresh=False) is None  # it only grew
    assert dirty.is_due()
    (file,) = dirty.pop(10, 1 << 30)
    file.sent = file.end
    assert not dirty.is_due()
    assert dirty.is_growing(1)
    dirty.record_close(1, 32 * MEGABYTE)
    (closed,) = dirty.pop(10, 1 << 30)
    assert (closed.sent, closed.closed, closed.sequential) == (32 * MEGABYTE, True, True)
    assert list(dirty.pop(10, 1 << 30)) == []


def test_closed_files_are_taken_in_the_order_of_their_closing_and_wait_for_enough() -> None:
    dirty = DirtyFiles()
    for ino in (3, 1, 2):
        dirty.record_close(ino, 20 * MEGABYTE)
    dirty.record_close(3, 20 * MEGABYTE)  # opened and closed again
    assert dirty.is_due()
    assert [file.ino for file in dirty.pop(10, 30 * MEGABYTE)] == [1, 2]
    assert not dirty.is_due()
    (file,) = dirty.pop(10, 1 << 30)
    dirty.put_back(file)
    assert [file.ino for file in dirty.pop(10, 1 << 30)] == [3]


def test_a_change_that_is_no_append_has_a_number_and_ends_the_growth() -> None:
    dirty = DirtyFiles()
    first = dirty.record_write(1, 0, 10, fresh=True)
    second = dirty.record_write(1, 5, 10, fresh=False)
    assert first is not None
    assert second == first + 1
    assert not dirty.is_growing(1)
    dirty.record_close(1, 10)
    assert dirty.record_change(1) == second + 1
    assert list(dirty.pop(10, 1 << 30)) == []
