"""The catalog of a store: what there is, and the changes that users ask for, each durable when its method returns."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple, Self, TypeVar

import msgspec

from artfs.catalog import plans, tables
from artfs.catalog.collecting import Collected, collect
from artfs.catalog.content import Batch, add_content
from artfs.catalog.faults import damaged_index
from artfs.catalog.journal import Position
from artfs.catalog.parts import NewPart, add_part
from artfs.catalog.plans import NewRun, NewVersion, Plan, Target, Use, VersionEdit
from artfs.catalog.publish import Probe, Publisher
from artfs.catalog.rebuild import write_first_state
from artfs.catalog.schema import SCHEMA, STATE_KEY, Artifact, PackRow, Run, Version
from artfs.catalog.view import View
from artfs.errors import IntegrityError, StorageError
from artfs.format.operations import Entry, Op, Tree, decode_entry
from artfs.format.runs import Learnt, Outcome, RunFields

if TYPE_CHECKING:
    from types import TracebackType

    from artfs.catalog.actor import Actor
    from artfs.catalog.environment import Environment
    from artfs.catalog.journal import Journal
    from artfs.format.pack import Location
    from artfs.names import VersionRef

__all__ = ["Catalog", "Logged", "Record"]

K = TypeVar("K")
T = TypeVar("T")

_USES_PER_RECORD: Final = 100
"""With as many paths as are kept, each as long as can be, still well below the longest record."""


class Logged(NamedTuple):
    """What became of a version that was to be logged.

    Attributes:
        version: The version.
        created: False when it was there before (`if_changed`).
    """

    version: Version
    created: bool


class Record(msgspec.Struct, frozen=True):
    """A journal record.

    Attributes:
        seq: Its number.
        hash: Its hash, which binds it to all before it.
        entry: What it says.
    """

    seq: int
    hash: bytes
    entry: Entry


class Catalog:
    """A store's catalog. `Catalog.open` and `Catalog.create` make one.

    Threads may share it. Its changes raise, besides what each names: StorageError (the system refused; nothing
    happened), OutcomeUnknownError (the journal could not be synced) and ReadOnlyStoreError (one of these, or a failed
    commit, happened earlier in this process).

    Attributes:
        environment: The index.
        journal: The journal.
        store_id: The store's id.
        behind: Why the index could not be brought up to the journal when it was opened (a full disk, say); None when it
            was. What it shows is sound, and lacks the last changes.
    """

    def __init__(self, environment: Environment, journal: Journal, store_id: bytes, publisher: Publisher) -> None:
        self.environment = environment
        self.journal = journal
        self.store_id = store_id
        self.behind: StorageError | None = None
        self._publisher = publisher

    @classmethod
    def create(cls, environment: Environment, journal: Journal, store_id: bytes) -> Catalog:
        """Begin the catalog of a new store; open it when another process was quicker.

        Raises:
            IntegrityError: The journal has records, or the index is of another store.
        """
        with environment.write() as txn, journal.exclusive():
            if write_first_state(txn, store_id) and journal.segments():
                raise damaged_index("it is empty and the journal is not")
        return cls.open(environment, journal, store_id)

    @classmethod
    def open(
        cls,
        environment: Environment,
        journal: Journal,
        store_id: bytes,
        *,
        probe: Probe | None = None,
        clock: Callable[[], int] = time.time_ns,
    ) -> Catalog:
        """Open a store's catalog, and apply what the journal has and the index has not.

        Args:
            environment: The index.
            journal: The journal.
            store_id: The store's id (16 bytes).
            probe: For tests: called at each `publish.Point`.
            clock: Gives the time (nanoseconds since 1970).

        Raises:
            IntegrityError: Index and journal do not fit together, or are not this store's, or are damaged.
        """
        with environment.read() as txn:
            begun = tables.META.get(txn, STATE_KEY) is not None
        if not begun and not journal.segments():
            return cls.create(environment, journal, store_id)  # whoever made the store was killed before this
        with environment.read() as txn:
            state = View(txn).state()
        if state.schema != SCHEMA:
            raise damaged_index(f"another artfs made it, of schema {state.schema}")
        if state.store_id != store_id:
            raise damaged_index("it belongs to another store")
        catalog = cls(environment, journal, store_id, Publisher(environment, journal, probe, clock))
        try:
            catalog._publisher.catch_up()
        except StorageError as error:
            catalog.behind = error
        return catalog

    def close(self) -> None:
        """Close the index and the journal."""
        self.journal.close()
        self.environment.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # Reading

    def view(self) -> View:
        """Look at the catalog as the last commit left it. Never kept for longer than a request."""
        return View(self.environment.begin_read())

    def history(self, after_seq: int = 0) -> Iterator[Record]:
        """Yield the journal's records, each verified with its place in the chain.

        Raises:
            IntegrityError: The journal is damaged.
        """
        for record, _position in self.journal.read(self.journal.near(after_seq, Position.start(self.store_id))):
            if record.seq > after_seq:
                yield Record(record.seq, record.hash, decode_entry(record.body))

    # Contents

    @contextmanager
    def batch(self) -> Iterator[Batch]:
        """Add contents in one write transaction, committed at the end. Keep it under 64 MiB, or use `add_content`."""
        with self.environment.write() as txn:
            yield Batch(txn)

    def add_content(
        self,
        packs: Iterable[tuple[bytes, PackRow]] = (),
        locations: Iterable[tuple[bytes, Location]] = (),
        nodes: Iterable[tuple[bytes, bytes]] = (),
        stats: Iterable[tuple[bytes, bytes]] = (),
    ) -> None:
        """Add contents in bounded transactions; see `content.add_content`."""
        add_content(self.environment, packs, locations, nodes, stats)

    # Changes

    def publish(self, build: Callable[[View], Sequence[Op]], who: Actor) -> int:
        """Publish operations of one's own making: the primitive below all others.

        Args:
            build: Gives the operations, looking at the catalog under the write lock; the first serial it may give out
                is `view.state().next_serial`.
            who: For the journal.

        Returns:
            The seq of the journal record; 0 when there were no operations.

        Raises:
            IntegrityError: They do not fit the catalog.
        """

        def plan(plan: Plan) -> Callable[[View], None]:
            plan.ops.extend(build(plan.view))
            return lambda _view: None

        return self._publisher.publish(plan, who)[0]

    def create_version(self, new: NewVersion, tree: Tree, who: Actor, *, if_changed: bool = False) -> Logged:
        """Log a version whose contents are stored; see `plans.log_version`."""

        def build(plan: Plan) -> Callable[[View], Logged]:
            target, created = plans.log_version(plan, new, tree, if_changed=if_changed)
            return lambda view: Logged(_version(view, target), created)

        return self._publisher.publish(build, who)[1]

    def link(self, ref: VersionRef, name: str, who: Actor, *, aliases: Sequence[str] = ()) -> Logged:
        """Log the contents of a version under another name; see `plans.link`."""

        def build(plan: Plan) -> Callable[[View], Logged]:
            target, created = plans.link(plan, ref, name, aliases, who.run)
            return lambda view: Logged(_version(view, target), created)

        return self._publisher.publish(build, who)[1]

    def set_alias(self, ref: VersionRef, alias: str, who: Actor) -> Version:
        """Let an alias name a version; see `plans.set_alias`."""
        return self._change(lambda plan: plans.set_alias(plan, ref, alias), _version, who)

    def remove_alias(self, name: str, alias: str, who: Actor) -> None:
        """Remove an alias; see `plans.remove_alias`."""
        self._change(lambda plan: plans.remove_alias(plan, name, alias), _nothing, who)

    def edit_version(
        self, ref: VersionRef, edit: VersionEdit | Callable[[Version], VersionEdit], who: Actor
    ) -> Version:
        """Change description, metadata, tags or time to live of a version; see `plans.edit_version`.

        A callable gets the version as it is under the write lock, so that no other's edit is lost.
        """
        return self._change(lambda plan: plans.edit_version(plan, ref, edit), _version, who)

    def edit_artifact(self, name: str, who: Actor, *, description: str) -> Artifact:
        """Change an artifact's description; see `plans.edit_artifact`."""
        return self._change(lambda plan: plans.edit_artifact(plan, name, description), _artifact, who)

    def rename(self, name: str, new: str, who: Actor) -> Artifact:
        """Give an artifact another name; see `plans.rename`."""
        return self._change(lambda plan: plans.rename(plan, name, new), _artifact, who)

    def delete_version(self, ref: VersionRef, who: Actor, *, delete_aliases: bool = False) -> Version:
        """Delete a version; see `plans.delete_versions`."""

        def build(plan: Plan) -> Target:
            index = plan.view.resolve(ref).index
            return plans.delete_versions(plan, ref.name, [index], delete_aliases=delete_aliases)[0]

        return self._change(build, _version, who)

    def delete_versions(
        self, name: str, indexes: Iterable[int], who: Actor, *, delete_aliases: bool = False
    ) -> list[Version]:
        """Delete versions, all or none; see `plans.delete_versions`."""
        doomed = list(indexes)
        return self._change(
            lambda plan: plans.delete_versions(plan, name, doomed, delete_aliases=delete_aliases),
            lambda view, targets: [_version(view, target) for target in targets],
            who,
        )

    def keep_last(self, name: str, count: int, who: Actor, *, delete_aliases: bool = False) -> list[Version]:
        """Delete all versions but the newest; see `plans.keep_last`."""
        return self._change(
            lambda plan: plans.keep_last(plan, name, count, delete_aliases=delete_aliases),
            lambda view, targets: [_version(view, target) for target in targets],
            who,
        )

    def undelete_version(self, name: str, index: int, who: Actor) -> Version:
        """Take back the deletion of a version; see `plans.undelete_version`."""
        return self._change(lambda plan: plans.undelete_version(plan, name, index), _version, who)

    def delete_artifact(self, name: str, who: Actor, *, delete_aliases: bool = False) -> Artifact:
        """Delete an artifact with all its versions; see `plans.delete_artifact`."""
        return self._change(
            lambda plan: plans.delete_artifact(plan, name, delete_aliases=delete_aliases), _artifact, who
        )

    def collect(self, who: Actor, *, limit: int, dry_run: bool = False) -> list[Collected]:
        """Let go of deleted and expired versions; see `collecting.collect`."""
        found: list[Collected] = []

        def build(plan: Plan) -> Callable[[View], None]:
            found.extend(collect(plan, limit))
            if dry_run:
                plan.ops.clear()
            return lambda _view: None

        self._publisher.publish(build, who)
        return found

    # Runs

    def start_run(self, new: NewRun, who: Actor) -> Run:
        """Start a run, or let one go on; see `plans.start_run`."""
        return self._change(lambda plan: plans.start_run(plan, new, who), _run, who)

    def edit_run(self, run: str, edit: Callable[[RunFields], RunFields], who: Actor) -> Run:
        """Change what can be changed of a run, given what it is under the write lock; see `plans.edit_run`."""
        return self._change(lambda plan: plans.edit_run(plan, run, edit), _run, who)

    def finish_run(self, run: str, state: Outcome, who: Actor, *, exit_code: int | None = None) -> Run:
        """End a run; see `plans.finish_run`."""
        return self._change(lambda plan: plans.finish_run(plan, run, state, exit_code), _run, who)

    def end_crashed(self, runs: Iterable[str], who: Actor) -> list[str]:
        """End those of the runs whose process has died, and give their ids; see `plans.end_crashed`."""
        looked_at = list(runs)
        return self._change(lambda plan: plans.end_crashed(plan, looked_at), lambda _view, ended: ended, who)

    def use_version(self, run: str, ref: VersionRef, who: Actor, *, how: Learnt = "api") -> Version:
        """Note that a run uses a version; see `plans.use_version`."""
        return self._change(lambda plan: plans.use_version(plan, run, ref, how), _version, who)

    def use_versions(self, run: str, uses: Iterable[Use], who: Actor) -> None:
        """Note what a run opened of versions, in records of bounded size; see `plans.use_versions`."""
        waiting = iter(uses)
        while some := list(islice(waiting, _USES_PER_RECORD)):
            self._change(partial(_plan_uses, run=run, uses=some), _nothing, who)

    def add_part(self, new: NewPart, who: Actor) -> None:
        """Add to a version that several processes make together; see `parts.add_part`."""
        self._change(lambda plan: add_part(plan, new), lambda _view, _number: None, who)

    def _change(self, plan: Callable[[Plan], K], result: Callable[[View, K], T], who: Actor) -> T:
        def build(made: Plan) -> Callable[[View], T]:
            target = plan(made)
            return lambda view: result(view, target)

        return self._publisher.publish(build, who)[1]


def _nothing(_view: View, _target: None) -> None:
    pass


def _plan_uses(plan: Plan, run: str, uses: Iterable[Use]) -> None:
    plans.use_versions(plan, run, uses)


def _version(view: View, target: Target) -> Version:
    version = view.version(target.artifact, target.index, deleted=True)
    if version is None:
        raise IntegrityError(f"version {target.index} of artifact {target.artifact} is missing")
    return version


def _run(view: View, run: str) -> Run:
    return view.known_run(run)


def _artifact(view: View, serial: int) -> Artifact:
    artifact = view.artifact(serial)
    if artifact is None:
        raise IntegrityError(f"artifact {serial} is missing")
    return artifact
