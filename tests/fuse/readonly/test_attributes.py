"""Attributes of mounted files: extended attributes, inode numbers, offsets, the file system."""

from __future__ import annotations

import errno
import os
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.libc import DirectoryEntry, getdents
from tests.support.mounts.mountedstore import MountedStore

MANY = 5000
PREFIX = "user.artfs."


@pytest.fixture(scope="module")
def store(shared: MountedStore) -> MountedStore:
    """A mounted store."""
    shared.done("init")
    shared.mount()
    return shared


@pytest.fixture(scope="module")
def version(store: MountedStore, silero_vad_releases: tuple[Path, Path]) -> Path:
    """A mounted model, as `silero:v0`."""
    return store.put(silero_vad_releases[0], name="silero", more=["-t", "model"])


@pytest.fixture(scope="module")
def many(store: MountedStore) -> Path:
    """A mounted directory of 5,000 entries of all kinds, with names of up to 255 bytes."""
    source = store.top / "many"
    source.mkdir()
    rng = random.Random(5)
    for number in range(MANY):
        path = source / f"{number}-{'n' * rng.choice((0, 3, 20, 250 - len(str(number))))}"
        if number % 10 == 0:
            path.mkdir()
            (path / "below").touch()
        elif number % 10 == 1:
            path.symlink_to("nowhere")
        else:
            path.touch()
    return store.put(source, name="many")


def _failure(path: str | bytes | Path, name: str = "") -> int:
    """The error number that comes of looking at a path, or at its extended attribute `name`; 0 if all is well."""
    try:
        if name:
            os.getxattr(path, name, follow_symlinks=False)
        else:
            os.lstat(path)
    except OSError as error:
        return error.errno or 0
    return 0


# Extended attributes


def test_extended_attributes_are_answered_by_name_and_not_listed(store: MountedStore, version: Path) -> None:
    """Proof of S15.

    S15: `user.artfs.ref`, `user.artfs.digest`, `user.artfs.type` and `user.artfs.logged_by` are answered by name and
    not listed, so that copying tools do not copy them.
    """
    model = next(version.rglob("*.onnx"))
    for path in (version, version / "silero_vad", model):
        assert os.getxattr(path, PREFIX + "ref") == b"silero:v0"
        assert os.getxattr(path, PREFIX + "type") == b"model"
        assert _failure(path, PREFIX + "logged_by") == errno.ENODATA  # no run logged it
        assert os.listxattr(path) == []
    assert os.getxattr(version, PREFIX + "digest").decode() == store.json("show", "silero")["digest"]
    entries = {entry["path"]: entry for entry in store.json("ls", "-R", "silero")}
    digest = entries[str(model.relative_to(version))]["digest"]
    assert os.getxattr(model, PREFIX + "digest").decode() == digest
    dump = ["getfattr", "--dump", "--match=-", "--recursive", "--physical", os.fspath(version)]
    assert subprocess.run(dump, capture_output=True, check=True, timeout=60).stdout == b""
    latest = os.fspath(version.parent / "latest" / "silero_vad")
    named = ["getfattr", "--only-values", "--name=user.artfs.ref", latest]
    assert subprocess.run(named, capture_output=True, check=True, timeout=60).stdout == b"silero:v0"


def test_other_extended_attributes_are_not_there(store: MountedStore, version: Path) -> None:
    """Proof of S15.

    S15: `user.artfs.ref`, `user.artfs.digest`, `user.artfs.type` and `user.artfs.logged_by` are answered by name and
    not listed, so that copying tools do not copy them.
    """
    for name in ("user.artfs.", "user.artfs.REF", "user.artfs.ref ", "user.artfs.colour", "user.other"):
        assert _failure(version, name) == errno.ENODATA
    for name in ("security.capability", "system.posix_acl_access", "security.selinux"):
        assert _failure(version, name) == errno.EOPNOTSUPP
    for outside in (store.mountpoint, version.parent, version.parent / "latest"):
        assert _failure(outside, PREFIX + "ref") == errno.ENODATA
        assert os.listxattr(outside, follow_symlinks=False) == []


# Names


@pytest.mark.parametrize("length", [256, 300, 1000, 3900])
def test_a_name_over_255_bytes_is_too_long(store: MountedStore, version: Path, length: int) -> None:
    """Proof of S13.

    S13: Names are bytes. Any name that Linux allows can be stored, newline and invalid UTF-8 included; a name longer
    than 255 bytes gives ENAMETOOLONG.
    """
    for directory in (store.mountpoint, version.parent, version, version / "silero_vad"):
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        with pytest.raises(OSError, match="File name too long"):
            os.stat("n" * length, dir_fd=descriptor)
        os.close(descriptor)
        assert _failure(os.fsencode(directory) + b"/" + b"\xff" * 255) == errno.ENOENT


@pytest.mark.parametrize(
    "name", [b"V0", b"v00", b"v1", b"v-1", b"v0 ", b"\xff", b"latest\n", b"Latest", b"silero:v0", b"\xc3\xa9"], ids=repr
)
def test_only_the_names_that_there_are_are_found(store: MountedStore, version: Path, name: bytes) -> None:
    """Proof of S1.

    S1: The root has one directory per artifact; an artifact's directory has one directory per version and one symlink
    per alias.
    """
    for directory in (store.mountpoint, version.parent, version):
        assert _failure(os.fsencode(directory) + b"/" + name) == errno.ENOENT
    for kind in (b"/silero/v0/silero_vad/__init__.py", b"/silero/latest"):
        assert _failure(os.fsencode(store.mountpoint) + kind) == 0
    assert _failure(version / "silero_vad" / "__init__.py" / "below") == errno.ENOTDIR


# The file system


