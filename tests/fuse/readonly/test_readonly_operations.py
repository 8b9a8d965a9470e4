"""Requests of the read-only mount, translated without a kernel."""

from __future__ import annotations

import errno
import os
from types import SimpleNamespace

import pytest
from pyfuse3 import EntryAttributes, FUSEError

from artfs.fuse.answers import LASTING_SECONDS, VOLATILE_SECONDS
from artfs.fuse.readonly.readonly_operations import Listed, ReaddirCache, ReadOnlyOperations
from tests.support.models.memorytree import MemoryTree


@pytest.fixture
def translation() -> ReadOnlyOperations:
    return ReadOnlyOperations(MemoryTree({b"artifact": {b"file": b"12345"}, b"link": "artifact"}))


def test_timeouts_are_long_inside_and_short_where_names_change(translation: ReadOnlyOperations) -> None:
    context = None
    found = translation.lookup(2, b"file", context)  # type: ignore[arg-type]
    assert (found.st_ino, found.st_size) == (3, 5)
    assert found.entry_timeout == found.attr_timeout == LASTING_SECONDS
    absent = translation.lookup(2, b"absent", context)  # type: ignore[arg-type]
    assert (absent.st_ino, absent.entry_timeout) == (0, LASTING_SECONDS)
    absent = translation.lookup(1, b"absent", context)  # type: ignore[arg-type]
    assert (absent.st_ino, absent.entry_timeout) == (0, 0.0)
    assert translation.getattr(1, context).attr_timeout == VOLATILE_SECONDS < 1  # type: ignore[arg-type]


def test_an_open_file_keeps_its_pages_and_its_handle_is_its_inode(translation: ReadOnlyOperations) -> None:
    context = SimpleNamespace(pid=os.getpid())
    info = translation.open(3, os.O_RDONLY, context)  # type: ignore[arg-type]
    assert (info.fh, info.keep_cache, info.direct_io) == (3, True, False)


def test_a_long_name_is_refused_even_where_nothing_has_it(translation: ReadOnlyOperations) -> None:
    with pytest.raises(FUSEError) as caught:
        translation.lookup(1, b"n" * 256, None)  # type: ignore[arg-type]
    assert caught.value.errno == errno.ENAMETOOLONG


def test_a_portion_of_a_listing_is_made_once_and_sent_again_as_far_as_there_is_room() -> None:
    made: list[int] = []
    entries = [(b"%d" % number, EntryAttributes(), number + 1) for number in range(10)]

    def make() -> list[Listed]:
        made.append(1)
        return entries[3:]

    def sent(portions: ReaddirCache, room: int) -> list[bytes]:
        names: list[bytes] = []

        def reply(name: bytes, _attributes: EntryAttributes, _following: int) -> bool:
            if len(names) == room:
                return False
            names.append(name)
            return True

        portions.send(7, 3, reply, make)
        return names

    portions = ReaddirCache()
    assert sent(portions, 0) == []  # and that is not remembered as the end of the directory
    assert sent(portions, 4) == [b"3", b"4", b"5", b"6"]
    assert sent(portions, 4) == [b"3", b"4", b"5", b"6"]
    assert sent(portions, 2) == [b"3", b"4"]
    assert sent(portions, 100) == [b"3", b"4", b"5", b"6"]  # the next portion follows
    assert len(made) == 2
    assert sent(ReaddirCache(), 100) == [b"%d" % number for number in range(3, 10)]
