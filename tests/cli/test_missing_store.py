"""A store that is moved away, removed or unmounted under its mounts: requests fail with EIO, and it is said why."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.commands import Commands
from tests.support.mounts.mounts import wait_until


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, to be unmounted with what is in it."""
    place = tmp_path / "disk"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "artfs-test", place], check=True)
    yield place
    while os.path.ismount(place):
        subprocess.run(["umount", "--lazy", place], check=True)


@pytest.fixture
def mounted(
    disk: Path, artfs: Commands, images: Path, places: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> Commands:
    """A store on the disk, and a draft of `animals`; both are mounted, and the kernel has cached nothing of them."""
    artfs.store = disk / "store"
    monkeypatch.setenv("ARTFS_STORE", str(artfs.store))
    artfs.environment["ARTFS_STORE"] = str(artfs.store)
    for words in (("put", images, "-n", "animals"), ("mount", places[0], "--staging", places[1]), ("stage", "animals")):
        ended = artfs.process(*words)
        assert (ended.code, ended.err) == (0, b""), ended
    return artfs


def _move(store: Path) -> None:
    store.rename(store.with_name("moved"))


def _remove(store: Path) -> None:
    shutil.rmtree(store)


def _empty(store: Path) -> None:
    for path in store.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def _unmount(store: Path) -> None:
    subprocess.run(["umount", "--lazy", store.parent], check=True)


def _replace(store: Path) -> None:
    copy = store.with_name("copy")
    shutil.copytree(store, copy)
    store.rename(store.with_name("moved"))
    copy.rename(store)


def _number(call: Callable[[], object]) -> int:
    """The error number that a call fails with; 0 if it does not."""
    try:
        call()
    except OSError as error:
        return error.errno or 0
    return 0


def _refused(call: Callable[[], object]) -> bool:
    """Whether a call fails, which it must not do with anything but EIO."""
    number = _number(call)
    assert number in (0, errno.EIO)
    return number == errno.EIO


@pytest.mark.parametrize("take_away", [_move, _remove, _empty, _unmount, _replace])
def test_requests_fail_with_eio_and_commands_say_why(
    mounted: Commands, places: tuple[Path, Path], take_away: Callable[[Path], None]
) -> None:
    """Look, read, write, make and remove, and use the commands.

    S77: While a store is not where it was mounted from (it was moved away or removed, its file system was unmounted,
    something else is in its place), requests of its mounts fail with EIO, and the log says why.
    """
    art, stage = places
    draft = stage / "animals"
    take_away(mounted.store)
    wait_until(lambda: _refused(lambda: os.listdir(art)) and _refused(lambda: os.listdir(stage)))
    for call in (
        lambda: os.listdir(art / "animals"),
        (art / "animals/v0/labels.csv").read_bytes,
        lambda: os.stat(art / "nothing"),
        lambda: os.listdir(draft / "cats"),
        (draft / "labels.csv").read_bytes,
        lambda: (draft / "made").write_text("made"),
        (stage / "other").mkdir,
        (draft / "labels.csv").unlink,
    ):
        assert _refused(call)
    for words in (("commit", draft), ("status", draft), ("stage", "other"), ("discard", draft, "--force")):
        ended = mounted.process(*words)
        assert ended.failed(9).endswith(f"is not at '{mounted.store}' any more: move it back, or unmount '{stage}'")
    assert mounted.process("umount", *places).code == 0


def test_a_store_that_is_back_is_served_on_with_what_was_written(mounted: Commands, places: tuple[Path, Path]) -> None:
    """Write meanwhile.

    S77: Writes to files that are open in a draft are still taken. Once the store is back, its mounts go on within a
    second.
    """
    art, draft = places[0], places[1] / "animals"
    written = os.open(draft / "written", os.O_WRONLY | os.O_CREAT)
    os.write(written, b"before")
    _move(mounted.store)
    wait_until(lambda: _refused(lambda: os.listdir(draft)) and _refused(lambda: os.listdir(art)))
    os.write(written, b", meanwhile")
    assert _number(lambda: os.close(written)) == errno.EIO  # whoever writes meanwhile gets to know
    moved = mounted.store.with_name("moved")
    said = [line for path in moved.glob("logs/*.log") for line in path.read_text().splitlines()]
    reason = f"the store is not at {mounted.store} any more (No such file or directory): requests fail until it is back"
    assert sum(reason in line for line in said) == 2
    assert "Traceback" not in "".join(said)
    moved.rename(mounted.store)
    wait_until(lambda: not _refused(lambda: os.listdir(draft)) and not _refused(lambda: os.listdir(art)))
    assert (draft / "written").read_bytes() == b"before, meanwhile"
    assert mounted.process("commit", draft).text == "animals:v1"
    assert (art / "animals/v1/written").read_bytes() == b"before, meanwhile"
    assert mounted.process("fsck").code == 0


def test_a_commit_that_the_store_is_taken_from_ends(mounted: Commands, places: tuple[Path, Path]) -> None:
    draft = places[1] / "animals"
    writing = os.open(draft / "open", os.O_WRONLY | os.O_CREAT)
    committing = subprocess.Popen(
        mounted.line("commit", draft, "--wait", "60"), env=mounted.environment, stderr=subprocess.PIPE
    )
    wait_until(lambda: b"waiting" in (draft / ".artfs/commit").read_bytes())
    _move(mounted.store)
    _out, said = committing.communicate(timeout=60)
    assert committing.returncode in {6, 9}  # in doubt, or refused
    assert b"moved away" in said or b"not at" in said
    mounted.store.with_name("moved").rename(mounted.store)
    wait_until(lambda: not _refused(lambda: os.listdir(draft)))
    os.close(writing)
    assert mounted.process("commit", draft, "--wait", "60").text == "animals:v1"
