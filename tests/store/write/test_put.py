"""Storing: what goes in comes out, only once on disk, and a failure leaves nothing behind."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from artfs.catalog import NewVersion, Version
from artfs.errors import InvalidInputError, SourceChangedError, SourceError, UnsafeTargetError, UnsupportedFileError
from artfs.names import parse_entry_path, parse_ref
from artfs.store import NullProgress, Store, open_store, root_entry
from artfs.store.read.extract import extract
from tests.support.data.trees import make_odd_tree, snapshot


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "store", create=True) as opened:
        yield opened


def _put(store: Store, *paths: Path, name: str = "animals", if_changed: bool = False) -> Version:
    return store.put(paths, NewVersion(name=name), if_changed=if_changed).version


def _packed(store: Store) -> int:
    return sum(store.layout.packs.list().values())


def _age(top: Path) -> None:
    """Wait until nothing in a directory is too young for the stat cache: the clock is what decides."""
    while any(_young(path) for path in top.rglob("*")):
        threading.Event().wait(0.05)


def _young(path: Path) -> bool:
    return time.time_ns() - path.lstat().st_ctime_ns < 2_100_000_000


def test_a_tree_of_odd_entries_comes_back_exactly(store: Store, tmp_path: Path) -> None:
    make_odd_tree(tmp_path / "odd")
    version = _put(store, tmp_path / "odd")
    extract(store, root_entry(version), tmp_path / "out")
    assert snapshot(tmp_path / "out") == snapshot(tmp_path / "odd")
    assert version.entries == len(snapshot(tmp_path / "odd")) - 1


def test_the_same_contents_again_store_no_chunk_and_make_the_next_version(store: Store, tmp_path: Path) -> None:
    make_odd_tree(tmp_path / "odd")
    first = _put(store, tmp_path / "odd")
    packed = _packed(store)
    second = _put(store, tmp_path / "odd")
    assert (first.name, second.name) == ("v0", "v1")
    assert second.digest == first.digest
    assert _packed(store) == packed


def test_if_changed_gives_the_existing_version_back(store: Store, tmp_path: Path) -> None:
    make_odd_tree(tmp_path / "odd")
    first = _put(store, tmp_path / "odd")
    assert _put(store, tmp_path / "odd", if_changed=True) == first
    (tmp_path / "odd" / "plain.txt").write_text("other")
    assert _put(store, tmp_path / "odd", if_changed=True).name == "v1"


def test_an_unchanged_directory_is_not_read_again(store: Store, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "a").write_bytes(b"a" * 1000)
    _age(source)
    first = _put(store, source)
    reads: list[tuple[int, int]] = []

    class Watch(NullProgress):
        def total(self, files: int, size: int) -> None:
            reads.append((files, size))

        def advance(self, files: int, size: int) -> None:
            reads.append((files, size))

    again = store.put([source], NewVersion(name="animals"), progress=Watch()).version
    assert reads == [(0, 0)]
    assert again.digest == first.digest


def test_a_change_in_the_same_clock_tick_and_size_is_noticed(store: Store, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for round_ in range(20):
        (source / "a").write_bytes(b"%02d" % round_)
        os.utime(source / "a", ns=(0, 0))
        version = _put(store, source)
        entry = store.entry(version, parse_entry_path("a"))
        assert bytes(store.content.read(entry, 0, 2)) == b"%02d" % round_


def test_several_paths_go_in_under_their_names(store: Store, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "cat.png").write_bytes(b"cat")
    (tmp_path / "labels.csv").write_bytes(b"cat,1")
    version = _put(store, tmp_path / "labels.csv", tmp_path / "images")
    assert [path for path, _entry in store.walk(root_entry(version))] == [b"images", b"images/cat.png", b"labels.csv"]


def test_two_paths_of_one_name_are_refused(store: Store, tmp_path: Path) -> None:
    for parent in ("a", "b"):
        (tmp_path / parent).mkdir()
        (tmp_path / parent / "same").write_text("x")
    with pytest.raises(InvalidInputError):
        _put(store, tmp_path / "a" / "same", tmp_path / "b" / "same")


def test_the_reserved_name_is_refused_at_the_top_only(store: Store, tmp_path: Path) -> None:
    (tmp_path / "top" / "inner" / ".artfs").mkdir(parents=True)
    _put(store, tmp_path / "top")
    with pytest.raises(InvalidInputError):
        _put(store, tmp_path / "top" / "inner")


@pytest.mark.parametrize("kind", ["fifo", "socket"])
def test_what_no_artifact_can_hold_is_named_and_nothing_is_stored(store: Store, tmp_path: Path, kind: str) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "good").write_text("good")
    if kind == "fifo":
        os.mkfifo(source / "odd one")
        with pytest.raises(UnsupportedFileError, match="odd one"):
            _put(store, source)
    else:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(source / "odd one"))
            with pytest.raises(UnsupportedFileError, match="odd one"):
                _put(store, source)
    assert _packed(store) == 0
    assert list(store.layout.tmp.iterdir()) == []


def test_a_file_that_grows_while_it_is_read_is_never_stored_half(store: Store, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "log").write_bytes(b"x" * (40 << 20))
    grown: list[int] = []

    class Grow(NullProgress):
        """Appends to the file as soon as the first of its buffers is written."""

        def advance(self, files: int, size: int) -> None:
            if files + size and not grown:
                with open(source / "log", "ab") as file:
                    grown.append(file.write(b"more"))

    with pytest.raises(SourceChangedError, match="log"):
        store.put([source], NewVersion(name="animals"), progress=Grow())
    assert grown
    assert list(store.layout.tmp.iterdir()) == []
    with store.catalog.view() as view:
        assert view.artifact_by_name("animals") is None


def test_a_path_that_vanishes_is_named(store: Store, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for number in range(300):
        (source / f"f{number:03}").write_bytes(b"%d" % number)

    class Vanish(NullProgress):
        def total(self, files: int, size: int) -> None:
            assert (files, size) == (300, 790)
            (source / "f299").unlink()

    with pytest.raises(SourceError, match="f299"):
        store.put([source], NewVersion(name="animals"), progress=Vanish())


def test_an_interrupted_put_leaves_nothing_and_the_next_one_works(store: Store, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "big").write_bytes(os.urandom(30 << 20))

    class Interrupt(NullProgress):
        def advance(self, files: int, size: int) -> None:
            raise KeyboardInterrupt(files, size)

    with pytest.raises(KeyboardInterrupt):
        store.put([source], NewVersion(name="animals"), progress=Interrupt())
    assert list(store.layout.tmp.iterdir()) == []
    assert _put(store, source).name == "v0"


def test_a_file_larger_than_every_buffer_comes_back_by_any_range(store: Store, tmp_path: Path) -> None:
    data = os.urandom(21 << 20)
    (tmp_path / "big").write_bytes(data)
    version = _put(store, tmp_path / "big")
    entry = store.entry(version, parse_entry_path("big"))
    assert entry.size == len(data)
    for offset, size in [(0, 1), (1 << 20, 1 << 20), (len(data) - 3, 100), (12_345_678, 400_000), (len(data), 5)]:
        assert bytes(store.content.read(entry, offset, size)) == data[offset : offset + size]


def test_one_byte_put_in_the_middle_of_a_large_file_stores_a_chunk_or_two(store: Store, tmp_path: Path) -> None:
    data = os.urandom(20 << 20)
    (tmp_path / "big").write_bytes(data)
    _put(store, tmp_path / "big")
    packed = _packed(store)
    (tmp_path / "big").write_bytes(data[: 10 << 20] + b"!" + data[10 << 20 :])
    _put(store, tmp_path / "big")
    assert _packed(store) - packed < 5 << 20


def test_a_change_committed_over_a_version_writes_only_itself(store: Store, tmp_path: Path) -> None:
    make_odd_tree(tmp_path / "odd")
    base = _put(store, tmp_path / "odd")
    (tmp_path / "cat.png").write_bytes(b"meow")
    changes = {
        parse_entry_path("many/new.png"): tmp_path / "cat.png",
        parse_entry_path("many/005"): None,
        parse_entry_path("notes.txt"): b"hello",
    }
    packed = _packed(store)
    version = store.commit(parse_ref("animals"), changes).version
    assert version.name == "v1"
    assert _packed(store) - packed < 200_000
    found = {(difference.what, difference.path) for difference in store.diff(base, version)}
    assert found == {("added", b"many/new.png"), ("removed", b"many/005"), ("added", b"notes.txt")}


def test_get_again_writes_only_what_is_not_right(store: Store, tmp_path: Path) -> None:
    make_odd_tree(tmp_path / "odd")
    version = _put(store, tmp_path / "odd")
    extract(store, root_entry(version), tmp_path / "out")
    (tmp_path / "out" / "plain.txt").write_bytes(b"contents X")
    (tmp_path / "out" / "many" / "000").unlink()
    again = extract(store, root_entry(version), tmp_path / "out")
    assert again.files == 2
    assert snapshot(tmp_path / "out") == snapshot(tmp_path / "odd")


@pytest.mark.parametrize("target", ["/etc/passwd", "../../outside", "inner/../../x"])
def test_get_refuses_symlinks_that_lead_outside_before_it_writes(store: Store, tmp_path: Path, target: str) -> None:
    (tmp_path / "source" / "inner").mkdir(parents=True)
    (tmp_path / "source" / "a").write_text("a")
    (tmp_path / "source" / "bad").symlink_to(target)
    version = _put(store, tmp_path / "source")
    with pytest.raises(UnsafeTargetError, match="bad"):
        extract(store, root_entry(version), tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []
    extract(store, root_entry(version), tmp_path / "out", allow_escaping_links=True)
    assert os.readlink(tmp_path / "out" / "bad") == target


def test_get_never_writes_through_a_symlink_that_is_in_the_way(store: Store, tmp_path: Path) -> None:
    (tmp_path / "source" / "sub").mkdir(parents=True)
    (tmp_path / "source" / "sub" / "file").write_text("data")
    (tmp_path / "source" / "top").write_text("data")
    version = _put(store, tmp_path / "source")
    outside = tmp_path / "outside"
    outside.mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "sub").symlink_to(outside)
    with pytest.raises(UnsafeTargetError, match="sub"):
        extract(store, root_entry(version), tmp_path / "out")
    assert list(outside.iterdir()) == []
    (tmp_path / "out" / "sub").unlink()
    (outside / "victim").write_text("victim")
    (tmp_path / "out" / "top").unlink(missing_ok=True)
    (tmp_path / "out" / "top").symlink_to(outside / "victim")
    extract(store, root_entry(version), tmp_path / "out")
    assert (outside / "victim").read_text() == "victim"
    assert (tmp_path / "out" / "top").read_text() == "data"
