"""`du`, `info` and `warm`: where the bytes are."""

from __future__ import annotations

import ctypes
import mmap
import os
from pathlib import Path

import pytest

from tests.support.commands import Commands


@pytest.fixture
def stored(artfs: Commands, tmp_path: Path) -> Commands:
    """`data:v0` of a shared and an own file of 1 MB, and `data:v1` of the shared one and 2 MB of its own."""
    top = tmp_path / "data"
    top.mkdir()
    (top / "shared").write_bytes(os.urandom(1_000_000))
    (top / "own").write_bytes(os.urandom(1_000_000))
    artfs.done("put", top, "-n", "data")
    (top / "own").write_bytes(os.urandom(2_000_000))
    artfs.done("put", top, "-n", "data")
    return artfs


def test_du_tells_what_is_shared_and_what_is_a_versions_own(stored: Commands) -> None:
    measured = stored.done("du", "--json").json
    assert measured["versions"] == [
        {"ref": "data:v0", "size": 2_000_000, "stored": 2_000_000, "own": 1_000_000, "shared": 1_000_000},
        {"ref": "data:v1", "size": 3_000_000, "stored": 3_000_000, "own": 2_000_000, "shared": 1_000_000},
    ]
    assert (measured["total"]["size"], measured["total"]["stored"]) == (5_000_000, 4_000_000)
    assert 4_000_000 <= measured["total"]["packs"] < 4_050_000
    assert stored.done("du", "data:v1", "--json").json["versions"] == measured["versions"][1:]
    header, first, *_rest = stored.done("du").lines
    assert header.split() == ["VERSION", "SIZE", "STORED", "OWN", "SHARED"]
    assert first.split() == ["data:v0", "1.9", "MiB", "1.9", "MiB", "977", "KiB", "977", "KiB"]


def test_info_tells_what_the_store_holds(stored: Commands) -> None:
    told = stored.done("info", "--json").json
    assert told["store"] == str(stored.store)
    assert (told["format"], told["artifacts"], told["versions"], told["size"]) == (1, 1, 2, 5_000_000)
    assert told["pack_bytes"] == sum(pack.stat().st_size for pack in stored.store.glob("packs/*/*.pack"))
    assert told["mounts"] == []
    assert told["id"] in stored.done("info").text


def _resident(path: Path) -> tuple[int, int]:
    """Pages of a file that are in memory, and all its pages."""
    size = path.stat().st_size
    pages = -(-size // mmap.PAGESIZE)
    libc = ctypes.CDLL(None, use_errno=True)
    with open(path, "r+b") as file, mmap.mmap(file.fileno(), size) as mapped:
        held = (ctypes.c_ubyte * pages)()
        address = ctypes.addressof(ctypes.c_char.from_buffer(mapped))
        assert libc.mincore(ctypes.c_void_p(address), ctypes.c_size_t(size), held) == 0
    return sum(page & 1 for page in held), pages


def test_warm_brings_the_chunks_of_a_version_into_the_page_cache(stored: Commands) -> None:
    packs = [pack for pack in stored.store.glob("packs/*/*.pack") if pack.stat().st_size > 1_000_000]
    for pack in packs:
        with open(pack, "rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    for ref in ("data:v0", "data:v1"):
        stored.done("warm", ref)
    for pack in packs:
        held, pages = _resident(pack)
        assert pages - held <= 2  # header and footer are nobody's chunk


def test_warm_says_what_it_read(stored: Commands) -> None:
    assert stored.done("warm", "data").text == "read 2.9 MiB of data:v1 from the packs"
    assert stored.done("warm", "data:v0", "--json").json == {"ref": "data:v0", "bytes": 2_000_000, "through": None}


def test_warm_names_a_pack_that_is_gone(stored: Commands) -> None:
    for pack in stored.store.glob("packs/*/*.pack"):
        pack.unlink()
    assert "No such file" in stored("warm", "data").failed(8)
