"""Stored trees come back whole: contents, permission bits, times, links, empty directories, odd names."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest

from tests.support.data.trees import Seen, make_odd_tree, snapshot
from tests.support.mounts.mountedstore import MountedStore, content_digest

Snapshot = dict[bytes, Seen]


@pytest.fixture(scope="module")
def store(shared: MountedStore) -> MountedStore:
    """A mounted store."""
    shared.done("init")
    shared.mount()
    return shared


@pytest.fixture(scope="module")
def odd(store: MountedStore) -> tuple[Path, Path]:
    """A directory of everything that an artifact can hold, and where it is mounted."""
    make_odd_tree(store.top / "odd")
    return store.top / "odd", store.put(store.top / "odd", name="odd")


@pytest.fixture(scope="module")
def icons(papirus_icons: Path) -> list[Path]:
    """Two directories of icons: 16,000 small files and as many links."""
    theme = papirus_icons / "usr" / "share" / "icons" / "Papirus"
    return [theme / "22x22", theme / "24x24"]


def _get(store: MountedStore, version: Path, *options: str) -> Path:
    """Write a version out; where to."""
    out = store.top / f"out-{version.parent.name}"
    store.done("get", f"{version.parent.name}:{version.name}", out, *options)
    return out


def test_a_tree_of_odd_entries_is_mounted_exactly(odd: tuple[Path, Path]) -> None:
    """Proof of S3.

    S3: A version's entries have the names, contents, permission bits, modification times and link targets that were
    stored.
    """
    source, version = odd
    assert snapshot(version) == snapshot(source)


def test_a_path_leads_through_symlinks_to_the_same_file_in_a_mount_and_for_commands(store: MountedStore) -> None:
    """One path for all of them.

    S61: A path that goes through symlinks inside a version leads to the same file in a mount, for `artfs cat` and
    `artfs get`, in Python and through fsspec. One that leads out of the version is followed by the mount alone.
    """
    top = store.top / "linked"
    (top / "epochs").mkdir(parents=True)
    (top / "epochs/3.pt").write_text("weights")
    (store.top / "outside").write_text("outside")
    for link, target in (("last.pt", "epochs/3.pt"), ("current", "epochs"), ("epochs/top", "..")):
        (top / link).symlink_to(target)
    (top / "out").symlink_to(store.top / "outside")
    assert store.run("put", top, "-n", "linked").code == 0
    version = store.mountpoint / "linked/v0"
    for number, path in enumerate(("last.pt", "current/3.pt", "current/top/last.pt", "epochs/top/current/3.pt")):
        assert (version / path).read_text() == "weights"
        assert store.done("cat", f"linked/{path}").out == b"weights"
        store.done("get", "linked", store.top / f"got-{number}", "--path", path)
        assert (store.top / f"got-{number}").read_text() == "weights"
    assert (version / "out").read_text() == "outside"
    assert store.run("cat", "linked/out").code != 0


def test_odd_names_are_found_one_by_one(odd: tuple[Path, Path]) -> None:
    """Proof of S13.

    S13: Names are bytes. Any name that Linux allows can be stored, newline and invalid UTF-8 included; a name longer
    than 255 bytes gives ENAMETOOLONG.
    """
    source, version = map(os.fsencode, odd)
    names = os.listdir(source)
    assert {b"new\nline", b"\xff\xfe not utf-8", b"x" * 255, b"d" * 255} <= {*names}
    assert sorted(os.listdir(version)) == sorted(names)
    for name in names:
        here, there = os.lstat(version + b"/" + name), os.lstat(source + b"/" + name)
        assert (here.st_mode, here.st_mtime_ns) == (there.st_mode, there.st_mtime_ns)
    deep = b"/deep" + b"/d" * 60
    assert os.listdir(version + deep) == os.listdir(source + deep) == []


def test_owners_links_and_times_are_as_promised(store: MountedStore, odd: tuple[Path, Path]) -> None:
    """Proof of S5 and S6.

    S5: Hard links are stored as separate files of equal content, which costs no bytes; every link count of a file is 1,
    and of a directory 1, which means unknown.

    S6: Access and change times equal the modification time. A directory says 4,096 for its size.
    """
    for directory, _subdirectories, names in os.walk(os.fsencode(store.mountpoint)):
        top = os.lstat(directory)
        assert top.st_size == 4096
        for status in (top, *(os.lstat(directory + b"/" + name) for name in names)):
            assert status.st_nlink == 1
            assert status.st_atime_ns == status.st_ctime_ns == status.st_mtime_ns
            assert (status.st_uid, status.st_gid) == (os.getuid(), os.getgid())
    version = odd[1]
    linked = [os.stat(version / name) for name in ("plain.txt", "hard link")]
    assert linked[0].st_ino != linked[1].st_ino
    assert (version / "plain.txt").read_bytes() == (version / "hard link").read_bytes()


def test_whose_it_was_and_as_whom_it_runs_is_not_kept(store: MountedStore) -> None:
    """Proof of S4.

    S4: Owners are not stored: everything belongs to the user who mounted. Set-user-ID and set-group-ID bits are not
    stored.
    """
    source = store.top / "programs"
    source.mkdir()
    for name, mode in {"user": 0o4755, "group": 0o2755, "both": 0o6711, "sticky": 0o1755}.items():
        (source / name).write_text("#!/bin/sh\n")
        (source / name).chmod(mode)
        assert stat.S_IMODE((source / name).stat().st_mode) == mode
    if os.getuid() == 0:
        os.chown(source / "sticky", 65534, 65534)
    version = store.put(source, name="programs")
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in version.iterdir()}
    assert modes == {"user": 0o755, "group": 0o755, "both": 0o711, "sticky": 0o1755}
    assert {(path.stat().st_uid, path.stat().st_gid) for path in version.iterdir()} == {(os.getuid(), os.getgid())}


def test_the_root_shows_artifacts_and_an_artifact_its_versions_and_aliases(store: MountedStore) -> None:
    """Proof of S1 and S2.

    S1: The root has one directory per artifact; an artifact's directory has one directory per version and one symlink
    per alias.

    S2: An alias is a relative symlink to `vN`, read again on every walk.
    """
    source = store.top / "tiny"
    source.mkdir()
    for number in range(3):
        (source / "number").write_text(str(number))
        store.put(source, name="tiny", more=["-a", f"of-{number}", "-a", "newest"])
    artifact = store.mountpoint / "tiny"
    listed = {entry.name: entry.is_symlink() for entry in os.scandir(artifact)}
    aliases = {"latest", "newest", "of-0", "of-1", "of-2"}
    assert listed == dict.fromkeys(aliases, True) | {f"v{number}": False for number in range(3)}
    assert {name: os.readlink(artifact / name) for name in aliases} == {
        "latest": "v2",
        "newest": "v2",
        "of-0": "v0",
        "of-1": "v1",
        "of-2": "v2",
    }
    for number in range(3):
        assert (artifact / f"of-{number}" / "number").read_text() == str(number)
    assert {entry.name: entry.is_dir(follow_symlinks=False) for entry in os.scandir(store.mountpoint)}["tiny"]


def test_the_name_artfs_at_the_top_of_an_artifact_is_reserved(store: MountedStore) -> None:
    """S14: `.artfs` at the top of an artifact is reserved."""
    source = store.top / "reserved"
    (source / "below" / ".artfs").mkdir(parents=True)
    version = store.put(source, name="reserved")
    assert os.listdir(version / "below") == [".artfs"]
    (source / ".artfs").mkdir()
    assert ".artfs" in store.run("put", source, "-n", "reserved").failed(2)
    assert not (version / ".artfs").exists()


def test_tens_of_thousands_of_small_files_and_links_make_the_round_trip(store: MountedStore, icons: list[Path]) -> None:
    """Proof of S3.

    S3: A version's entries have the names, contents, permission bits, modification times and link targets that were
    stored.
    """
    version = store.put(*icons, name="icons")
    sources = {top.name: snapshot(top) for top in icons}
    seen = [kind for entries in sources.values() for kind, *_rest in entries.values()]
    assert seen.count("file") > 15_000
    assert seen.count("symlink") > 15_000
    for name, source in sources.items():
        assert snapshot(version / name) == source
    out = _get(store, version, "--path", icons[0].name)
    assert snapshot(out) == sources[icons[0].name]
    subprocess.run(["rm", "-r", out], check=True, timeout=60)


def test_a_models_weights_make_the_round_trip(store: MountedStore, minilm_model: Path) -> None:
    """Proof of S3.

    S3: A version's entries have the names, contents, permission bits, modification times and link targets that were
    stored.
    """
    version = store.put(minilm_model, name="minilm")
    source = snapshot(minilm_model, read=content_digest)
    assert sum(path.stat().st_size for path in minilm_model.rglob("*.safetensors")) > 90_000_000
    assert snapshot(version, read=content_digest) == source
    out = _get(store, version)
    assert snapshot(out, read=content_digest) == source
    subprocess.run(["rm", "-r", out], check=True, timeout=60)


def test_the_odd_tree_makes_the_whole_round_trip(store: MountedStore, odd: tuple[Path, Path]) -> None:
    """Proof of S13.

    S13: Names are bytes. Any name that Linux allows can be stored, newline and invalid UTF-8 included; a name longer
    than 255 bytes gives ENAMETOOLONG.
    """
    source, version = odd
    assert snapshot(_get(store, version)) == snapshot(source)
    again = store.put(version, name="again")  # stored from the mount: the store reads what it serves
    assert snapshot(again) == snapshot(source)
    digests = [store.json("show", ref)["digest"] for ref in ("odd:v0", "again:v0")]
    assert digests[0] == digests[1]
