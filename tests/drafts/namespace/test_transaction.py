"""A transaction is applied as a whole or not at all, and so is what depends on it."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from artfs.drafts.db.database import DraftDatabase
from artfs.drafts.db.schema import BASE, InodeRow, orphan_key
from artfs.drafts.namespace.inodes import BaseTree, InodeTable
from artfs.drafts.namespace.transaction import Transactions
from artfs.store import Store
from tests.support.data.drafts import make_draft

ROW = InodeRow(stat.S_IFREG | 0o644, 1, 2, nlink=1, size=3, atime_ns=4, mtime_ns=5, ctime_ns=6)


def transactions_of(database: DraftDatabase, store: Store) -> Transactions:
    return Transactions(database, InodeTable(database, BaseTree(b"", store.pages), (0, 0)))


@pytest.fixture
def transactions(tmp_path: Path, store: Store) -> Iterator[Transactions]:
    with DraftDatabase.open(make_draft(tmp_path / "rows", None)) as database:
        yield transactions_of(database, store)


def test_what_waits_for_a_commit_is_done_in_order_and_only_once_it_succeeded(
    transactions: Transactions, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []

    def full(*_arguments: object, **_more: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    txn = transactions.begin()
    txn.set_inode(1, ROW)
    txn.on_commit(lambda: done.append("first"))
    txn.on_commit(lambda: done.append("second"))
    with monkeypatch.context() as disk:
        disk.setattr(transactions.database, "apply", full)
        with pytest.raises(OSError, match="space"):
            txn.commit()
    assert done == []
    with pytest.raises(OSError, match=os.strerror(errno.ESTALE)):
        transactions.inodes.get(1)
    txn.commit()
    assert done == ["first", "second"]
    assert transactions.inodes.get(1) == ROW


def test_a_transaction_sees_its_changes_and_nobody_else_does_before_the_commit(transactions: Transactions) -> None:
    txn = transactions.begin()
    txn.put(orphan_key(1), b"")
    txn.set_inode(1, ROW)
    other = transactions.begin()
    assert (txn.get(orphan_key(1)), txn.inode(1)) == (b"", ROW)
    assert other.get(orphan_key(1)) is None
    with pytest.raises(OSError, match=os.strerror(errno.ESTALE)):
        other.inode(1)
    txn.commit()
    assert (other.get(orphan_key(1)), other.inode(1)) == (b"", ROW)


def test_an_id_is_given_once_also_if_its_transaction_came_to_nothing(
    tmp_path: Path, store: Store, transactions: Transactions
) -> None:
    given = [transactions.begin().allocate("data") for _ in range(3)]
    for _ in range(2500):
        txn = transactions.begin()
        given.append(txn.allocate("data"))
        txn.commit()
    transactions.database.close()
    with DraftDatabase.open(tmp_path / "rows") as database:
        given.append(transactions_of(database, store).begin().allocate("data"))
    assert len(set(given)) == len(given)


def test_a_name_or_inode_is_marked_as_dirty_once_in_a_generation(transactions: Transactions) -> None:
    def marked() -> int:
        txn = transactions.begin()
        txn.mark_inode(BASE)
        txn.mark_name(BASE, b"f")
        before = transactions.database.logged
        txn.commit()
        return transactions.database.logged - before

    assert marked() > 0
    assert marked() == 0
    transactions.begin_generation()
    assert marked() > 0
