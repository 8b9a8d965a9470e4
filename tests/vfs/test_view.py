"""The file tree of a store, without a mount: each promise of SEMANTICS that does not need a kernel."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from artfs.catalog import NewVersion, current_actor
from artfs.errors import IntegrityError, NotFoundError
from artfs.names import parse_ref
from artfs.store import Store, open_store
from artfs.vfs import ROOT_INODE, Attr, StoreView
from tests.support.data.trees import make_odd_tree, snapshot


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    make_odd_tree(tmp_path / "odd")
    with open_store(tmp_path / "store", create=True) as opened:
        opened.put([tmp_path / "odd"], NewVersion(name="animals", type="images", aliases=["best"]))
        yield opened


def _walk(view: StoreView, *path: bytes) -> Attr:
    attr = view.attr(ROOT_INODE)
    for name in path:
        found = view.lookup(attr.ino, name)
        assert found is not None, name
        attr = found
    return attr


def _everything(view: StoreView, ino: int, prefix: bytes = b"") -> Iterator[tuple[bytes, Attr]]:
    for name, attr, _following in view.listdir(ino):
        yield prefix + name, attr
        if stat.S_ISDIR(attr.mode):
            yield from _everything(view, attr.ino, prefix + name + b"/")


def test_the_root_has_artifacts_and_an_artifact_has_versions_and_aliases(store: Store) -> None:
    view = StoreView(store)
    assert [name for name, _attr, _next in view.listdir(ROOT_INODE)] == [b"animals"]
    animals = _walk(view, b"animals")
    kinds = {name: stat.S_IFMT(attr.mode) for name, attr, _next in view.listdir(animals.ino)}
    assert kinds == {b"v0": stat.S_IFDIR, b"latest": stat.S_IFLNK, b"best": stat.S_IFLNK}
    for alias in (b"latest", b"best"):
        assert view.readlink(_walk(view, b"animals", alias).ino) == b"v0"


def test_every_entry_is_as_it_was_stored(store: Store, tmp_path: Path) -> None:
    view = StoreView(store)
    wanted = snapshot(tmp_path / "odd")
    wanted.pop(b".")
    found = {}
    for path, attr in _everything(view, _walk(view, b"animals", b"v0").ino):
        kind = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "symlink"}[stat.S_IFMT(attr.mode)]
        content = b""
        if kind == "file":
            content = bytes(view.read(attr.ino, 0, attr.size + 10))
        elif kind == "symlink":
            content = view.readlink(attr.ino)
        found[path] = kind, stat.S_IMODE(attr.mode), attr.mtime_ns, content
    assert found == wanted


def test_an_inode_number_tells_everything_to_a_view_that_never_saw_it(store: Store) -> None:
    seen = dict(_everything(StoreView(store), _walk(StoreView(store), b"animals", b"v0").ino))
    assert len({attr.ino for attr in seen.values()}) == len(seen)
    fresh = StoreView(store)
    for path, attr in seen.items():
        assert fresh.attr(attr.ino) == attr
        assert fresh.describe(attr.ino).startswith("animals:v0/")
        assert (path == b"plain.txt") == (fresh.describe(attr.ino) == "animals:v0/plain.txt")


def test_a_listing_goes_on_from_every_offset_whatever_came_meanwhile(store: Store) -> None:
    view = StoreView(store)
    many = _walk(view, b"animals", b"v0", b"many")
    listed = list(view.listdir(many.ino))
    for number in range(0, 700, 50):
        assert list(view.listdir(many.ino, listed[number][2])) == listed[number + 1 :]
    first = next(view.listdir(_walk(view, b"animals").ino))
    store.catalog.set_alias(parse_ref("animals:v0"), "another", current_actor())
    rest = [name for name, _attr, _next in view.listdir(_walk(view, b"animals").ino, first[2])]
    assert first[0] not in rest
    assert len(rest) == 3


def test_only_what_can_change_is_volatile(store: Store) -> None:
    view = StoreView(store)
    version = _walk(view, b"animals", b"v0")
    assert all(
        _walk(view, *path).volatile for path in [(), (b"animals",), (b"animals", b"latest"), (b"animals", b"v0")]
    )
    assert not any(attr.volatile for _path, attr in _everything(view, version.ino))
    assert view.is_volatile(ROOT_INODE)
    assert view.is_volatile(_walk(view, b"animals").ino)
    assert not view.is_volatile(version.ino)


def test_a_deleted_version_goes_out_of_sight_and_what_is_open_in_it_reads_on(store: Store, tmp_path: Path) -> None:
    view = StoreView(store)
    open_before = _walk(view, b"animals", b"v0", b"plain.txt")
    store.put([tmp_path / "odd"], NewVersion(name="animals"))
    store.catalog.delete_version(parse_ref("animals:v0"), current_actor(), delete_aliases=True)
    assert view.lookup(_walk(view, b"animals").ino, b"v0") is None
    assert view.readlink(_walk(view, b"animals", b"latest").ino) == b"v1"
    assert bytes(StoreView(store).read(open_before.ino, 0, 100)) == b"contents 0"


def test_names_and_numbers_that_are_not_there_are_not_found(store: Store) -> None:
    view = StoreView(store)
    animals, version = _walk(view, b"animals"), _walk(view, b"animals", b"v0")
    for parent, name in [
        (ROOT_INODE, b"nobody"),
        (ROOT_INODE, b"\xff"),
        (animals.ino, b"v1"),
        (animals.ino, b"v01"),
        (animals.ino, b"nobody"),
        (version.ino, b"nobody"),
        (_walk(view, b"animals", b"v0", b"plain.txt").ino, b"below a file"),
    ]:
        assert view.lookup(parent, name) is None
    for ino in (2, 99 << 32, version.ino + 10**6, animals.ino + 1):
        with pytest.raises(NotFoundError):
            view.attr(ino)


def test_virtual_attributes_name_the_version_and_the_contents(store: Store) -> None:
    view = StoreView(store)
    version = store.version(parse_ref("animals:v0"))
    root = _walk(view, b"animals", b"v0")
    assert view.xattr(root.ino, b"user.artfs.ref") == b"animals:v0"
    assert view.xattr(root.ino, b"user.artfs.type") == b"images"
    assert view.xattr(root.ino, b"user.artfs.digest") == version.digest.hex().encode()
    assert view.xattr(root.ino, b"user.artfs.logged_by") is None
    assert view.xattr(root.ino, b"user.other") is None
    assert view.xattr(_walk(view, b"animals").ino, b"user.artfs.ref") is None
    assert view.xattr(_walk(view, b"animals", b"v0", b"empty").ino, b"user.artfs.ref") == b"animals:v0"


def test_damage_is_an_error_that_names_the_path_and_its_neighbours_read_on(store: Store) -> None:
    view = StoreView(store)
    path = _walk(view, b"animals", b"v0", b"size-32769")
    whole = bytes(view.read(path.ino, 0, path.size))
    for pack in store.path.glob("packs/*/*.pack"):
        data = bytearray(pack.read_bytes())
        at = data.find(whole[:64])
        if at >= 0:
            data[at] ^= 1
            os.chmod(pack, 0o600)
            pack.write_bytes(data)
            break
    else:
        pytest.fail("no pack holds the bytes as they are")
    with pytest.raises(IntegrityError, match="animals:v0/size-32769"):
        StoreView(store).read(path.ino, 0, 10)
    other = _walk(view, b"animals", b"v0", b"size-131072")
    assert len(StoreView(store).read(other.ino, 0, other.size)) == 131072


def test_a_project_is_a_directory_of_its_artifacts_beside_those_of_none(store: Store, tmp_path: Path) -> None:
    for name in ("zoo/plants", "lab/animals", "zoo/animals", "later"):
        store.put([tmp_path / "odd" / "many"], NewVersion(name=name))
    view = StoreView(store)
    listed = list(view.listdir(ROOT_INODE))
    assert [name for name, _attr, _next in listed] == [b"animals", b"later", b"zoo", b"lab"]
    for at, (found, attr, following) in enumerate(listed):
        assert view.lookup(ROOT_INODE, found) == attr == view.attr(attr.ino)
        assert list(view.listdir(ROOT_INODE, following)) == listed[at + 1 :]
    zoo = _walk(view, b"zoo")
    assert [name for name, _attr, _next in view.listdir(zoo.ino)] == [b"plants", b"animals"]
    assert view.readlink(_walk(view, b"zoo", b"animals", b"latest").ino) == b"v0"
    assert view.xattr(_walk(view, b"zoo", b"animals", b"v0").ino, b"user.artfs.ref") == b"zoo/animals:v0"
    assert view.lookup(zoo.ino, b"later") is None
    assert view.lookup(ROOT_INODE, b"none") is None


def test_a_project_keeps_its_inode_when_its_first_artifact_is_deleted_and_goes_with_the_last(
    store: Store, tmp_path: Path
) -> None:
    """The inode number is made from the serial of the first artifact.

    S100: The root also has one directory per project, with one per artifact of it. A project keeps its inode number
    until its first artifact is renamed; what is in no project stays where it was.
    """
    for name in ("zoo/plants", "zoo/animals"):
        store.put([tmp_path / "odd" / "many"], NewVersion(name=name))
    view = StoreView(store)
    zoo = _walk(view, b"zoo")
    store.catalog.delete_artifact("zoo/plants", current_actor())
    assert _walk(view, b"zoo").ino == zoo.ino
    assert [name for name, _attr, _next in view.listdir(zoo.ino)] == [b"animals"]
    store.catalog.delete_artifact("zoo/animals", current_actor())
    assert view.lookup(ROOT_INODE, b"zoo") is None
    with pytest.raises(NotFoundError):
        view.attr(zoo.ino)


def test_the_paths_and_inode_numbers_of_artifacts_of_no_project_are_what_they_were(
    store: Store, tmp_path: Path
) -> None:
    def top() -> dict[bytes, int]:
        view = StoreView(store)
        return {name: attr.ino for name, attr in _everything(view, _walk(view, b"animals").ino)}

    before, directory = top(), _walk(StoreView(store), b"animals").ino
    store.put([tmp_path / "odd" / "many"], NewVersion(name="zoo/animals"))
    assert (top(), _walk(StoreView(store), b"animals").ino) == (before, directory)
