"""Sparse files in a draft: of the base, made in it, and changed."""

from __future__ import annotations

import os
import subprocess

from artfs.store import open_store
from tests.support.data.sparse import put_sparse
from tests.support.mounts.stagedstore import StagedStore

_CHUNK = 2 << 20


def test_a_sparse_file_of_the_base_takes_the_blocks_of_its_data(staged: StagedStore) -> None:
    with open_store(staged.store) as store:
        put_sparse(store, "disk", data_at=(3, 2000))
    draft = staged.stage("disk")
    assert {entry.name: entry.stat().st_blocks for entry in os.scandir(draft)} == {
        "small": 1,
        "sparse": 2 * _CHUNK // 512,
    }
    file = draft / "sparse"
    with file.open("r+b") as opened:
        os.pwrite(opened.fileno(), b"y" * 4096, 5 << 30)
        os.fsync(opened.fileno())
    staged.umount()
    staged.mount()
    assert os.stat(file).st_blocks * 512 == 2 * _CHUNK + 4096
    os.truncate(file, 1 << 30)
    assert os.stat(file).st_blocks * 512 <= 2 * _CHUNK + 4096
    assert staged.troubles() == []


def test_a_sparse_file_that_is_made_in_a_draft_keeps_its_holes_to_the_end(staged: StagedStore) -> None:
    draft = staged.mountpoint / "disk"
    draft.mkdir()
    with (draft / "sparse").open("wb") as file:
        os.ftruncate(file.fileno(), 64 << 20)
        os.pwrite(file.fileno(), b"x" * 4096, 32 << 20)
        os.fsync(file.fileno())
    ref = staged.commit(draft)
    staged.umount()
    staged.mount()
    assert os.stat(draft / "sparse").st_blocks * 512 <= 2 * _CHUNK
    copied = subprocess.run(["du", "-s", "--block-size=1M", staged.extracted(ref)], check=True, capture_output=True)
    assert int(copied.stdout.split()[0]) <= 3
