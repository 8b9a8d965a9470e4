"""Every way of storing a directory leaves out the same, and does not look at it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import artfs as artfs_api
from tests.support.commands import Commands

_KEPT = [".artfsignore", "a.txt", "sub/", "sub/b.pth"]


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    """A directory in which everything that is ignored would be refused, or is nobody's business."""
    top = tmp_path / "secrets"
    (top / "sub/secret").mkdir(parents=True)
    (top / ".artfsignore").write_text("*\n!.artfsignore\n!*/\n!*.txt\n!*.pth\nsecret/\npipe.txt\nlink.txt\n")
    for name in ("a.txt", "my.key", "sub/b.pth", "sub/secret/c.txt"):
        (top / name).write_text(name)
    os.mkfifo(top / "pipe.txt")
    (top / "link.txt").symlink_to("/nowhere")
    os.mkfifo(top / "sub/secret/pipe")
    return top


def _put(artfs: Commands, top: Path) -> None:
    artfs.done("put", top, "-n", "stored")


def _put_by_name(artfs: Commands, top: Path) -> None:
    artfs.done("put", top, top / "a.txt", "-n", "stored")


def _put_reference(_artfs: Commands, top: Path) -> None:
    with artfs_api.init() as run:
        artifact = artfs_api.Artifact("stored", type="dataset")
        artifact.add_reference(f"file://{top}")
        run.log_artifact(artifact)


def _add_dir(_artfs: Commands, top: Path) -> None:
    with artfs_api.init() as run:
        artifact = artfs_api.Artifact("stored", type="dataset")
        artifact.add_dir(top)
        run.log_artifact(artifact)


def _log_directory(_artfs: Commands, top: Path) -> None:
    with artfs_api.init() as run:
        run.log_artifact(top, name="stored")


@pytest.mark.parametrize("way", [_put, _put_by_name, _put_reference, _add_dir, _log_directory])
def test_what_is_ignored_is_neither_stored_nor_refused(
    artfs: Commands, secrets: Path, way: Callable[[Commands, Path], None]
) -> None:
    way(artfs, secrets)
    listed = artfs.process("ls", "-R", "stored").lines  # this process may have the store open
    if way is _put_by_name:
        assert listed == ["a.txt", "secrets/", *(f"secrets/{path}" for path in _KEPT)]
    else:
        assert listed == _KEPT


def test_a_draft_commits_of_a_directory_what_put_stores(stored: Commands, draft: Path, secrets: Path) -> None:
    for path in list(draft.iterdir()):
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    subprocess.run(["cp", "-a", f"{secrets}/.", draft], check=True, timeout=30)
    stored.done("commit", draft)
    assert stored.done("ls", "-R", "animals").lines == _KEPT
    assert (draft / "my.key").read_text() == "my.key"


def test_an_ignored_directory_that_cannot_be_listed_stops_no_put(artfs: Commands, secrets: Path) -> None:
    closed = secrets / "sub/secret"
    closed.chmod(0)
    without_capabilities = ("setpriv", "--bounding-set=-all", "--inh-caps=-all") if os.geteuid() == 0 else ()
    ended = artfs.process("put", secrets, "-n", "stored", prefix=without_capabilities)
    closed.chmod(0o755)  # so that it can be removed
    assert (ended.code, ended.err) == (0, b""), ended
