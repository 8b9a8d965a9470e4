"""Apply a journal record to the tables: for a live change, at replay and at rebuild alike.

It is deterministic: the tables depend on the journal alone. No record is trusted: an operation that does not fit the
tables as they stand (a serial that is not the next one, a version of no artifact) is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

import msgspec

from artfs.catalog import tables
from artfs.catalog.schema import (
    ROOT_SERIAL,
    STATE_KEY,
    AliasRow,
    Artifact,
    Deletion,
    DistributedPart,
    Edge,
    EdgeKind,
    Link,
    NameRow,
    RecordedPack,
    Run,
    SerialKind,
    SerialRow,
    Version,
    alias_key,
    edge_by_version_key,
    edge_key,
    link_by_source_key,
    pair_key,
    part_key,
    run_by_time_key,
    serial_key,
)
from artfs.catalog.view import View
from artfs.errors import IntegrityError
from artfs.format.operations import (
    AliasRemoved,
    AliasSet,
    ArtifactCreated,
    ArtifactDeleted,
    ArtifactEdited,
    ArtifactRenamed,
    ArtifactUndeleted,
    CatalogOp,
    Entry,
    Op,
    PartAdded,
    PartsTaken,
    VersionCreated,
    VersionDeleted,
    VersionEdited,
    VersionLinked,
    VersionRemoved,
    VersionUndeleted,
)
from artfs.format.pack_operations import PacksAdded
from artfs.format.runs import RunEdited, RunFinished, RunLogged, RunOp, RunResumed, RunStarted, RunUsed
from artfs.names import project_of

if TYPE_CHECKING:
    from artfs.catalog.journal import Position
    from artfs.catalog.schema import IndexState
    from artfs.kv.checked_rows import Txn

__all__ = ["apply"]


class _MisfitError(Exception):
    """An operation that does not fit the tables: no artfs would have written it here."""


def apply(txn: Txn, state: IndexState, entry: Entry, position: Position) -> IndexState:
    """Apply one journal record.

    Args:
        txn: A write transaction.
        state: The state before.
        entry: The body of the record.
        position: The end of the journal with this record.

    Returns:
        The state after, which is also in the tables.

    Raises:
        IntegrityError: The record does not fit the tables.
    """
    applier = _Applier(txn, state.next_serial, entry.time_ns, position.seq)
    try:
        for op in entry.ops:
            applier.apply(op)
    except _MisfitError as error:
        raise IntegrityError(f"journal record {position.seq} does not fit what was before it: {error}") from error
    after = msgspec.structs.replace(
        state,
        seq=position.seq,
        head=position.head,
        segment=position.segment,
        segment_length=position.length,
        next_serial=applier.next_serial,
    )
    tables.META.put(txn, STATE_KEY, after)
    return after


class _Applier:
    """Applies the operations of one record."""

    def __init__(self, txn: Txn, next_serial: int, time_ns: int, seq: int) -> None:
        self._txn = txn
        self._time_ns = time_ns
        self._seq = seq
        self._packs = 0
        self.next_serial = next_serial

    def apply(self, op: Op) -> None:
        if isinstance(op, RunOp):
            self._apply_to_run(op)
        elif isinstance(op, PartAdded | PartsTaken):
            self._apply_to_parts(op)
        elif isinstance(op, PacksAdded):
            self._packs_added(op)
        else:
            self._apply_to_artifact(op)

    # Artifacts, versions, aliases

    def _apply_to_artifact(self, op: CatalogOp) -> None:
        match op:
            case ArtifactCreated():
                self._issue_serial(op.serial, SerialRow(SerialKind.ARTIFACT, op.serial))
                self._claim_name(op.name, op.serial, 0)
                self._put_artifact(Artifact(op.serial, op.name, op.type, op.created_ns, op.description))
                self._add_child(ROOT_SERIAL, op.serial)
            case ArtifactEdited():
                artifact = self._artifact(op.artifact)
                self._put_artifact(msgspec.structs.replace(artifact, description=op.description))
            case ArtifactRenamed():
                self._release_name(op.previous, op.artifact)
                self._check_name_owner(op.name, op.artifact)
                self._claim_name(op.name, op.artifact, self._name(op.previous).next_index)
                self._put_artifact(msgspec.structs.replace(self._artifact(op.artifact), name=op.name))
            case ArtifactDeleted():
                self._release_name(op.name, op.artifact)
                self._put_artifact(msgspec.structs.replace(self._artifact(op.artifact), deleted=True))
                tables.CHILDREN.delete(self._txn, pair_key(ROOT_SERIAL, op.artifact))
            case ArtifactUndeleted():
                self._check_name_owner(op.name, op.artifact)
                self._claim_name(op.name, op.artifact, 0)
                self._put_artifact(msgspec.structs.replace(self._artifact(op.artifact, deleted=True), deleted=False))
                self._add_child(ROOT_SERIAL, op.artifact)
            case VersionCreated():
                self._version_created(op)
            case VersionLinked():
                self._version_linked(op)
            case VersionEdited():
                version = self._version(op.artifact, op.index)
                self._put_version(msgspec.structs.replace(version, fields=op.fields))
            case VersionDeleted() | VersionUndeleted() | VersionRemoved():
                self._version_deleted_or_undeleted(op)
            case AliasSet():
                self._alias_set(op)
            case AliasRemoved():
                self._alias_removed(op)
            case _:
                assert_never(op)

    def _version_created(self, op: VersionCreated) -> None:
        name = self._artifact(op.artifact).name
        row = self._name(name)
        if op.index != row.next_index and (op.origin is None or not self._take_index(op, row.next_index)):
            raise _MisfitError(f"{name}:v{op.index} is out of turn")
        self._issue_serial(op.serial, SerialRow(SerialKind.VERSION, op.artifact, op.index))
        self._put_name(name, msgspec.structs.replace(row, next_index=max(row.next_index, op.index + 1)))
        self._put_version(
            Version(op.serial, op.artifact, op.index, op.tree, op.created_ns, op.fields, op.logged_by, op.source)
        )
        self._add_child(op.artifact, op.serial)
        if op.origin is not None:
            tables.ORIGINS.put(self._txn, pair_key(op.artifact, op.index), op.origin)
        if op.logged_by is not None:
            self._add_edge(Edge(op.logged_by, EdgeKind.LOGGED, op.artifact, op.index, op.how, op.created_ns))

    def _version_linked(self, op: VersionLinked) -> None:
        self._version(op.artifact, op.index)
        source, key = pair_key(op.source_artifact, op.source_index), pair_key(op.artifact, op.index)
        if tables.VERSIONS.get(self._txn, source) is None or tables.LINKS.get(self._txn, source) is not None:
            raise _MisfitError(f"version {op.index} of artifact {op.artifact} is a link to no version of its own")
        if tables.LINKS.get(self._txn, key) is not None or source == key:
            raise _MisfitError(f"version {op.index} of artifact {op.artifact} is a link twice, or to itself")
        link = Link(op.source_artifact, op.source_index, op.run)
        tables.LINKS.put(self._txn, key, link)
        tables.LINKS_BY_SOURCE.put(self._txn, link_by_source_key(link, op.artifact, op.index), b"")

    def _take_index(self, op: VersionCreated, next_index: int) -> bool:
        """Pass over indexes, or take one that was passed over; return False if neither is possible."""
        if op.index > next_index:
            tables.GAPS.put(self._txn, pair_key(op.artifact, next_index), op.index)
            return True
        for gap in View(self._txn).gaps(op.artifact):
            if op.index in gap:
                tables.GAPS.delete(self._txn, pair_key(op.artifact, gap.start))
                for left in (range(gap.start, op.index), range(op.index + 1, gap.stop)):
                    if left:
                        tables.GAPS.put(self._txn, pair_key(op.artifact, left.start), left.stop)
                return True
        return False

    def _version_deleted_or_undeleted(self, op: VersionDeleted | VersionUndeleted | VersionRemoved) -> None:
        key = pair_key(op.artifact, op.index)
        if isinstance(op, VersionDeleted):
            version = self._version(op.artifact, op.index)
            self._put_version(msgspec.structs.replace(version, deleted=True))
            tables.CHILDREN.delete(self._txn, pair_key(op.artifact, version.serial))
            if op.aliases is not None:
                tables.DELETIONS.put(self._txn, key, Deletion(self._time_ns, op.aliases))
            return
        version = self._version(op.artifact, op.index, deleted=True)
        if version.removed:
            raise _MisfitError(f"version {op.index} of artifact {op.artifact} was removed")
        tables.DELETIONS.delete(self._txn, key)
        if isinstance(op, VersionRemoved):
            self._put_version(msgspec.structs.replace(version, removed=True))
        else:
            self._put_version(msgspec.structs.replace(version, deleted=False))
            self._add_child(op.artifact, version.serial)

    def _alias_set(self, op: AliasSet) -> None:
        self._version(op.artifact, op.index)
        key = alias_key(op.artifact, op.name)
        row = tables.ALIASES.get(self._txn, key)
        if (None if row is None else row.index) != op.previous or (row is not None and row.serial != op.serial):
            raise _MisfitError(f"alias {op.name} is not what it was")
        if row is None:
            self._issue_serial(op.serial, SerialRow(SerialKind.ALIAS, op.artifact, alias=op.name))
            self._add_child(op.artifact, op.serial)
        tables.ALIASES.put(self._txn, key, AliasRow(op.serial, op.artifact, op.name, op.index))

    def _alias_removed(self, op: AliasRemoved) -> None:
        key = alias_key(op.artifact, op.name)
        row = tables.ALIASES.get(self._txn, key)
        if row is None or row.index != op.previous or row.serial != op.serial:
            raise _MisfitError(f"alias {op.name} is not what it was")
        tables.ALIASES.delete(self._txn, key)
        tables.SERIALS.delete(self._txn, serial_key(op.serial))
        tables.CHILDREN.delete(self._txn, pair_key(op.artifact, op.serial))

    def _issue_serial(self, serial: int, row: SerialRow) -> None:
        """Use the next serial."""
        if serial != self.next_serial:
            raise _MisfitError(f"serial {serial} is out of turn")
        tables.SERIALS.put(self._txn, serial_key(serial), row)
        self.next_serial += 1

    def _add_child(self, parent: int, serial: int) -> None:
        tables.CHILDREN.put(self._txn, pair_key(parent, serial), b"")

    def _check_name_owner(self, name: str, artifact: int) -> None:
        """Refuse a name under which another artifact had versions: an artifact brings indexes of its own."""
        row = tables.NAMES.get(self._txn, name.encode())
        if row is not None and row.owner != artifact:
            raise _MisfitError(f"the name {name} was another artifact's")

    def _claim_name(self, name: str, artifact: int, next_index: int) -> None:
        """Give a free name to an artifact. No version index under a name is ever used again."""
        row = tables.NAMES.get(self._txn, name.encode()) or NameRow(0, 0, 0)
        if row.serial:
            raise _MisfitError(f"the name {name} is taken")
        view, project = View(self._txn), project_of(name)
        if view.is_project(name) or (project is not None and view.artifact_by_name(project) is not None):
            raise _MisfitError(f"the name {name} would make one name a project and an artifact")
        self._put_name(name, NameRow(artifact, max(row.next_index, next_index), artifact))

    def _release_name(self, name: str, artifact: int) -> None:
        row = self._name(name)
        if row.serial != artifact:
            raise _MisfitError(f"the name {name} is another artifact's")
        self._put_name(name, msgspec.structs.replace(row, serial=0))

    def _name(self, name: str) -> NameRow:
        row = tables.NAMES.get(self._txn, name.encode())
        if row is None:
            raise _MisfitError(f"the name {name} was never taken")
        return row

    def _put_name(self, name: str, row: NameRow) -> None:
        tables.NAMES.put(self._txn, name.encode(), row)

    def _artifact(self, serial: int, *, deleted: bool = False) -> Artifact:
        artifact = tables.ARTIFACTS.get(self._txn, serial_key(serial))
        if artifact is None or artifact.deleted is not deleted:
            raise _MisfitError(f"artifact {serial} is {'not deleted' if deleted else 'not there'}")
        return artifact

    def _put_artifact(self, artifact: Artifact) -> None:
        tables.ARTIFACTS.put(self._txn, serial_key(artifact.serial), artifact)

    def _version(self, artifact: int, index: int, *, deleted: bool = False) -> Version:
        version = tables.VERSIONS.get(self._txn, pair_key(artifact, index))
        if version is None or version.deleted is not deleted:
            raise _MisfitError(f"version {index} of artifact {artifact} is {'not deleted' if deleted else 'not there'}")
        return version

    def _put_version(self, version: Version) -> None:
        tables.VERSIONS.put(self._txn, pair_key(version.artifact, version.index), version)

    # Runs

    def _apply_to_run(self, op: RunOp) -> None:
        match op:
            case RunStarted():
                if tables.RUNS.get(self._txn, op.run.encode()) is not None:
                    raise _MisfitError(f"run {op.run} is there already")
                run = Run(op.run, op.fields, op.started_ns, op.user, op.host, op.pid, op.command, op.git)
                run = msgspec.structs.replace(run, directory=op.directory, dirty=op.dirty, process=op.process)
                tables.RUNS_BY_TIME.put(self._txn, run_by_time_key(run.started_ns, run.id), b"")
            case RunResumed():
                run = self._run(op.run, op.previous)
                run = msgspec.structs.replace(run, state="running", ended_ns=None, exit_code=None, process=op.process)
            case RunEdited():
                run = msgspec.structs.replace(self._run(op.run), fields=op.fields)
            case RunFinished():
                run = self._run(op.run, "running")
                run = msgspec.structs.replace(run, state=op.state, ended_ns=op.ended_ns, exit_code=op.exit_code)
            case RunUsed():
                self._run_used(op)
                return
            case RunLogged():
                self._version(op.artifact, op.index)
                self._add_edge(Edge(op.run, EdgeKind.LOGGED, op.artifact, op.index, op.how, op.logged_ns))
                return
            case _:
                assert_never(op)
        tables.RUNS.put(self._txn, run.id.encode(), run)

    def _run_used(self, op: RunUsed) -> None:
        """Add an edge, or put one with more entries in its place."""
        if tables.VERSIONS.get(self._txn, pair_key(op.artifact, op.index)) is None:  # it may be deleted
            raise _MisfitError(f"version {op.index} of artifact {op.artifact} is not there")
        if len(op.paths) > op.entries:
            raise _MisfitError(f"run {op.run} opened {op.entries} entries by its record, which names {len(op.paths)}")
        key = edge_key(op.run, EdgeKind.USED, op.artifact, op.index)
        known = tables.EDGES.get(self._txn, key)
        if known is None:
            edge = Edge(op.run, EdgeKind.USED, op.artifact, op.index, op.how, op.used_ns, op.entries, op.paths)
            self._add_edge(edge)
        elif op.entries > known.entries:
            tables.EDGES.put(self._txn, key, msgspec.structs.replace(known, entries=op.entries, paths=op.paths))
        else:
            raise _MisfitError(f"an edge of run {op.run} is recorded twice")

    def _add_edge(self, edge: Edge) -> None:
        self._run(edge.run)
        key = edge_key(edge.run, edge.kind, edge.artifact, edge.index)
        if tables.EDGES.get(self._txn, key) is not None:
            raise _MisfitError(f"an edge of run {edge.run} is recorded twice")
        tables.EDGES.put(self._txn, key, edge)
        by_version = edge_by_version_key(edge.artifact, edge.index, edge.kind, edge.run)
        tables.EDGES_BY_VERSION.put(self._txn, by_version, b"")

    def _run(self, run: str, state: str | None = None) -> Run:
        row = tables.RUNS.get(self._txn, run.encode())
        if row is None:
            raise _MisfitError(f"run {run} is not there")
        if state not in {None, row.state}:
            raise _MisfitError(f"run {run} is {row.state}")
        return row

    # Parts of versions that several processes make together

    def _apply_to_parts(self, op: PartAdded | PartsTaken) -> None:
        count = sum(1 for _row in tables.PARTS.scan(self._txn, part_key(op.name, op.group)))
        if isinstance(op, PartAdded):
            if op.number != count:
                raise _MisfitError(f"a part of {op.name} is out of turn")
            part = DistributedPart(op.group, op.name, op.number, op.tree, op.fields, op.added_ns, op.aliases, op.run)
            tables.PARTS.put(self._txn, part_key(op.name, op.group, op.number), part)
            return
        if op.count != count:
            raise _MisfitError(f"{op.name} has {count} parts, not {op.count}")
        for number in range(count):
            tables.PARTS.delete(self._txn, part_key(op.name, op.group, number))

    # Packs of a store at a URL

    def _packs_added(self, op: PacksAdded) -> None:
        for added in op.packs:
            if tables.RECORDED_PACKS.get(self._txn, added.pack) is not None:
                raise _MisfitError(f"pack {added.pack.hex()} is there already")
            row = RecordedPack(added.kind, added.size, added.count, self._seq, self._packs)
            tables.RECORDED_PACKS.put(self._txn, added.pack, row)
            self._packs += 1
