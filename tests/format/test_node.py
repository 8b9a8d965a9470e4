"""Tree nodes: what is encoded comes back, and nothing else is accepted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artfs.errors import IntegrityError
from artfs.format.digest import digest
from artfs.format.node import Entry, Kind, Page, encode_page
from artfs.names import are_entry_names, is_entry_name
from artfs.testing.strategies import entries, sorted_entries


@given(sorted_entries())
def test_every_entry_comes_back_from_its_page(rows: list[Entry]) -> None:
    page = Page(encode_page(0, rows).data)
    assert page.check() == rows
    for at, row in enumerate(rows):
        assert page.index(row.name) == at
        assert page.entry(at) == row
        assert page.at_position(page.before(at)) == at
        assert page.at_position(page.before(at) + row.below) == at


@given(sorted_entries(), st.binary(min_size=1, max_size=8))
def test_a_name_that_is_not_there_is_not_found(rows: list[Entry], name: bytes) -> None:
    page = Page(encode_page(0, rows).data)
    assert (page.index(name) is not None) == any(row.name == name for row in rows)


@given(sorted_entries(min_size=1))
def test_a_changed_time_leaves_the_content_digest_alone(rows: list[Entry]) -> None:
    touched = [rows[0]._replace(mtime_ns=rows[0].mtime_ns ^ 1), *rows[1:]]
    before, after = encode_page(0, rows), encode_page(0, touched)
    assert before.digest == after.digest
    assert before.node != after.node
    assert Page(after.data).digest == after.digest


@given(entries(), entries())
def test_other_contents_have_another_digest(one: Entry, other: Entry) -> None:
    same = one._replace(mtime_ns=0, node=b"") == other._replace(mtime_ns=0, node=b"")
    assert (encode_page(0, [one]).digest == encode_page(0, [other]).digest) == same


def _three() -> list[Entry]:
    return [
        Entry(b"a", Kind.FILE, 0o644, 1, 5, digest(b"hello"), extra=b"\x02"),
        Entry(b"b", Kind.DIRECTORY, 0o755, 2, 7, digest(b"x"), 3, digest(b"y")),
        Entry(b"c", Kind.SYMLINK, 0o777, 3, 4, digest(b"a/b/"), extra=b"a/b/"),
    ]


def test_every_single_bit_flip_of_a_page_is_refused_or_seen_by_its_digests() -> None:
    sealed = encode_page(0, _three())
    refused = 0
    for bit in range(len(sealed.data) * 8):
        damaged = bytearray(sealed.data)
        damaged[bit // 8] ^= 1 << bit % 8
        assert digest(bytes(damaged)) != sealed.node
        try:
            rows = Page(bytes(damaged)).check()
        except IntegrityError:
            refused += 1
        else:
            assert rows != _three()
    assert refused > len(sealed.data)


@pytest.mark.parametrize("size", range(len(encode_page(0, _three()).data)))
def test_a_truncated_page_is_refused(size: int) -> None:
    with pytest.raises(IntegrityError):
        Page(encode_page(0, _three()).data[:size]).check()


@pytest.mark.parametrize("name", [b"", b".", b"..", b"a/b", b"a\0b"])
def test_a_name_that_no_file_can_have_is_refused(name: bytes) -> None:
    page = Page(encode_page(0, [Entry(name, Kind.FILE, 0o644, 0, 0, digest(b""))]).data)
    with pytest.raises(IntegrityError):
        page.entry(0)
    with pytest.raises(IntegrityError):
        page.entries()
    names = sorted([name, b"#", b"b", b"c"])
    page = Page(encode_page(0, [Entry(name, Kind.FILE, 0o644, 0, 0, digest(b"")) for name in names]).data)
    with pytest.raises(IntegrityError):
        page.entries()
    assert [page.entry(row).name for row in range(4) if names[row] != name] == [b"#", b"b", b"c"]


@given(
    st.lists(st.sampled_from([b"", b".", b"..", b"a", b"...", b"/", b"a/b", b"\0", b"n" * 255, b"n" * 256]), max_size=4)
)
def test_names_are_what_they_are_one_by_one(names: list[bytes]) -> None:
    assert are_entry_names(names) == all(is_entry_name(name) for name in names)


@pytest.mark.parametrize("names", [(b"b", b"a"), (b"a", b"a")])
def test_names_out_of_order_or_twice_are_refused(names: tuple[bytes, bytes]) -> None:
    page = Page(encode_page(0, [Entry(name, Kind.FILE, 0o644, 0, 0, digest(b"")) for name in names]).data)
    with pytest.raises(IntegrityError):
        page.entries()


def test_setuid_bits_are_refused() -> None:
    page = Page(encode_page(0, [Entry(b"su", Kind.FILE, 0o4755, 0, 0, digest(b""))]).data)
    with pytest.raises(IntegrityError):
        page.entry(0)
