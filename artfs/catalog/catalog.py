"""Catalog: the API for a store's artifacts, versions, aliases and runs.

A change is durable when its method returns.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

import msgspec

from artfs.catalog import commands, tables
from artfs.catalog.commands import (
    Incoming,
    NewPart,
    NewRun,
    NewVersion,
    Plan,
    Received,
    RemovedVersion,
    Selection,
    VersionEdit,
    VersionKey,
    VersionUse,
)
from artfs.catalog.content_index import ContentBatch, add_content
from artfs.catalog.index import damaged_index
from artfs.catalog.journal import Position
from artfs.catalog.publish import FaultHook, Publisher
from artfs.catalog.rebuild import write_first_state
from artfs.catalog.schema import SCHEMA, STATE_KEY, Artifact, PackRow, Run, Version
from artfs.catalog.view import View
from artfs.closing import Closing
from artfs.errors import ArtfsError, IntegrityError, ReadOnlyStoreError, StorageError
from artfs.format.operations import Entry, Op, Tree, decode_entry
from artfs.format.pack import PackKind
from artfs.format.pack_operations import AddedPack, PacksAdded
from artfs.format.runs import EdgeSource, Outcome, RunFields

if TYPE_CHECKING:
    from artfs.catalog.actor import Actor
    from artfs.catalog.index import IndexEnvironment
    from artfs.catalog.journal import Journal
    from artfs.catalog.retention import RetentionRules
    from artfs.format.pack import Location
    from artfs.names import VersionRef

__all__ = ["Catalog", "JournalRecord", "LoggedVersion"]

K = TypeVar("K")
T = TypeVar("T")

_USES_PER_RECORD: Final = 100
"""With as many paths as are kept, each of the greatest length, well below the longest record."""


class LoggedVersion(NamedTuple):
    """The result of logging a version.

    Attributes:
        version: The version.
        created: False if it was there before (`if_changed`).
    """

    version: Version
    created: bool


class JournalRecord(msgspec.Struct, frozen=True):
    """A journal record.

    Attributes:
        seq: Its number.
        hash: Its hash, which binds it to all before it.
        entry: Its body.
    """

    seq: int
    hash: bytes
    entry: Entry


class Catalog(Closing):
    """A store's catalog. `Catalog.open` and `Catalog.create` make one.

    Threads may share it. Its changes raise, besides what each names: StorageError (the system refused; nothing
    happened), OutcomeUnknownError (the journal could not be synced) and ReadOnlyStoreError (one of these, or a failed
    commit, happened earlier in this process).

    Attributes:
        environment: The index.
        journal: The journal.
        store_id: The store's id.
        behind: The reason why the journal could not be applied to the index when it was opened (a full or read-only
            disk, say); None if it was. The index is undamaged then, and lacks the last changes.
    """

    def __init__(self, environment: IndexEnvironment, journal: Journal, store_id: bytes, publisher: Publisher) -> None:
        self.environment = environment
        self.journal = journal
        self.store_id = store_id
        self.behind: ArtfsError | None = None
        self._publisher = publisher

    @classmethod
    def create(cls, environment: IndexEnvironment, journal: Journal, store_id: bytes) -> Catalog:
        """Create the catalog of a new store; open it if another process was quicker.

        Raises:
            IntegrityError: The journal has records, or the index is of another store.
        """
        with environment.write() as txn:
            if write_first_state(txn, store_id) and not journal.is_empty():
                raise damaged_index("it is empty and the journal is not")
        return cls.open(environment, journal, store_id)

    @classmethod
    def open(
        cls,
        environment: IndexEnvironment,
        journal: Journal,
        store_id: bytes,
        *,
        fault_hook: FaultHook | None = None,
        clock: Callable[[], int] = time.time_ns,
        publisher: Callable[[IndexEnvironment, Any, FaultHook | None, Callable[[], int]], Publisher] = Publisher,
    ) -> Catalog:
        """Open a store's catalog, and apply the journal records that the index does not have.

        Args:
            environment: The index.
            journal: The journal.
            store_id: The store's id (16 bytes).
            fault_hook: For tests: called at each `FaultPoint`.
            clock: Returns the time (nanoseconds since 1970).
            publisher: Makes the publisher of the journal; `RemotePublisher` of a `RemoteJournal`.

        Raises:
            IntegrityError: Index and journal do not fit together, or are not this store's, or are damaged.
        """
        with environment.read() as txn:
            begun = tables.META.get(txn, STATE_KEY) is not None
        if not begun and journal.is_empty():
            with environment.write() as txn:  # its creator was killed before this
                write_first_state(txn, store_id)
        with environment.read() as txn:
            state = View(txn).state()
        if state.schema != SCHEMA:
            raise damaged_index(f"another artfs made it, of schema {state.schema}")
        if state.store_id != store_id:
            raise damaged_index("it belongs to another store")
        catalog = cls(environment, journal, store_id, publisher(environment, journal, fault_hook, clock))
        try:
            catalog._publisher.catch_up()
        except (StorageError, ReadOnlyStoreError) as error:
            catalog.behind = error
        return catalog

    def close(self) -> None:
        """Close the index and the journal."""
        self.journal.close()
        self.environment.close()

    # Reading

    def catch_up(self) -> None:
        """Apply what other processes appended to the journal; a change does so by itself.

        Raises:
            IntegrityError: Journal and index do not fit together.
            StorageError: The system refused.
        """
        self._publisher.catch_up()

    def view(self) -> View:
        """Begin a view of the last committed state. Never keep it for longer than a request."""
        return View(self.environment.begin_read())

    def history(self, after_seq: int = 0) -> Iterator[JournalRecord]:
        """Yield the journal's records, each verified with its place in the chain.

        Raises:
            IntegrityError: The journal is damaged.
        """
        for record, _position in self.journal.read(self.journal.seek(after_seq, Position.start(self.store_id))):
            if record.seq > after_seq:
                yield JournalRecord(record.seq, record.hash, decode_entry(record.body))

    # Contents

    @contextmanager
    def batch(self) -> Iterator[ContentBatch]:
        """Add contents in one write transaction of less than 64 MiB; `add_content` takes any number."""
        with self.environment.write() as txn:
            yield ContentBatch(txn)

    def add_content(
        self,
        packs: Iterable[tuple[bytes, PackRow]] = (),
        locations: Iterable[tuple[bytes, Location]] = (),
        nodes: Iterable[tuple[bytes, bytes]] = (),
        stats: Iterable[tuple[bytes, bytes]] = (),
    ) -> None:
        """Add contents in bounded transactions; see `content_index.add_content`."""
        add_content(self.environment, packs, locations, nodes, stats)

    # Changes

    def record_packs(self, packs: Sequence[tuple[bytes, PackRow]], who: Actor) -> None:
        """Tell the other machines of packs that are written, in their order, before the index has anything in them.

        In a local store there is nobody to tell. Packs that were recorded stay as they are.
        """

        def build(plan: Plan) -> Callable[[View], None]:
            new = [
                AddedPack(pack, 2 if row.kind == PackKind.NODES else 1, row.size, row.count)
                for pack, row in packs
                if plan.view.recorded_pack(pack) is None
            ]
            if new:
                plan.ops.append(PacksAdded(tuple(new)))
            return lambda _view: None

        if self._publisher.records_packs:
            self._publisher.publish(build, who)

    def publish(self, build: Callable[[View], Sequence[Op]], who: Actor) -> int:
        """Publish operations that the caller makes: the primitive below all others.

        Args:
            build: Returns the operations for the catalog as it is under the write lock; the first serial that it may
                issue is `view.state().next_serial`. It may be called more than once.
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

    def create_version(self, new: NewVersion, tree: Tree, who: Actor, *, if_changed: bool = False) -> LoggedVersion:
        """Log a version whose contents are stored; see `commands.log_version`."""

        def build(plan: Plan) -> Callable[[View], LoggedVersion]:
            target, created = commands.log_version(plan, new, tree, if_changed=if_changed)
            return lambda view: LoggedVersion(_version(view, target), created)

        return self._publisher.publish(build, who)[1]

    def log_again(self, ref: VersionRef, run: str, who: Actor, *, aliases: Sequence[str] = ()) -> Version:
        """Record that a run logged a version that is there; see `commands.log_again`."""
        return self._change(lambda plan: commands.log_again(plan, ref, run, aliases), _version, who)

    def link(self, ref: VersionRef, name: str, who: Actor, *, aliases: Sequence[str] = ()) -> LoggedVersion:
        """Log the contents of a version under another name; see `commands.link`."""

        def build(plan: Plan) -> Callable[[View], LoggedVersion]:
            target, created = commands.link(plan, ref, name, aliases, who.run)
            return lambda view: LoggedVersion(_version(view, target), created)

        return self._publisher.publish(build, who)[1]

    def restore(
        self, ref: VersionRef, who: Actor, *, description: str | None = None, aliases: Sequence[str] = ()
    ) -> Version:
        """Log the contents of an earlier version as the next one; see `commands.restore`."""
        return self._change(lambda plan: commands.restore(plan, ref, description, aliases, who.run)[0], _version, who)

    def receive_versions(self, incoming: Incoming, who: Actor, *, dry_run: bool = False) -> Received:
        """Take versions that come from another store, in one journal record; see `commands.receive_versions`."""

        def build(plan: Plan) -> Callable[[View], Received]:
            received = commands.receive_versions(plan, incoming)
            return lambda _view: received

        return self._publisher.dry_run(build) if dry_run else self._publisher.publish(build, who)[1]

    def set_alias(self, ref: VersionRef, alias: str, who: Actor) -> Version:
        """Set an alias to a version; see `commands.set_alias`."""
        return self._change(lambda plan: commands.set_alias(plan, ref, alias), _version, who)

    def remove_alias(self, name: str, alias: str, who: Actor) -> None:
        """Remove an alias; see `commands.remove_alias`."""
        self._change(lambda plan: commands.remove_alias(plan, name, alias), _nothing, who)

    def edit_version(
        self, ref: VersionRef, edit: VersionEdit | Callable[[Version], VersionEdit], who: Actor
    ) -> Version:
        """Change description, metadata, tags or time to live of a version; see `commands.edit_version`.

        A callable gets the version as it is under the write lock, so that no other's edit is lost; it may be called
        more than once.
        """
        return self._change(lambda plan: commands.edit_version(plan, ref, edit), _version, who)

    def edit_artifact(self, name: str, who: Actor, *, description: str) -> Artifact:
        """Change an artifact's description; see `commands.edit_artifact`."""
        return self._change(lambda plan: commands.edit_artifact(plan, name, description), _artifact, who)

    def rename(self, name: str, new: str, who: Actor) -> Artifact:
        """Give an artifact another name; see `commands.rename`."""
        return self._change(lambda plan: commands.rename(plan, name, new), _artifact, who)

    def delete_version(self, ref: VersionRef, who: Actor, *, delete_aliases: bool = False) -> Version:
        """Delete a version; see `commands.delete_versions`."""

        def build(plan: Plan) -> VersionKey:
            index = plan.view.resolve(ref).index
            return commands.delete_versions(plan, ref.name, [index], delete_aliases=delete_aliases)[0]

        return self._change(build, _version, who)

    def delete_versions(
        self, name: str, indexes: Iterable[int], who: Actor, *, delete_aliases: bool = False
    ) -> list[Version]:
        """Delete versions, all or none; see `commands.delete_versions`."""
        deleted = list(indexes)
        return self._change(
            lambda plan: commands.delete_versions(plan, name, deleted, delete_aliases=delete_aliases),
            lambda view, targets: [_version(view, target) for target in targets],
            who,
        )

    def delete_selected(
        self,
        selected: Sequence[Selection],
        who: Actor,
        rules: RetentionRules | None = None,
        *,
        delete_aliases: bool = False,
        dry_run: bool = False,
    ) -> list[Version]:
        """Delete those of the versions that rules let go, all or none; see `commands.delete_selected`."""

        def build(plan: Plan) -> Callable[[View], list[Version]]:
            targets = commands.delete_selected(plan, selected, rules, delete_aliases=delete_aliases)
            return lambda view: [_version(view, target) for target in targets]

        return self._publisher.dry_run(build) if dry_run else self._publisher.publish(build, who)[1]

    def judge_selected(
        self, selected: Sequence[Selection], rules: RetentionRules | None = None, *, delete_aliases: bool = False
    ) -> list[tuple[str, Version, tuple[str, ...]]]:
        """Return what `delete_selected` would delete and what not; see `commands.judge_selected`."""

        def build(plan: Plan) -> Callable[[View], list[tuple[str, Version, tuple[str, ...]]]]:
            judged = commands.judge_selected(plan, selected, rules, delete_aliases=delete_aliases)
            return lambda _view: judged

        return self._publisher.dry_run(build)

    def undelete_version(self, name: str, index: int, who: Actor) -> Version:
        """Undelete a version; see `commands.undelete_versions`."""
        return self._change(lambda plan: commands.undelete_versions(plan, name, [index])[0], _version, who)

    def undelete_versions(self, name: str, who: Actor) -> list[Version]:
        """Undelete all versions of an artifact that can be brought back; see `commands.undelete_versions`."""

        def build(plan: Plan) -> Callable[[View], list[Version]]:
            targets = commands.undelete_versions(plan, name)
            return lambda view: [_version(view, target) for target in targets]

        return self._publisher.publish(build, who)[1]

    def delete_artifact(self, name: str, who: Actor, *, delete_aliases: bool = False) -> Artifact:
        """Delete an artifact with all its versions; see `commands.delete_artifact`."""
        return self._change(
            lambda plan: commands.delete_artifact(plan, name, delete_aliases=delete_aliases), _artifact, who
        )

    def delete_artifacts(
        self, names: Sequence[str], who: Actor, *, delete_aliases: bool = False, dry_run: bool = False
    ) -> list[Artifact]:
        """Delete several artifacts, all or none; see `commands.delete_artifact`."""

        def build(plan: Plan) -> Callable[[View], list[Artifact]]:
            serials = [commands.delete_artifact(plan, name, delete_aliases=delete_aliases) for name in names]
            return lambda view: [_artifact(view, serial) for serial in serials]

        return self._publisher.dry_run(build) if dry_run else self._publisher.publish(build, who)[1]

    def expire_versions(
        self, who: Actor, *, limit: int, grace_ns: int = 0, dry_run: bool = False
    ) -> list[RemovedVersion]:
        """Remove deleted and expired versions for good; see `commands.expire_versions`."""

        def build(plan: Plan) -> Callable[[View], list[RemovedVersion]]:
            removed = commands.expire_versions(plan, limit, grace_ns=grace_ns)
            return lambda _view: removed

        return self._publisher.dry_run(build) if dry_run else self._publisher.publish(build, who)[1]

    # Runs

    def start_run(self, new: NewRun, who: Actor) -> Run:
        """Start or resume a run; see `commands.start_run`."""
        return self._change(lambda plan: commands.start_run(plan, new, who), _run, who)

    def edit_run(self, run: str, edit: Callable[[RunFields], RunFields], who: Actor) -> Run:
        """Edit a run as it is under the write lock; see `commands.edit_run`."""
        return self._change(lambda plan: commands.edit_run(plan, run, edit), _run, who)

    def finish_run(self, run: str, state: Outcome, who: Actor, *, exit_code: int | None = None) -> Run:
        """End a run; see `commands.finish_run`."""
        return self._change(lambda plan: commands.finish_run(plan, run, state, exit_code), _run, who)

    def end_crashed(self, runs: Iterable[str], who: Actor) -> list[str]:
        """End those of the runs whose process has died, and return their ids; see `commands.end_crashed`."""
        candidates = list(runs)
        return self._change(lambda plan: commands.end_crashed(plan, candidates), lambda _view, ended: ended, who)

    def use_version(self, run: str, ref: VersionRef, who: Actor, *, how: EdgeSource = "api") -> Version:
        """Record that a run uses a version; see `commands.use_version`."""
        return self._change(lambda plan: commands.use_version(plan, run, ref, how), _version, who)

    def use_versions(self, run: str, uses: Iterable[VersionUse], who: Actor) -> None:
        """Record what a run opened of versions, in records of bounded size; see `commands.use_versions`."""
        waiting = iter(uses)
        while some := list(islice(waiting, _USES_PER_RECORD)):
            self._change(partial(_plan_uses, run=run, uses=some), _nothing, who)

    def add_part(self, new: NewPart, who: Actor) -> None:
        """Add a part to a version that several processes make together; see `commands.add_part`."""
        self._change(lambda plan: commands.add_part(plan, new), lambda _view, _number: None, who)

    def _change(self, plan: Callable[[Plan], K], result: Callable[[View, K], T], who: Actor) -> T:
        def build(made: Plan) -> Callable[[View], T]:
            target = plan(made)
            return lambda view: result(view, target)

        return self._publisher.publish(build, who)[1]


def _nothing(_view: View, _target: None) -> None:
    pass


def _plan_uses(plan: Plan, run: str, uses: Sequence[VersionUse]) -> None:
    commands.use_versions(plan, run, uses)


def _version(view: View, target: VersionKey) -> Version:
    version = view.version(target.artifact, target.index, deleted=True)
    if version is None:
        raise IntegrityError(f"version {target.index} of artifact {target.artifact} is missing")
    return version


def _run(view: View, run: str) -> Run:
    return view.resolve_run(run)


def _artifact(view: View, serial: int) -> Artifact:
    artifact = view.artifact(serial)
    if artifact is None:
        raise IntegrityError(f"artifact {serial} is missing")
    return artifact
