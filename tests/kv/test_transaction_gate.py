"""The gate of an environment's transactions: what has to happen with none open happens once, and with none open."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from artfs.kv.transaction_gate import TransactionGate
from tests.support.schedules import Rival, once


class _Gate:
    """A gate that threads share, what it called, and the other thread."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.rival: Rival[Any] = Rival()
        self.calls: list[str] = []
        self.first: Callable[[], None] = lambda: self.calls.append("first")
        self.last: Callable[[], None] = lambda: self.calls.append("last")
        with monkeypatch.context() as patch:
            patch.setattr("artfs.kv.transaction_gate.threading.RLock", self.rival.rlock)
            self.gate = TransactionGate(lambda: self.first(), lambda: self.last())  # noqa: PLW0108 # they are replaced

    def begin(self) -> Any:
        nothing = lambda *_: None  # noqa: E731
        transaction: Any = SimpleNamespace(get=nothing, cursor=nothing, commit=nothing, abort=nothing)
        return self.gate.begin(lambda: transaction)


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch) -> _Gate:
    return _Gate(monkeypatch)


def test_of_two_threads_that_begin_at_once_one_begins_the_first_transaction(shared: _Gate) -> None:
    shared.first = once(lambda: shared.rival.meanwhile(shared.begin), shared.first)
    mine = shared.begin()
    shared.rival.result().abort()
    assert shared.calls == ["first"]
    mine.abort()
    assert shared.calls == ["first", "last"]


def test_a_thread_that_begins_while_the_last_transaction_ends_begins_a_first_one(shared: _Gate) -> None:
    shared.last = once(lambda: shared.rival.meanwhile(shared.begin), shared.last)
    shared.begin().commit()
    shared.rival.result().commit()
    assert shared.calls == ["first", "last", "first", "last"]


def test_no_transaction_begins_while_there_must_be_none(shared: _Gate) -> None:
    with shared.gate.alone(0):
        shared.rival.meanwhile(shared.begin)
        assert shared.calls == []
    shared.rival.result().abort()
    assert shared.calls == ["first", "last"]
