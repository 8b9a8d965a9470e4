"""How a change becomes part of the catalog (docs/FORMAT.md, "Publishing").

Nothing of it may change places:

1. take LMDB's write lock, then the journal's; apply what others left in the journal;
2. plan the operations, encode the record, apply it in the transaction;
3. append the record to the journal and sync it: **the commit point**;
4. commit the transaction.

What fails before 3 leaves nothing behind. When the sync fails, nobody knows: OutcomeUnknownError. When 4 fails, the
change has happened, and the next one to open the store applies it from the journal.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import Enum, auto
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from artfs.catalog.apply import apply
from artfs.catalog.faults import damaged_index
from artfs.catalog.journal import Position
from artfs.catalog.plans.plan import Plan
from artfs.catalog.schema import SCHEMA
from artfs.catalog.view import View
from artfs.errors import ArtfsError, InvalidInputError, OutcomeUnknownError
from artfs.format.journal import encode_record
from artfs.format.operations import Entry, Op, decode_entry, encode_entry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from artfs.catalog.actor import Actor
    from artfs.catalog.environment import Environment
    from artfs.catalog.journal import Journal
    from artfs.catalog.schema import State
    from artfs.catalog.tables import Txn

__all__ = ["Point", "Probe", "Publisher", "position_of"]

T = TypeVar("T")


class Point(Enum):
    """A moment of a publication, for tests that make something fail just then."""

    APPLIED = auto()
    """In the transaction; nothing is written yet."""
    WRITTEN = auto()
    """In the journal, not synced. An OSError here is taken for a failed sync."""
    SYNCED = auto()
    """Past the commit point; the transaction is not committed."""
    COMMITTED = auto()


Probe: TypeAlias = Callable[[Point], None]


def position_of(state: State) -> Position:
    """Where in the journal the index stands."""
    return Position(state.segment, state.segment_length, state.seq, state.head)


class Publisher:
    """Appends to the journal and applies it.

    Args:
        environment: The index.
        journal: The journal.
        probe: Called at each `Point`.
        clock: Gives the time (nanoseconds since 1970).
    """

    def __init__(
        self,
        environment: Environment,
        journal: Journal,
        probe: Probe | None = None,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self._environment = environment
        self._journal = journal
        self._probe = probe or (lambda _point: None)
        self._clock = clock

    def catch_up(self) -> None:
        """Apply what the journal has and the index has not. Without such, costs three stats and no lock.

        Raises:
            IntegrityError: Journal and index do not fit together.
            StorageError: The system refused.
        """
        with self._environment.read() as txn:
            position = position_of(View(txn).state())
        if self._journal.is_behind(position):
            with self._environment.write() as txn, self._journal.exclusive():
                self._catch_up(txn)

    def _catch_up(self, txn: Txn) -> State:
        state = View(txn).state()
        if state.schema != SCHEMA:
            raise damaged_index(f"another artfs made it, of schema {state.schema}")
        position = position_of(state)
        if self._journal.is_behind(position):
            self._journal.settle(position)
            for record, after in self._journal.read(position):
                state = apply(txn, state, decode_entry(record.body), after)
        return state

    def publish(self, build: Callable[[Plan], Callable[[View], T]], who: Actor) -> tuple[int, T]:
        """Publish one change.

        Args:
            build: Adds the operations to a plan, and gives what reads the result once they are applied. Without
                operations nothing is published.
            who: For the journal.

        Returns:
            The seq of the journal record (0: none was needed), and the result.

        Raises:
            StorageError: The system refused; nothing happened.
            OutcomeUnknownError: The journal could not be synced.
            ReadOnlyStoreError: A commit or fsync failed earlier.
        """
        published: list[tuple[int, T]] = []
        try:
            with self._environment.write() as txn:
                with self._journal.exclusive():
                    self._publish(txn, build, who, published)
                self._probe(Point.SYNCED)
            self._probe(Point.COMMITTED)
        except ArtfsError:
            if not published:  # past the commit point it is no failure: the environment is poisoned, the change is made
                raise
        return published[0]

    def _publish(
        self,
        txn: Txn,
        build: Callable[[Plan], Callable[[View], T]],
        who: Actor,
        published: list[tuple[int, T]],
    ) -> None:
        state = self._catch_up(txn)
        view = View(txn)
        plan = Plan(view, self._clock())
        result = build(plan)
        if not plan.ops:
            published.append((0, result(view)))
            return
        entry, body = _entry(plan.now_ns, who, plan.ops)
        record, own = encode_record(state.seq + 1, state.head, body)
        position = position_of(state)
        after = position.after(state.seq + 1, len(record), own)
        apply(txn, state, entry, after)
        value = result(view)
        self._probe(Point.APPLIED)
        try:
            self._journal.append(position, record, lambda: self._probe(Point.WRITTEN))
        except OutcomeUnknownError as error:
            self._environment.poison(str(error))
            raise
        published.append((state.seq + 1, value))


def _entry(now_ns: int, who: Actor, ops: Sequence[Op]) -> tuple[Entry, bytes]:
    """Return an entry as it will be read back, and its bytes: what could not be read must never be written."""
    try:
        body = encode_entry(Entry(now_ns, who.user, who.host, who.pid, who.run, tuple(ops)))
        return decode_entry(body), body
    except (ValueError, ArtfsError) as error:
        raise InvalidInputError(f"the change cannot be written down: {error}") from error
