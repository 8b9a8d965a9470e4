"""Symlinks in a store: whichever of its directories or files is replaced by one, nothing elsewhere is touched."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from artfs.api import store_pool
from artfs.catalog import IndexEnvironment, NewVersion
from artfs.catalog.local_journal import LocalJournal
from artfs.drafts.registry import DraftRegistry
from artfs.errors import ArtfsError, StorageError, StoreError
from artfs.files.ballast import allocate_file
from artfs.fuse.prefork.logfile import LogFile
from artfs.kv import crash_marker
from artfs.lineage.run_directories import RunDirectories
from artfs.store import open_store
from artfs.store.fsck import fsck
from artfs.store.layout import Layout, read_layout
from artfs.store.reader_leases import ReaderLease
from artfs.store.write.writer_session import WriterSession

DIRECTORIES = ("packs", "journal", "index", "drafts", "runs", "readers", "tmp", "logs")


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store with a version."""
    source = tmp_path / "source"
    source.mkdir()
    (source / "file").write_text("text")
    with open_store(tmp_path / "store", create=True) as opened:
        opened.put([source], NewVersion("data"))
    return tmp_path / "store"


def contents(top: Path) -> dict[Path, bytes | None]:
    """All that is below a directory."""
    return {path: path.read_bytes() if path.is_file() else None for path in sorted(top.rglob("*"))}


@pytest.mark.parametrize("name", DIRECTORIES)
def test_a_store_with_a_symlink_for_a_directory_is_refused(store: Path, tmp_path: Path, name: str) -> None:
    """S93: No symlink in a store is followed: one in the place of a directory or a file is refused and named."""
    elsewhere = tmp_path / "elsewhere"
    (store / name).rename(elsewhere)
    (store / name).symlink_to(elsewhere)
    before = contents(elsewhere)
    for use in (open_store, read_layout, fsck, store_pool.shared_store):
        with pytest.raises(StoreError, match=f"{store / name} is a symlink, which is not followed in a store"):
            use(store)
    assert contents(elsewhere) == before


USES: dict[str, Callable[[Layout], object]] = {
    "packs": lambda layout: layout.packs.create(layout.tmp).publish(),
    "journal": lambda layout: LocalJournal(layout.journal).exclusive().__enter__(),
    "index": lambda layout: IndexEnvironment.open(layout.index),
    "drafts": lambda layout: DraftRegistry(layout.drafts).lock().__enter__(),
    "runs": lambda layout: RunDirectories(layout.runs).bump_generation(),
    "readers": lambda layout: ReaderLease(layout.readers),
    "tmp": lambda layout: WriterSession(layout.tmp),
    "logs": lambda layout: LogFile(layout.logs / "mount-1.log").write(b"line\n"),
}


@pytest.mark.parametrize("name", DIRECTORIES)
def test_a_directory_that_becomes_a_symlink_while_the_store_is_used_leads_nowhere(
    store: Path, tmp_path: Path, name: str
) -> None:
    layout = read_layout(store)
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(store / name, elsewhere)
    (store / name).rename(tmp_path / "moved")
    (store / name).symlink_to(elsewhere)
    before = contents(elsewhere)
    if name == "logs":  # a mount serves on without a log
        USES[name](layout)
    else:
        with pytest.raises((OSError, ArtfsError), match=r"symlink|symbolic link"):
            USES[name](layout)
    assert contents(elsewhere) == before


@pytest.mark.parametrize(
    "name",
    ["index/data.mdb", "index/lock.mdb", "journal/lock", "drafts/lock", "runs/generation", "format.json", "reserve"],
)
@pytest.mark.parametrize("dangling", [False, True])
def test_a_file_that_is_a_symlink_is_neither_written_nor_made(
    store: Path, tmp_path: Path, name: str, dangling: bool
) -> None:
    layout = read_layout(store)
    target = tmp_path / "target"
    if not dangling:
        target.write_bytes((store / name).read_bytes() if name != "index/lock.mdb" and (store / name).exists() else b"")
    (store / name).unlink(missing_ok=True)
    (store / name).symlink_to(target)
    before = target.read_bytes() if target.exists() else None
    use: Callable[[Layout], object] = USES.get(name.partition("/")[0], lambda _layout: open_store(store))
    if name == "reserve":
        use = lambda layout: allocate_file(layout.root / "reserve", 1)  # noqa: E731
    with pytest.raises((OSError, ArtfsError)):
        use(layout)
    assert (target.read_bytes() if target.exists() else None) == before


def test_a_pack_that_is_a_symlink_is_named(store: Path, tmp_path: Path) -> None:
    pack = min(store.glob("packs/*/*.pack"))
    pack.rename(tmp_path / "pack")
    pack.symlink_to(tmp_path / "pack")
    [message] = [finding.message for finding in fsck(store).findings if finding.invariant == "O2"]
    assert message == f"{pack} is a symlink, which is not followed in a store: remove it"


def test_the_crash_marker_follows_no_symlink(store: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("kept")
    (store / "index/deaths").unlink()
    (store / "index/deaths").symlink_to(target)
    crash_marker.clear(store / "index", len("kept"))
    assert target.read_text() == "kept"


def test_the_store_itself_may_be_reached_through_a_symlink(store: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(store)
    with open_store(tmp_path / "link") as opened:
        assert opened.path == store
        assert opened.catalog.behind is None


def test_a_writer_says_which_symlink_is_in_its_way(store: Path, tmp_path: Path) -> None:
    layout = read_layout(store)
    (store / "tmp").rename(tmp_path / "elsewhere")
    (store / "tmp").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StorageError, match=r"is a symlink, which is not followed in a store: remove it$"):
        WriterSession(layout.tmp)
