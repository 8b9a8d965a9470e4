"""References in the mount: regular files whose bytes are elsewhere."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from functools import partial
from pathlib import Path

import pytest

import artfs
from tests.support.mounts.mountedstore import MountedStore
from tests.support.mounts.mounts import wait_until


def _failure(path: Path) -> int:
    """With which error number reading a file fails; 0 if it does not."""
    try:
        path.read_bytes()
    except OSError as error:
        return error.errno or 0
    return 0


def _is_said(store: MountedStore, *parts: str) -> bool:
    """Whether a line of the log has all of these."""
    return any(all(part in line for part in parts) for line in store.troubles())


def test_a_reference_is_a_regular_file_and_never_gives_other_bytes(own: MountedStore, tmp_path: Path) -> None:
    """Proof of S38.

    S38: A reference is a regular file whose bytes are read where they are, and checked. Where they changed, are gone or
    cannot be read, the read gives EIO and the log says why; other bytes are never given. One whose size is not known,
    as of a scheme that artfs cannot read, says 1 byte for its size.
    """
    data = tmp_path / "data"
    data.mkdir()
    contents = {name: os.urandom(300_000) for name in ("kept", "changed", "gone", "swapped")} | {"empty": b""}
    for name, each in contents.items():
        (data / name).write_bytes(each)
    artifact = artfs.Artifact("referring", store=own.store)
    artifact.add_reference(data.as_uri(), name="in")
    artifact.add_reference((data / "empty").as_uri(), name="bare", checksum=False)
    artifact.add_reference("tape://shelf/7", name="tape")
    artifact.save()
    artifact.store.close()
    own.mount()
    top = own.mountpoint / "referring" / "v0"
    (data / "changed").write_bytes(contents["kept"])
    (data / "gone").unlink()
    (data / "swapped").unlink()
    (data / "swapped").symlink_to("kept")
    for name, each in contents.items():
        found = (top / "in" / name).stat()
        assert (stat.S_ISREG(found.st_mode), found.st_size) == (True, len(each))
    assert (top / "in" / "kept").read_bytes() == contents["kept"]
    assert (top / "in" / "empty").read_bytes() == b""
    shutil.copy2(top / "in" / "kept", tmp_path / "copied")
    assert ((top / "bare").stat().st_size, (top / "bare").read_bytes()) == (0, b"")
    assert (top / "tape").stat().st_size == 1
    assert os.getxattr(top / "tape", "user.artfs.uri") == b"tape://shelf/7"
    for path, name in ((top / "tape", "user.artfs.etag"), (top / "in", "user.artfs.uri")):
        with pytest.raises(OSError, match="No data available"):
            os.getxattr(path, name)
    for path in (top / "in" / "changed", top / "in" / "gone", top / "in" / "swapped", top / "tape"):
        assert _failure(path) == errno.EIO
    for name, why in (
        ("in/changed", "not what the artifact refers to"),
        ("in/gone", "is gone"),
        ("tape", "by its URI"),
    ):
        wait_until(partial(_is_said, own, f"referring:v0/{name}", why))  # by way of the supervisor
    (data / "gone").write_bytes(contents["gone"])
    assert (top / "in" / "gone").read_bytes() == contents["gone"]
