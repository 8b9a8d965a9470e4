"""Publish a catalog change atomically: the synced journal record is the commit point.

The order is fixed (docs/FORMAT.md, "Publishing"):

1. take LMDB's write lock; apply the journal records that the index does not have;
2. plan the operations, encode the record, apply it in the transaction;
3. append the record to the journal, if it still ends where the index is, and sync it: **the commit point**;
4. commit the transaction.

A failure before 3 leaves nothing behind. If another writer's record came first at 3, everything is done again from 1:
that is why a plan must have no side effects. A failed sync raises OutcomeUnknownError: nobody knows. If 4 fails, the
change has happened, and the next process that opens the store applies it from the journal.

The append is under LMDB's write lock, which is right for a local file. `RemotePublisher` has the other order, for a
journal behind a network.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import Enum, auto
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar

from artfs.catalog.apply import apply
from artfs.catalog.commands.plan import Plan
from artfs.catalog.index import damaged_index
from artfs.catalog.journal import JournalConflictError
from artfs.catalog.schema import SCHEMA
from artfs.catalog.view import View
from artfs.errors import ArtfsError, InvalidInputError, OutcomeUnknownError
from artfs.format.journal import encode_record
from artfs.format.operations import Entry, Op, decode_entry, encode_entry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from artfs.catalog.actor import Actor
    from artfs.catalog.index import IndexEnvironment
    from artfs.catalog.journal import Journal
    from artfs.catalog.schema import IndexState
    from artfs.kv.checked_rows import Txn

__all__ = ["CONTENTION_SECONDS", "FaultHook", "FaultPoint", "Publisher", "encoded_entry"]

T = TypeVar("T")

CONTENTION_SECONDS: Final = 60
"""After which a change that other writers always precede is given up."""


class FaultPoint(Enum):
    """A moment of a publication, for tests that inject a fault there."""

    APPLIED = auto()
    """In the transaction; nothing is written yet."""
    WRITTEN = auto()
    """In the journal, not synced: `LocalJournal` calls its `on_written`."""
    SYNCED = auto()
    """Past the commit point; the transaction is not committed."""
    COMMITTED = auto()


FaultHook: TypeAlias = Callable[[FaultPoint], None]


class Publisher:
    """Appends to the journal and applies it to the index.

    Args:
        environment: The index.
        journal: The journal.
        fault_hook: Called at each `FaultPoint` but WRITTEN.
        clock: Returns the time (nanoseconds since 1970).

    Attributes:
        records_packs: The journal has the packs of the store too.
    """

    records_packs = False

    def __init__(
        self,
        environment: IndexEnvironment,
        journal: Journal,
        fault_hook: FaultHook | None = None,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self._environment = environment
        self._journal = journal
        self._fault_hook = fault_hook or (lambda _point: None)
        self._clock = clock

    def catch_up(self) -> None:
        """Apply the journal records that the index does not have. Without any, it costs three stats.

        Raises:
            IntegrityError: Journal and index do not fit together.
            StorageError: The system refused.
        """
        with self._environment.read() as txn:
            position = View(txn).state().position
        if self._journal.has_more(position):
            with self._environment.write() as txn:
                self._catch_up(txn)

    def _catch_up(self, txn: Txn) -> IndexState:
        state = View(txn).state()
        if state.schema != SCHEMA:
            raise damaged_index(f"another artfs made it, of schema {state.schema}")
        if self._journal.has_more(state.position):
            for record, after in self._journal.read_durable(state.position):
                state = apply(txn, state, decode_entry(record.body), after)
        return state

    def publish(self, build: Callable[[Plan], Callable[[View], T]], who: Actor) -> tuple[int, T]:
        """Publish one change.

        Args:
            build: Adds the operations to a plan, and returns a function that reads the result once they are applied.
                Without operations nothing is published. It is called again, on a new plan over a newer catalog, when
                another writer was first: it must change nothing but the plan, and use up nothing that it was given.
            who: For the journal.

        Returns:
            The seq of the journal record (0: none was needed), and the result.

        Raises:
            StorageError: The system refused; nothing happened.
            OutcomeUnknownError: The journal could not be synced.
            ReadOnlyStoreError: A commit or fsync failed earlier.
            JournalConflictError: Other writers were first, again and again.
        """
        deadline = time.monotonic() + CONTENTION_SECONDS
        published: list[tuple[int, T]] = []
        while not published:
            try:
                with self._environment.write() as txn:
                    self._publish(txn, build, who, published)
                    self._fault_hook(FaultPoint.SYNCED)
                self._fault_hook(FaultPoint.COMMITTED)
            except JournalConflictError:
                if time.monotonic() > deadline:
                    raise
            except ArtfsError:
                if not published:
                    raise  # past the commit point it is no failure: the environment is poisoned, the change is made
        return published[0]

    def dry_run(self, build: Callable[[Plan], Callable[[View], T]]) -> T:
        """Return the result of a change that is planned and not made; nothing is written, no lock is taken."""
        with self._environment.read() as txn:
            view = View(txn)
            return build(Plan(view, self._clock()))(view)

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
        entry, body = encoded_entry(plan.now_ns, who, plan.ops)
        record, _hash = encode_record(state.seq + 1, state.head, body)
        apply(txn, state, entry, state.position.after(record))
        value = result(view)
        self._fault_hook(FaultPoint.APPLIED)
        try:
            self._journal.append(state.position, record)
        except OutcomeUnknownError as error:
            self._environment.poison(str(error))
            raise
        published.append((state.seq + 1, value))


def encoded_entry(now_ns: int, who: Actor, ops: Sequence[Op], mark: bytes = b"") -> tuple[Entry, bytes]:
    """Return an entry as it will be read back, and its bytes. One that cannot be read is refused.

    Raises:
        InvalidInputError: It is.
    """
    try:
        body = encode_entry(Entry(now_ns, who.user, who.host, who.pid, who.run, tuple(ops)), mark)
        return decode_entry(body), body
    except (ValueError, ArtfsError) as error:
        raise InvalidInputError(f"the change cannot be written down: {error}") from error
