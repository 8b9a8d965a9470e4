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
        {
            "ref": "data:v0",
            "size": 2_000_000,
            "stored": 2_000_000,
            "own": 1_000_000,
            "shared": 1_000_000,
            "elsewhere": 0,
        },
        {
            "ref": "data:v1",
            "size": 3_000_000,
            "stored": 3_000_000,
            "own": 2_000_000,
            "shared": 1_000_000,
            "elsewhere": 0,
        },
    ]
    assert (measured["total"]["size"], measured["total"]["stored"]) == (5_000_000, 4_000_000)
    assert 4_000_000 <= measured["total"]["packs"] < 4_050_000
    assert stored.done("du", "data:v1", "--json").json["versions"] == measured["versions"][1:]
    header, first, *_rest = stored.done("du").lines
    assert header.split() == ["VERSION", "SIZE", "STORED", "OWN", "SHARED"]
    assert first.split() == ["data:v0", "1.9", "MiB", "1.9", "MiB", "977", "KiB", "977", "KiB"]


def test_du_of_a_name_or_pattern_adds_up_all_versions_and_of_a_reference_shows_one(stored: Commands) -> None:
    stored.done("link", "data:v1", "dated")
    measured = stored.done("du", "data", "--json").json
    assert [row["ref"] for row in measured["versions"]] == ["data:v0", "data:v1"]
    assert measured["together"] == {
        "size": 5_000_000,
        "stored": 4_000_000,
        "own": 1_000_000,
        "shared": 3_000_000,
        "elsewhere": 0,
    }
    assert [line.split()[0] for line in stored.done("du", "data").lines] == ["VERSION", "data:v0", "data:v1", "TOTAL"]
    several = stored.done("du", "da*", "--json").json
    assert [row["ref"] for row in several["versions"]] == ["data:v0", "data:v1", "dated:v0"]
    assert several["together"]["own"] == 4_000_000
    for ref in ("data:v1", "data:latest"):
        [_header, row] = stored.done("du", ref).lines
        assert row.split()[0] == "data:v1"
    assert "no artifact is called like 'x*'" in stored("du", "x*").failed(3)
    stored.done("rm", "dated:v0")
    assert "dated" in stored("du", "dated").failed(3)


def test_du_of_all_says_how_what_versions_share_is_added_up_where_they_share_any(
    stored: Commands, tmp_path: Path
) -> None:
    way = "what versions share is nobody's OWN: `artfs du NAME` adds up an artifact, `artfs du --artifacts` each"
    assert stored.done("du").lines[-1] == way
    assert way not in stored.done("du", "--total").lines
    stored.done("rm", "data:v0")
    (tmp_path / "alone").write_bytes(os.urandom(1000))
    stored.done("put", tmp_path / "alone", "-n", "alone")
    assert stored.done("du").lines[-1].endswith("of packs on disk")


def test_du_tells_what_each_artifact_takes_as_a_whole(stored: Commands) -> None:
    stored.done("link", "data:v0", "other")
    expected = [
        {"name": "data", "versions": 2, "size": 5_000_000, "stored": 4_000_000, "own": 2_000_000, "elsewhere": 0},
        {"name": "other", "versions": 1, "size": 2_000_000, "stored": 2_000_000, "own": 0, "elsewhere": 0},
    ]
    assert stored.done("du", "--artifacts", "--sort", "--json").json == {"artifacts": expected}
    header, first, second = stored.done("du", "--artifacts").lines
    assert header.split() == ["ARTIFACT", "VERSIONS", "SIZE", "STORED", "OWN", "SHARED"]
    assert [first.split()[0], second.split()[0]] == ["data", "other"]
    assert "leave REF" in stored("du", "data", "--artifacts").failed(2)


def test_du_tells_what_is_elsewhere_where_there_are_references(stored: Commands, tmp_path: Path) -> None:
    assert "ELSEWHERE" not in stored.done("du").text
    data = tmp_path / "data"
    stored.done("put", data / "own", "-n", "mixed")
    stored.done("put", "-n", "mixed", "--ref", f"{data.as_uri()}=there")
    [_first, mixed] = stored.done("du", "mixed", "--json").json["versions"]
    assert (mixed["size"], mixed["stored"], mixed["elsewhere"]) == (3_000_000, 0, 3_000_000)
    header, _first, _second, total = stored.done("du", "mixed").lines
    assert header.split()[-1] == "ELSEWHERE"
    assert (total.split()[0], total.split()[-2:]) == ("TOTAL", ["2.9", "MiB"])
    assert stored.done("du", "mixed", "--json").json["together"]["elsewhere"] == 3_000_000
    everything = stored.done("du", "--json").json["total"]
    assert (everything["size"], everything["elsewhere"]) == (10_000_000, 3_000_000)
    assert stored.done("du", "--total").lines[-1].endswith(" of packs on disk, 2.9 MiB elsewhere")
    artifacts = stored.done("du", "--artifacts", "--json").json["artifacts"]
    assert [(row["name"], row["elsewhere"]) for row in artifacts] == [("data", 0), ("mixed", 3_000_000)]
    assert stored.done("du", "--artifacts").lines[0].split()[-1] == "ELSEWHERE"


def test_info_names_what_is_kept_for_a_full_disk(stored: Commands) -> None:
    assert stored.done("info", "--json").json["reserve_bytes"] == (stored.store / "reserve").stat().st_size == 4 << 20
    assert "reserve:   4.0 MiB, given up for deletions on a full disk" in stored.done("info").lines


def test_info_tells_what_the_store_holds(stored: Commands) -> None:
    info = stored.done("info", "--json").json
    assert info["store"] == str(stored.store)
    assert (info["format"], info["artifacts"], info["versions"], info["size"]) == (1, 1, 2, 5_000_000)
    assert info["pack_bytes"] == sum(pack.stat().st_size for pack in stored.store.glob("packs/*/*.pack"))
    assert info["mounts"] == []
    assert info["id"] in stored.done("info").text


def _resident(path: Path) -> tuple[int, int]:
    """Pages of a file that are in memory, and all its pages."""
    size = path.stat().st_size
    pages = -(-size // mmap.PAGESIZE)
    libc = ctypes.CDLL(None, use_errno=True)
    with open(path, "r+b") as file, mmap.mmap(file.fileno(), size) as mapped:
        cached = (ctypes.c_ubyte * pages)()
        address = ctypes.addressof(ctypes.c_char.from_buffer(mapped))
        assert libc.mincore(ctypes.c_void_p(address), ctypes.c_size_t(size), cached) == 0
    return sum(page & 1 for page in cached), pages


def test_warm_brings_the_chunks_of_a_version_into_the_page_cache(stored: Commands) -> None:
    packs = [pack for pack in stored.store.glob("packs/*/*.pack") if pack.stat().st_size > 1_000_000]
    for pack in packs:
        with open(pack, "rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    for ref in ("data:v0", "data:v1"):
        stored.done("warm", ref)
    for pack in packs:
        cached, pages = _resident(pack)
        assert pages - cached <= 2  # header and footer are nobody's chunk


def test_warm_says_what_it_read(stored: Commands) -> None:
    assert stored.done("warm", "data").text == "read 2.9 MiB of data:v1 from the packs"
    assert stored.done("warm", "data:v0", "--json").json == {
        "ref": "data:v0",
        "bytes": 2_000_000,
        "fetched": 0,
        "through": None,
    }


def test_warm_names_a_pack_that_is_gone(stored: Commands) -> None:
    for pack in stored.store.glob("packs/*/*.pack"):
        pack.unlink()
    assert "No such file" in stored("warm", "data").failed(8)
