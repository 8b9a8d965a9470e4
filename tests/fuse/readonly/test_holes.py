"""Sparse files in a mount: programs see how little of them is stored."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from artfs.store import open_store
from tests.support.data.sparse import SPARSE_BYTES, put_sparse
from tests.support.mounts.mountedstore import MountedStore

_CHUNK = 2 << 20


def _mounted(store: MountedStore, chunks: int, *data_at: int) -> Path:
    with open_store(store.store, create=True) as opened:
        put_sparse(opened, "disk", chunks=chunks, data_at=data_at)
    return store.mount() / "disk/v0"


def test_the_blocks_of_a_sparse_file_are_those_of_its_data(own: MountedStore) -> None:
    """Proof of S78.

    S78: Zeros of a file of 16 MiB or more that take no space in the store take no blocks in a mount either.
    """
    version = _mounted(own, SPARSE_BYTES // _CHUNK, 3, 2000)
    assert [
        (entry.name, entry.stat().st_blocks) for entry in sorted(os.scandir(version), key=lambda each: each.name)
    ] == [
        ("small", 1),
        ("sparse", 2 * _CHUNK // 512),
    ]
    assert os.stat(version / "sparse").st_size == SPARSE_BYTES
    used = subprocess.run(["du", "-s", "--block-size=1M", version / "sparse"], check=True, capture_output=True)
    assert used.stdout.split()[0] == b"4"
    own.umount()
    own.mount()
    assert os.stat(version / "sparse").st_blocks * 512 == 2 * _CHUNK  # looked up, not listed
    assert own.troubles() == []


def test_programs_copy_a_sparse_file_with_its_holes(own: MountedStore, tmp_path: Path) -> None:
    version = _mounted(own, 64, 3, 40)
    subprocess.run(["cp", "--sparse=always", version / "sparse", tmp_path / "copied"], check=True)
    subprocess.run(
        ["tar", "-C", version, "-S", "--hole-detection=raw", "-cf", tmp_path / "packed.tar", "."], check=True
    )
    assert os.stat(tmp_path / "copied").st_blocks * 512 <= 2 * _CHUNK + 65536
    assert os.stat(tmp_path / "packed.tar").st_size <= 2 * _CHUNK + 65536
    assert subprocess.run(["cmp", tmp_path / "copied", version / "sparse"], check=False).returncode == 0
