"""Two releases of one thing as v0 and v1: only what differs is stored again, and both are mounted whole."""

from __future__ import annotations

import gzip
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.data.trees import Seen, snapshot
from tests.support.mounts.mountedstore import MountedStore, content_digest

Snapshot = dict[bytes, Seen]

_AS_IN_ZIPS = 315_532_800
"""The modification time that reproducible archives give to everything: the first moment of 1980."""
_PACK = 128
"""Header and trailer of a pack."""
_RECORD = 64 + 56 + 7
"""Head, footer entry and padding of a record."""
_ROW = 56 + 8 + 32 + 4
"""What a tree node has for an entry, beside its name."""


def _unpacked(release: Path, top: Path) -> Path:
    """Copy a release as it was before it was packed: descriptions as text, and times that mean nothing."""
    shutil.copytree(release, top)
    for path in [*top.rglob("*.json.gz")]:
        path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
        path.unlink()
    for path in (top, *top.rglob("*")):
        os.utime(path, (_AS_IN_ZIPS, _AS_IN_ZIPS))
    return top


def _bytes_of_new_files(old: Snapshot, new: Snapshot, source: Path, scratch: Path) -> int:
    """What those files of `new` whose contents no file of `old` has take in a store of their own."""
    known = {seen for _kind, _mode, _mtime, seen in old.values()}
    fresh = [path for path, (kind, _mode, _mtime, seen) in new.items() if kind == "file" and seen not in known]
    (scratch / "fresh").mkdir(parents=True)
    for number, path in enumerate(fresh):
        shutil.copy(os.path.join(os.fsencode(source), path), os.fsencode(scratch / "fresh" / str(number)))
    with MountedStore(scratch) as alone:
        alone.put(scratch / "fresh", name="fresh")
        return alone.packed()


def _bytes_of_changed_nodes(old: Snapshot, new: Snapshot) -> int:
    """The most bytes that the nodes of directories take in which, or below which, something is not as it was."""
    changed = {path for path in old.keys() | new.keys() if old.get(path) != new.get(path)}
    directories = {parent for path in changed for parent in _above(path)}
    entries = [path for path in new if path != b"." and next(_above(path)) in directories]
    nodes = len(directories) * (32 + _RECORD)
    return nodes + sum(_ROW + len(os.path.basename(path)) for path in entries) + 2 * _PACK


def _above(path: bytes) -> Iterator[bytes]:
    """The directories above a path, the nearest first, the top as an empty path."""
    while path:
        path = os.path.dirname(path)
        yield path


@pytest.fixture
def botocore(tmp_path: Path, botocore_releases: tuple[Path, Path]) -> Iterator[tuple[Path, Path]]:
    """Two releases of 108 MB, a day apart, that differ in 18 of 1,900 files."""
    old, new = botocore_releases
    unpacked = _unpacked(old, tmp_path / "botocore-old"), _unpacked(new, tmp_path / "botocore-new")
    yield unpacked
    for top in unpacked:
        shutil.rmtree(top)


@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("botocore", 0.05),
        (
            "botocore_releases",
            0.95,
        ),  # as they are shipped: the descriptions are all compressed again, with a time in each
        ("silero_vad_releases", 0.8),  # two models of five are new
    ],
)
def test_two_releases_share_what_they_share(
    own: MountedStore, name: str, most: float, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Only what changed between versions is stored: packs grow by what new files and changed directories take."""
    releases: tuple[Path, Path] = request.getfixturevalue(name)
    old, new = (snapshot(release, read=content_digest) for release in releases)
    versions = [own.put(releases[0], name="package")]
    before = own.packed()
    versions.append(own.put(releases[1], name="package"))
    grown = own.packed() - before
    assert grown <= _bytes_of_new_files(old, new, releases[1], tmp_path / "alone") + _bytes_of_changed_nodes(old, new)
    assert grown < most * before
    own.mount()
    assert [snapshot(version, read=content_digest) for version in versions] == [old, new]
    assert own.troubles() == []


def test_a_hard_link_costs_no_bytes(own: MountedStore, tmp_path: Path, minilm_model: Path) -> None:
    """Proof of S5.

    S5: Hard links are stored as separate files of equal content, which costs no bytes; every link count of a file is 1,
    and of a directory 1, which means unknown.
    """
    (weights,) = minilm_model.rglob("*.safetensors")
    (tmp_path / "model").mkdir()
    shutil.copy(weights, tmp_path / "model" / "weights")
    for number in range(10):
        os.link(tmp_path / "model" / "weights", tmp_path / "model" / f"link-{number}")
    version = own.put(tmp_path / "model", name="model")
    assert own.packed() < 1.01 * weights.stat().st_size
    own.mount()
    assert {path.stat().st_nlink for path in version.iterdir()} == {1}
    assert len({path.stat().st_ino for path in version.iterdir()}) == 11
    assert {content_digest(os.fsencode(path)) for path in version.iterdir()} == {content_digest(os.fsencode(weights))}