def test_statfs_tells_of_the_file_system_that_holds_the_store(store: MountedStore, version: Path) -> None:
    below = os.statvfs(store.store)
    for place in (store.mountpoint, version):
        here = os.statvfs(place)
        assert (here.f_bsize, here.f_frsize, here.f_blocks) == (below.f_bsize, below.f_frsize, below.f_blocks)
        assert here.f_files == below.f_files
        assert abs(here.f_bavail - below.f_bavail) < 0.05 * below.f_blocks  # others write to it too
        assert here.f_namemax == 255
        assert here.f_flag & os.ST_RDONLY
        assert here.f_flag & os.ST_NOSUID
        assert here.f_flag & os.ST_NODEV


# Inode numbers


def _numbers(top: Path) -> dict[str, int]:
    """The inode number of everything below a directory, by path; what lists it must tell the same as what it is."""
    found = {"": top.stat().st_ino}
    for directory, _subdirectories, _names in os.walk(top):
        with os.scandir(directory) as entries:
            for entry in entries:
                status = entry.stat(follow_symlinks=False)
                assert entry.inode() == status.st_ino
                found[os.path.relpath(entry.path, top)] = status.st_ino
    return found


def test_inode_numbers_are_the_same_in_every_mount_at_any_time(
    own: MountedStore, silero_vad_releases: tuple[Path, Path]
) -> None:
    """S12: Inode numbers are the same in every mount of a store, at any time, and are never used for anything else."""
    first, second = silero_vad_releases
    own.put(first, name="silero", more=["-a", "best"])
    own.put(first, name="twin")
    own.mount()
    other = own.mount("--workers", "1", at=own.place("other"))
    numbers = _numbers(own.mountpoint)
    assert len(set(numbers.values())) == len(numbers) > 30
    assert _numbers(other) == numbers
    own.umount()
    own.put(second, name="silero")
    own.put(second, name="new")
    own.mount()
    later = _numbers(own.mountpoint)
    assert {path: later[path] for path in numbers} == numbers
    own.done("rm", "twin", "--all")
    own.put(first, name="twin")
    own.umount()
    own.mount()
    last = _numbers(own.mountpoint)
    kept = {path for path in later if not path.startswith("twin")}
    assert {path: last[path] for path in kept} == {path: later[path] for path in kept}
    renewed = {number for path, number in last.items() if path not in kept}
    assert renewed
    assert not renewed & {*numbers.values(), *later.values()}


# Listing


def _portions(descriptor: int, size: int) -> Iterator[DirectoryEntry]:
    """List on from where a directory's descriptor is, with a buffer of `size` bytes."""
    while portion := list(getdents(descriptor, size)):
        yield from portion


@pytest.mark.parametrize("size", [300, 1000, 4096, 1 << 20])
def test_a_large_directory_lists_the_same_through_any_buffer(store: MountedStore, many: Path, size: int) -> None:
    """S7: A version never changes. The kernel may cache everything in it for as long as it likes."""
    descriptor = os.open(many, os.O_RDONLY | os.O_DIRECTORY)
    listed = list(_portions(descriptor, size))
    os.close(descriptor)
    names = [entry.name for entry in listed]
    assert names[:2] == [b".", b".."]
    assert names[2:] == sorted(names[2:])
    assert len({*names}) == len(names) == MANY + 2
    assert {*names[2:]} == {*os.listdir(os.fsencode(store.top / "many"))}


def test_a_listing_goes_on_from_any_offset_that_it_has_given(many: Path) -> None:
    """What telldir(3) and seekdir(3) do; NFS servers and overlay file systems live by it."""
    descriptor = os.open(many, os.O_RDONLY | os.O_DIRECTORY)
    listed = list(_portions(descriptor, 1000))
    assert len({entry.following for entry in listed}) == len(listed)
    rng = random.Random(11)
    for index in [0, 1, 2, len(listed) - 1, *rng.choices(range(len(listed)), k=150)]:
        os.lseek(descriptor, listed[index].following, os.SEEK_SET)
        portion = list(getdents(descriptor, rng.choice((300, 2000, 32768))))
        assert portion == listed[index + 1 : index + 1 + len(portion)]
        assert bool(portion) == (index < len(listed) - 1)
    os.lseek(descriptor, 0, os.SEEK_SET)
    assert list(_portions(descriptor, 32768)) == listed
    os.close(descriptor)


def test_a_listing_that_is_under_way_neither_repeats_nor_leaves_out_when_versions_come_and_go(
    own: MountedStore, tmp_path: Path
) -> None:
    """S8: A commit, alias or deletion by another process shows within one second."""
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "file").touch()
    aliases = [f"{'long-alias-' * 15}{number}" for number in range(12)]
    artifact = own.put(tmp_path / "source", name="animals", more=[word for alias in aliases for word in ("-a", alias)])
    artifact = artifact.parent
    own.mount()
    descriptor = os.open(artifact, os.O_RDONLY | os.O_DIRECTORY)
    first = list(getdents(descriptor, 600))
    assert 3 <= len(first) <= 6
    own.put(tmp_path / "source", name="animals")
    own.done(
        "alias", "rm", f"animals:{first[-1].name.decode()}" if first[-1].name != b"v0" else f"animals:{aliases[0]}"
    )
    os.lseek(descriptor, first[-1].following, os.SEEK_SET)
    rest = [entry.name.decode() for entry in _portions(descriptor, 600)]
    os.close(descriptor)
    names = [*(entry.name.decode() for entry in first), *rest]
    assert len({*names}) == len(names)
    assert {*names} >= {".", "..", "v0", "v1", "latest"}
    assert len({*names} & {*aliases}) >= len(aliases) - 1
