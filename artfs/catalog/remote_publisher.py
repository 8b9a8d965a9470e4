"""Publish to a store at a URL: the created object is the commit point, and no lock of LMDB's is held meanwhile.

The order is fixed (docs/FORMAT.md, "Stores at a URL"):

1. take the machine's publish lock; pull what other machines appended, apply it to the index;
2. plan the operations and apply the record in a transaction that is undone: a record that does not fit is never sent;
3. create the object: **the commit point**. If another writer's is there, do everything again from 1;
4. append it to the mirror, apply it, commit.

A death between 3 and 4 costs nothing: the record is pulled. A writer that other machines were ahead of waits for a few
round trips before its next record, so that each gets its turn.
"""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final, TypeVar

from artfs.catalog.apply import apply
from artfs.catalog.commands.plan import Plan
from artfs.catalog.journal import JournalConflictError, Position
from artfs.catalog.publish import CONTENTION_SECONDS, FaultHook, FaultPoint, Publisher, encoded_entry
from artfs.catalog.view import View
from artfs.errors import ArtfsError
from artfs.format.journal import encode_record

if TYPE_CHECKING:
    from artfs.catalog.actor import Actor
    from artfs.catalog.index import IndexEnvironment
    from artfs.catalog.remote_journal import RemoteJournal

__all__ = ["RemotePublisher"]

T = TypeVar("T")

_MARK_SIZE: Final = 16
_ROUND_TRIPS: Final = 4
_MOST_FOREIGN: Final = 8


class _UndoneError(Exception):
    """Undoes a transaction that has told what it was begun for."""


class RemotePublisher(Publisher):
    """Appends to a `RemoteJournal` and applies it to the index; arguments and attributes are those of `Publisher`."""

    records_packs = True

    def __init__(
        self,
        environment: IndexEnvironment,
        journal: RemoteJournal,
        fault_hook: FaultHook | None = None,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        super().__init__(environment, journal, fault_hook, clock)
        self._remote_journal = journal
        self._not_before = 0.0

    def publish(self, build: Callable[[Plan], Callable[[View], T]], who: Actor) -> tuple[int, T]:
        """Publish one change; see `Publisher.publish`.

        Raises:
            OutcomeUnknownError: Whether the object was created could not be found out.
            StoreError: The server does not answer, or refuses; nothing happened.
            JournalConflictError: Other writers were first, again and again.
        """
        deadline = time.monotonic() + CONTENTION_SECONDS
        time.sleep(max(0.0, self._not_before - time.monotonic()))
        foreign = 0
        journal = self._remote_journal
        with journal.exclusive():
            while True:
                foreign += journal.pull()
                self.catch_up()
                position, record, value = self._planned(build, who)
                if record is None:
                    return 0, value
                self._fault_hook(FaultPoint.APPLIED)
                try:
                    journal.append(position, record)
                except JournalConflictError:
                    foreign += 1
                    if time.monotonic() > deadline:
                        raise
                else:
                    break
            self._fault_hook(FaultPoint.SYNCED)
            with suppress(ArtfsError):  # past the commit point nothing fails: the next catch-up applies it
                self.catch_up()
        self._fault_hook(FaultPoint.COMMITTED)
        turns = _ROUND_TRIPS * min(_MOST_FOREIGN, foreign + 1) * bool(foreign)
        self._not_before = time.monotonic() + random.random() * turns * journal.log.round_trip_s  # noqa: S311 # no secret
        return position.seq + 1, value

    def _planned(self, build: Callable[[Plan], Callable[[View], T]], who: Actor) -> tuple[Position, bytes | None, T]:
        """Plan a change on the index as it is; return where its record belongs, the record, and the result."""
        planned: list[tuple[Position, bytes | None, T]] = []
        with suppress(_UndoneError), self._environment.write() as txn:
            view = View(txn)
            state = view.state()
            plan = Plan(view, self._clock())
            result = build(plan)
            record = None
            if plan.ops:
                entry, body = encoded_entry(plan.now_ns, who, plan.ops, secrets.token_bytes(_MARK_SIZE))
                record, _hash = encode_record(state.seq + 1, state.head, body)
                apply(txn, state, entry, state.position.after(record))
            planned.append((state.position, record, result(view)))
            raise _UndoneError
        return planned[0]
