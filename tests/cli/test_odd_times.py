"""Times that the format does not hold become the nearest that it holds, however they come in."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import pytest

import artfs as artfs_api
from artfs.format.node import Entry, Kind, Page, encode_page
from tests.support.commands import Commands

_LATE: Final = 10_413_792_000 * 10**9  # 2300-01-01
_LATEST: Final = (1 << 63) - 1


@pytest.fixture
def late(tmp_path: Path) -> Path:
    """A directory, a file, a link and a directory in it, all of the year 2300."""
    top = tmp_path / "late"
    (top / "sub").mkdir(parents=True)
    (top / "file").write_text("file")
    (top / "link").symlink_to("file")
    for path in (top / "file", top / "link", top / "sub", top):
        os.utime(path, ns=(_LATE, _LATE), follow_symlinks=False)
    assert (top / "file").stat().st_mtime_ns == _LATE  # the file system holds it
    return top


def _check(extracted: Path) -> None:
    for path in (extracted / "file", extracted / "link", extracted / "sub"):
        # Some file systems keep less than nanoseconds this late.
        assert abs(path.lstat().st_mtime_ns - _LATEST) < 10**9


def test_a_file_of_the_year_2300_is_put(artfs: Commands, late: Path, tmp_path: Path) -> None:
    assert artfs.done("put", late, "-n", "stored").text == "stored:v0"
    assert artfs.done("put", late, late / "file", "-n", "both").text == "both:v0"
    artfs.done("get", "stored", tmp_path / "out")
    _check(tmp_path / "out")


def test_a_file_of_the_year_2300_is_added_and_referred_to(artfs: Commands, late: Path, tmp_path: Path) -> None:
    with artfs_api.init() as run:
        artifact = artfs_api.Artifact("stored", type="dataset")
        artifact.add_dir(late)
        artifact.add_reference(f"file://{late}", name="references")
        run.log_artifact(artifact)
    assert artfs.process("get", "stored", tmp_path / "out").code == 0
    _check(tmp_path / "out")


def test_a_draft_with_a_file_of_the_year_2300_is_committed(stored: Commands, draft: Path, tmp_path: Path) -> None:
    (draft / "file").write_text("file")
    (draft / "sub").mkdir()
    (draft / "link").symlink_to("file")
    for path in (draft / "file", draft / "link", draft / "sub", draft):
        os.utime(path, ns=(_LATE, _LATE), follow_symlinks=False)
    stored.done("commit", draft)
    stored.done("get", "animals", tmp_path / "out")
    _check(tmp_path / "out")


@pytest.mark.parametrize("time_ns", [-(1 << 70), 1 << 70])
def test_a_page_holds_the_nearest_time(time_ns: int) -> None:
    page = encode_page(0, [Entry(b"a", Kind.FILE, 0o644, time_ns, 0, bytes(32))])
    (entry,) = Page(page.data).entries()
    assert entry.mtime_ns == (_LATEST if time_ns > 0 else -(1 << 63))
