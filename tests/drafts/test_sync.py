"""Order in which a draft syncs data files, rows and redo log."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

import pytest

from artfs.drafts.db.database import RowsEnvironment
from artfs.drafts.db.schema import BASE
from artfs.drafts.draft import Draft
from artfs.kv.checked_rows import Txn
from artfs.store import open_store
from tests.support.data.drafts import make_draft


def test_syncing_a_file_syncs_its_bytes_and_then_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """S25: What was synced (fsync, sync) survives a power cut."""
    synced: list[str] = []
    real = os.fdatasync

    def fdatasync(descriptor: int) -> None:
        synced.append(os.path.basename(os.readlink(f"/proc/self/fd/{descriptor}")))
        real(descriptor)

    with open_store(tmp_path / "store", create=True) as store:
        draft = Draft(make_draft(tmp_path / "draft", None), store)
        try:
            small = draft.make(BASE, b"small", stat.S_IFREG | 0o644, 0, 0).ino
            large = draft.make(BASE, b"large", stat.S_IFREG | 0o644, 0, 0).ino
            monkeypatch.setattr(os, "fdatasync", fdatasync)
            for ino, size, kind in ((small, 100, "spool-"), (large, 1 << 20, "")):
                draft.files.write(ino, 0, b"x" * size)
                synced.clear()
                draft.files.sync(ino)
                assert len(synced) == 2
                assert synced[0].removeprefix(kind).isdigit()
                assert synced[1].startswith("redo-")
        finally:
            draft.close()


def test_the_names_of_data_files_are_synced_before_any_row_that_speaks_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file of which rows are on the disk, and the name is not, could not be read after a power cut."""
    synced: list[str] = []
    real, real_commit = os.fsync, RowsEnvironment.commit

    def fsync(descriptor: int) -> None:
        synced.append(os.path.basename(os.readlink(f"/proc/self/fd/{descriptor}")))
        real(descriptor)

    def commit(environment: RowsEnvironment, txn: Txn) -> None:
        synced.append("rows")
        real_commit(environment, txn)

    with open_store(tmp_path / "store", create=True) as store:
        place = make_draft(tmp_path / "draft", None)
        monkeypatch.setattr(os, "fsync", fsync)
        monkeypatch.setattr(RowsEnvironment, "commit", commit)
        for _new_or_opened_again in range(2):
            draft = Draft(place, store)
            try:
                synced_file, other = (
                    draft.make(BASE, secrets.token_bytes(8).hex().encode(), stat.S_IFREG | 0o644, 0, 0).ino
                    for _ in range(2)
                )
                draft.files.write(synced_file, 0, b"x" * (1 << 20))
                draft.files.write(other, 0, b"x" * (1 << 20))
                synced.clear()
                draft.files.sync(synced_file)  # and with it the rows of the other
                assert synced[0] == "data"
                draft.files.write(other, 1 << 20, b"y")
                synced.clear()
                draft.checkpoint()
                assert "data" not in synced  # which costs a flush of the disk
                third = draft.make(BASE, secrets.token_bytes(8).hex().encode(), stat.S_IFREG | 0o644, 0, 0).ino
                draft.files.write(third, 0, b"x" * (1 << 20))
                synced.clear()
                draft.checkpoint()
                assert synced.index("data") < synced.index("rows")
            finally:
                draft.close()


@pytest.mark.parametrize("size", [500, 300_000])
def test_what_was_synced_survives_an_append_of_which_the_bytes_are_lost(tmp_path: Path, size: int) -> None:
    """The kernel writes whole pages: an append writes again what its page had, and that may have been synced.

    S25: What was synced (fsync, sync) survives a power cut.
    """
    data = tmp_path / "draft" / "data"
    with open_store(tmp_path / "store", create=True) as store:
        draft = Draft(make_draft(tmp_path / "draft", None), store)
        try:
            ino = draft.make(BASE, b"log", stat.S_IFREG | 0o644, 0, 0).ino
            draft.files.write(ino, 0, b"a" * size)
            draft.files.sync(ino)
            draft.freeze()
            draft.thaw()
            durable = set(os.listdir(data))
            page = size // 4096 * 4096
            piece = b"a" * (size - page) + b"b" * 100
            assert draft.files.write(ino, page, piece) == len(piece)
            assert bytes(draft.files.read(ino, 0, size + 200)) == b"a" * size + b"b" * 100
            lost = set(os.listdir(data)) - durable
            assert lost
            for name in lost:
                os.truncate(data / name, 0)
            assert bytes(draft.files.read(ino, 0, size + 200)) == b"a" * size + bytes(100)
        finally:
            draft.close()
