"""Pages of an index that do not fit together are found, above all those that a writer would write over."""

from __future__ import annotations

import random
import secrets
from pathlib import Path

import pytest

from artfs.catalog import IndexEnvironment
from artfs.kv.mdb_check import check_pages
from tests.support.faults.lmdbpages import PAGE, Pages

KEYS = 3000


@pytest.fixture
def index(tmp_path: Path) -> Path:
    """An index with pages of all kinds, free ones among them."""
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    choose = random.Random(seed)
    with IndexEnvironment.open(tmp_path / "index", create=True) as environment:
        for _turn in range(12):
            with environment.write() as txn:
                for _ in range(500):
                    key = b"x%06d" % choose.randrange(KEYS)
                    if choose.random() < 0.3:
                        txn.delete(key)
                    else:
                        txn.put(key, choose.randbytes(choose.choice((5, 60, 700, 9000))))
            assert list(check_pages(environment)) == []
    return tmp_path / "index"


def found(index: Path) -> list[str]:
    with IndexEnvironment.open(index) as environment:
        return list(check_pages(environment))


def test_a_page_in_use_that_is_listed_as_free_is_found(index: Path) -> None:
    pages = Pages(index)
    at, _number = pages.free_list()[0]
    pages.write(at, pages.leaves()[0].to_bytes(8, "little"))
    (message,) = found(index)
    assert "is used twice, or used and listed as free" in message


def test_a_free_page_that_is_listed_twice_is_found(index: Path) -> None:
    pages = Pages(index)
    (at, _number), (_other, number) = pages.free_list()[:2]
    pages.write(at, number.to_bytes(8, "little"))
    assert found(index)


def test_a_free_page_behind_the_last_is_found(index: Path) -> None:
    pages = Pages(index)
    at, _number = pages.free_list()[0]
    pages.write(at, (1 << 40).to_bytes(8, "little"))
    (message,) = found(index)
    assert "and the last is" in message


def test_a_page_with_another_number_is_found(index: Path) -> None:
    pages = Pages(index)
    leaf = pages.leaves()[3]
    pages.write(leaf * PAGE, (leaf + 1).to_bytes(8, "little"))
    assert found(index)


def test_rows_out_of_order_are_found(index: Path) -> None:
    pages = Pages(index)
    at = pages.leaves()[1] * PAGE + 16
    first, second = pages.data[at : at + 2], pages.data[at + 2 : at + 4]
    pages.write(at, second + first)
    (message,) = found(index)
    assert "out of order" in message


def test_a_check_goes_on_beside_a_writer(index: Path) -> None:
    with IndexEnvironment.open(index) as environment:
        for turn in range(20):
            steps = check_pages(environment)
            with environment.write() as txn:
                txn.put(b"x%06d" % turn, bytes(9000))
            assert list(steps) == []
