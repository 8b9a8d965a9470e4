"""Paths through symlinks, and symlinks that lead outside, as the kernel would follow them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artfs.catalog import NewVersion
from artfs.errors import InvalidInputError, NotFoundError, UnsafeTargetError
from artfs.format.node import Entry, Kind
from artfs.names import parse_ref
from artfs.store import open_store, root_entry
from artfs.store.read.extract import extract
from artfs.store.read.symlinks import entry_through_links
from artfs.store.tree.symlink_paths import leads_outside

NAMES = st.sampled_from([b"a", b"b", b"..", b"."])
TARGETS = st.lists(NAMES, min_size=1, max_size=5).map(b"/".join)


def _followed(links: dict[bytes, bytes], path: Sequence[bytes], target: bytes) -> bool:
    """The same by the book: step by step, each symlink where it is met."""
    at, left, met = list(path[:-1]), target.split(b"/"), 0
    while left:
        name = left.pop(0)
        if name == b"..":
            if not at:
                return True
            at.pop()
        elif name != b".":
            link = links.get(b"/".join([*at, name]))
            if link is None:
                at.append(name)
                continue
            met += 1
            if met > 40:
                return False
            left = [*link.split(b"/"), *left]
    return False


@settings(max_examples=500, deadline=None)
@given(links=st.dictionaries(st.sampled_from([b"a", b"b", b"a/b", b"b/a", b"a/a"]), TARGETS, min_size=1))
def test_of_all_links_together_none_leads_outside_if_each_by_itself_does_not(links: dict[bytes, bytes]) -> None:
    def find(path: Sequence[bytes]) -> Entry | None:
        target = links.get(b"/".join(path))
        return None if target is None else Entry(path[-1], Kind.SYMLINK, 0o777, 0, 0, b"", extra=target)

    outside = {path: leads_outside(path.split(b"/"), target, find) for path, target in links.items()}
    if not any(outside.values()):
        assert not any(_followed(links, path.split(b"/"), target) for path, target in links.items())


def test_a_symlink_that_leads_outside_by_way_of_another_is_refused_unless_asked_for(tmp_path: Path) -> None:
    """Without looking at `hop`, `out` seems to lead to `deep`."""
    source = tmp_path / "source"
    (source / "deep").mkdir(parents=True)
    (source / "deep" / "hop").symlink_to("..")
    (source / "out").symlink_to("deep/hop/../secret")
    (tmp_path / "secret").write_text("not of the version")
    assert (source / "out").read_text() == "not of the version"
    with open_store(tmp_path / "store", create=True) as store:
        store.put([source], NewVersion("links"))
        top = root_entry(store.version(parse_ref("links")))
        with pytest.raises(UnsafeTargetError, match="leads outside"):
            extract(store, top, tmp_path / "got")
        assert not list((tmp_path / "got").iterdir())
        extract(store, top, tmp_path / "got", allow_escaping_links=True)
        assert os.readlink(tmp_path / "got" / "out") == "deep/hop/../secret"


def test_a_path_leads_to_the_entry_that_the_kernel_finds_or_to_an_error(tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "dir" / "deep").mkdir(parents=True)
    (source / "dir" / "file").write_text("the file")
    (source / "chain0").symlink_to("dir/file")
    for number in range(41):
        (source / f"chain{number + 1}").symlink_to(f"chain{number}")
    for name, target in {
        "up": "dir/deep/../file",
        "dir/back": "..",
        "twice": "dir/back/dir/back/dir/./file",
        "slash": "dir//",
        "through": "dir/file/../file",
        "trailing": "dir/file/",
        "missing": "nothing/../dir/file",
        "loop": "loop",
        "absolute": "/etc/passwd",
        "above": "dir/back/../source/dir/file",
    }.items():
        (source / name).symlink_to(target)
    with open_store(tmp_path / "store", create=True) as store:
        store.put([source], NewVersion("links"))
        version = store.version(parse_ref("links"))
        for path in ("dir/file", "up", "twice", "slash/file", "dir/back/up", "chain0", "chain39"):
            assert (source / path).read_text() == "the file"
            found, entry = entry_through_links(store, version, tuple(os.fsencode(path).split(b"/")))
            assert (found, entry.name, entry.kind) == ((b"dir", b"file"), b"file", Kind.FILE)
        for path in ("through", "trailing", "missing", "dir/file/x", "none", "up/x"):
            with pytest.raises(OSError, match=r"No such file|Not a directory"):
                (source / path).read_text()
            with pytest.raises(NotFoundError):
                entry_through_links(store, version, tuple(os.fsencode(path).split(b"/")))
        for path, why in {"loop": "circles", "chain40": "circles", "absolute": "out of", "above": "out of"}.items():
            with pytest.raises(InvalidInputError, match=why):
                entry_through_links(store, version, (os.fsencode(path),))
