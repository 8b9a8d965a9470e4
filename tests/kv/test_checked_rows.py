"""A row with a wrong checksum is never returned, however it is read; and no listing leaves out a row that is sound."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zlib import crc32

import lmdb
import pytest

from artfs.errors import IntegrityError
from artfs.kv.checked_rows import CheckedRows, Table, Txn, sealer, unsealer
from artfs.kv.errors import DatabaseErrors

ERRORS = DatabaseErrors("the test", "the test is damaged ({})")


def _decode(data: bytes) -> bytes:
    if data == b"bad":
        raise ValueError("no row")
    return data


TABLE = Table[bytes](
    "things", b"t", sealer(bytes), unsealer(_decode, ERRORS, lambda key: f"table things, key {key[1:].hex()}")
)


@contextmanager
def transaction(path: Path) -> Iterator[Txn]:
    with lmdb.open(str(path)) as environment, environment.begin(write=True) as txn:
        yield txn


@pytest.fixture
def txn(tmp_path: Path) -> Iterator[Txn]:
    with transaction(tmp_path / "env") as begun:
        yield begun


def test_a_value_is_the_row_and_the_checksum_of_key_and_row(txn: Txn) -> None:
    TABLE.put(txn, b"a", b"row")
    assert txn.get(b"ta") == b"row" + crc32(b"tarow").to_bytes(4, "little")
    CheckedRows(txn, ERRORS).change([(b"Ib", b"row")])
    assert txn.get(b"Ib") == b"row" + crc32(b"Ibrow").to_bytes(4, "little")


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "a flipped bit of the row": lambda value: bytes([value[0] ^ 1]) + value[1:],
    "a flipped bit of the checksum": lambda value: value[:-1] + bytes([value[-1] ^ 128]),
    "a row cut off": lambda value: value[1:],
    "three bytes": lambda value: value[:3],
    "nothing": lambda _value: b"",
    "the value of another key": lambda _value: b"row" + crc32(b"tzrow").to_bytes(4, "little"),
    "a row that cannot be decoded": lambda _value: b"bad" + crc32(b"tmbad").to_bytes(4, "little"),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_row_of_a_table_is_found_by_every_read(txn: Txn, damage: Callable[[bytes], bytes]) -> None:
    for key in (b"l", b"m", b"n"):
        TABLE.put(txn, key, b"row")
    value = txn.get(b"tm")
    assert value is not None
    txn.put(b"tm", damage(value))
    reads: list[Callable[[], Any]] = [
        lambda: TABLE.get(txn, b"m"),
        lambda: list(TABLE.find(txn, [b"l", b"m"])),
        lambda: list(TABLE.scan(txn)),
        lambda: list(TABLE.scan_back(txn, b"")),
    ]
    for read in reads:
        with pytest.raises(IntegrityError, match=f"table things, key {b'm'.hex()}"):
            read()
    assert [key for key, _row in TABLE.find_sound(txn, [b"l", b"m", b"n"])] == [b"l", b"n"]


def test_a_table_has_its_own_rows_alone_in_the_order_of_their_keys(txn: Txn) -> None:
    TABLE.put_many(txn, [(b"b", b"2"), (b"a", b"1"), (b"ab", b"3")])
    for other in (b"s", b"u"):
        txn.put(other + b"a", b"not of the table")
    assert list(TABLE.scan(txn)) == [(b"a", b"1"), (b"ab", b"3"), (b"b", b"2")]
    assert list(TABLE.scan(txn, b"a", b"aa")) == [(b"ab", b"3")]
    assert list(TABLE.scan_back(txn, b"a")) == [(b"ab", b"3"), (b"a", b"1")]
    TABLE.delete(txn, b"a")
    TABLE.delete(txn, b"a")
    assert TABLE.get(txn, b"a") is None


def test_checked_rows_are_listed_from_any_place_and_limited(txn: Txn) -> None:
    rows = CheckedRows(txn, ERRORS)
    rows.change([(b"I1", b"a"), (b"I3", b"c"), (b"J1", b"x"), (b"gone", b""), (b"gone", None)])
    assert rows.items(b"I") == [(b"1", b"a"), (b"3", b"c")]
    assert rows.items(b"I", b"2") == [(b"3", b"c")]
    assert rows.items(b"I", limit=1) == [(b"1", b"a")]
    assert rows.items(b"I", limit=0) == []
    assert rows.floor(b"I", b"2") == (b"1", b"a")
    assert rows.floor(b"I", b"3") == (b"3", b"c")
    assert rows.floor(b"I", b"0") is None
    assert rows.floor(b"J", b"9") == (b"1", b"x")
    assert rows.get(b"gone") is None


def test_a_scan_goes_on_behind_a_damaged_row_and_every_other_read_refuses_it(txn: Txn) -> None:
    rows = CheckedRows(txn, ERRORS)
    rows.change([(b"I1", b"a"), (b"I2", b"b")])
    txn.put(b"I1", b"damaged")
    assert list(rows.scan(b"I")) == [(b"I1", None), (b"I2", b"b")]
    for read in (lambda: rows.get(b"I1"), lambda: rows.items(b"I"), lambda: rows.floor(b"I", b"1")):
        with pytest.raises(IntegrityError, match="key 4931"):
            read()


def test_errors_of_lmdb_become_the_systems(tmp_path: Path) -> None:
    with transaction(tmp_path / "env") as txn:
        rows = CheckedRows(txn, ERRORS)
    with pytest.raises(OSError, match=r"Invalid argument|Input/output error"):
        rows.get(b"a")
    with transaction(tmp_path / "other") as txn, pytest.raises(OSError, match="Invalid argument"):
        CheckedRows(txn, ERRORS).change([(bytes(5000), b"")])
