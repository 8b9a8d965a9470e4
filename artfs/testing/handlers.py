"""The contract suite of reference handlers: subclass `HandlerContract`, with a `source` fixture.

A handler that finds no objects below a path, as that of web servers, passes `ObjectContract`.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from typing import Protocol

import msgspec
import pytest

from artfs.errors import InvalidInputError, ReferenceChangedError, ReferenceGoneError
from artfs.format.digest import Data
from artfs.format.reference import Reference, decode_reference, reference_entry
from artfs.references import Found, Handler, scheme_of

__all__ = ["HandlerContract", "ObjectContract", "Source"]

_DATA = bytes(range(256)) * 500


class Source(Protocol):
    """Objects for a handler to find and read; the suite makes, changes and removes them."""

    @property
    def handler(self) -> Handler:
        """The handler under test."""

    def uri(self, path: str) -> str:
        """Return the URI of an object, or of all below a path; of all objects if it is empty."""

    def put(self, path: str, data: bytes) -> None:
        """Make an object, or give it other contents."""

    def remove(self, path: str) -> None:
        """Remove an object."""


class ObjectContract:
    """The tests of single objects. Each begins with an empty source.

    Attributes:
        caches: What was read once may be given again, also when the object has changed meanwhile.
    """

    caches = False

    def test_an_object_is_found_by_its_name_with_size_and_what_identifies_it(self, source: Source) -> None:
        source.put("in/a.bin", _DATA)
        found = _one(source, "in/a.bin")
        assert (found.name, found.basename, found.reference.size) == ("", "a.bin", len(_DATA))
        assert _identifies(found.reference)

    def test_without_checksum_nothing_that_identifies_it_is_kept(self, source: Source) -> None:
        source.put("a.bin", _DATA)
        (found,) = source.handler.find(source.uri("a.bin"), checksum=False)
        assert not _identifies(found.reference)
        assert _read(source, found.reference, 0, 3) == _DATA[:3]

    def test_a_uri_that_leads_to_nothing_is_refused(self, source: Source) -> None:
        source.put("a", b"a")
        for path in ("b", "a.bin", "a/b"):
            with pytest.raises(InvalidInputError) as caught:
                list(source.handler.find(source.uri(path), checksum=True))
            assert type(caught.value) is InvalidInputError

    def test_a_uri_that_was_found_is_of_the_scheme_holds_no_credentials_and_can_be_stored(self, source: Source) -> None:
        source.put("in/a b", _DATA)
        found = _one(source, "in/a b")
        assert scheme_of(found.reference.uri) == scheme_of(source.uri("in"))
        assert decode_reference(reference_entry(b"a", found.reference, 0o644, 0)) == found.reference

    def test_any_range_is_read_and_is_shorter_only_at_the_end(self, source: Source) -> None:
        source.put("a", _DATA)
        reference = _one(source, "a").reference
        end = len(_DATA)
        for offset in (0, 1, 4095, 65_536, end - 1, end, end + 1):
            for size in (0, 1, 4096, end, 2 * end):
                assert _read(source, reference, offset, size) == _DATA[offset : offset + size]

    def test_an_open_reader_reads_forwards_backwards_and_the_same_again(self, source: Source) -> None:
        source.put("a", _DATA)
        with closing(source.handler.open(_one(source, "a").reference)) as reader:
            for offset in (*range(0, len(_DATA), 10_000), *range(len(_DATA), 0, -10_000), 5, 5):
                assert reader.read(offset, 10_000) == _DATA[offset : offset + 10_000]

    def test_an_empty_object_is_read_as_nothing(self, source: Source) -> None:
        source.put("a", b"")
        assert _read(source, _one(source, "a").reference, 0, 10) == b""

    @pytest.mark.parametrize("read_before", [False, True])
    @pytest.mark.parametrize("other", [_DATA[::-1], _DATA + b"more", _DATA[:-1], b""])
    def test_an_object_that_changed_is_refused_and_nothing_of_it_read(
        self, source: Source, other: bytes, read_before: bool
    ) -> None:
        source.put("a", _DATA)
        reference = _one(source, "a").reference
        if read_before:
            assert _read(source, reference, 0, 10) == _DATA[:10]
        source.put("a", other)
        for size in (0, 1, len(_DATA)):
            if size and read_before and self.caches:
                assert _read(source, reference, 0, size) == _DATA[:size]
                continue
            with pytest.raises(ReferenceChangedError) as caught:
                _read(source, reference, 0, size)
            assert type(caught.value) is ReferenceChangedError

    @pytest.mark.parametrize("gone", [False, True])
    def test_an_open_reader_gives_the_bytes_that_it_was_opened_for_or_an_error(
        self, source: Source, gone: bool
    ) -> None:
        source.put("a", _DATA)
        with closing(source.handler.open(_one(source, "a").reference)) as reader:
            assert reader.read(0, 10) == _DATA[:10]
            if gone:
                source.remove("a")
            else:
                source.put("a", _DATA[::-1])
            for offset in (0, 10, len(_DATA) - 10):
                with suppress(ReferenceGoneError, ReferenceChangedError):  # from what was read ahead, or not at all
                    assert reader.read(offset, 10) == _DATA[offset : offset + 10]

    def test_a_change_of_size_is_noticed_also_without_checksum(self, source: Source) -> None:
        source.put("a", _DATA)
        (found,) = source.handler.find(source.uri("a"), checksum=False)
        source.put("a", _DATA + b"more")
        with pytest.raises(ReferenceChangedError):
            _read(source, found.reference, 0, 10)

    @pytest.mark.parametrize("checksum", [True, False])
    def test_an_object_that_is_gone_is_said_to_be_gone(self, source: Source, checksum: bool) -> None:
        source.put("in/a", _DATA)
        (found,) = source.handler.find(source.uri("in/a"), checksum=checksum)
        source.remove("in/a")
        for size in (0, 10):
            with pytest.raises(ReferenceGoneError) as caught:
                _read(source, found.reference, 0, size)
            assert type(caught.value) is ReferenceGoneError

    def test_a_reference_that_names_other_contents_reads_nothing(self, source: Source) -> None:
        source.put("a", _DATA)
        source.put("b", _DATA[::-1])
        other = _one(source, "b").reference
        crossed = msgspec.structs.replace(other, uri=_one(source, "a").reference.uri)
        with pytest.raises(ReferenceChangedError):
            _read(source, crossed, 0, 10)

    def test_threads_share_it(self, source: Source) -> None:
        for number in range(4):
            source.put(f"in/{number}", _DATA[number:])
        found = [_one(source, f"in/{number}").reference for number in range(4)]
        with ThreadPoolExecutor(8) as pool:
            wanted = [(number, offset) for number in range(4) for offset in range(0, len(_DATA), 10_000)]
            read = pool.map(lambda each: _read(source, found[each[0]], each[1], 100), wanted)
            assert list(read) == [_DATA[number:][offset : offset + 100] for number, offset in wanted]


class HandlerContract(ObjectContract):
    """The tests of single objects, and of all below a path."""

    def test_all_below_a_path_is_found_by_name(self, source: Source) -> None:
        names = ["b", "a/x", "a/y/z", "a.txt", "c d#e%41?ü"]
        for name in names:
            source.put(f"in/{name}", name.encode())
        source.put("inside", b"beside it")
        found = list(source.handler.find(source.uri("in"), checksum=True))
        assert sorted(each.name for each in found) == sorted(names)
        for each in found:
            assert each.basename == each.name.rpartition("/")[2]
            assert _read(source, each.reference, 0, 100) == each.name.encode()

    def test_what_is_found_is_given_in_the_same_order_each_time(self, source: Source) -> None:
        for number in (3, 1, 2, 10):
            source.put(f"in/{number}/x", b"x")
        twice = [[each.name for each in source.handler.find(source.uri("in"), checksum=False)] for _ in range(2)]
        assert twice[0] == twice[1]


def _read(source: Source, reference: Reference, offset: int, size: int) -> Data:
    """Read a range with a reader of its own."""
    with closing(source.handler.open(reference)) as reader:
        return reader.read(offset, size)


def _one(source: Source, path: str) -> Found:
    (found,) = source.handler.find(source.uri(path), checksum=True)
    return found


def _identifies(reference: Reference) -> bool:
    return any((reference.digest, reference.etag, reference.version_id, reference.modified_ns))
