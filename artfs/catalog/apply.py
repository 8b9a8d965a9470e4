"""What each operation does to the tables: the one function used for a live change, at replay and at rebuild.

It is deterministic: tables depend on the journal alone. It trusts a record no more than it has to: an operation that
does not fit the tables as they stand (a serial out of turn, a version of nothing) is refused, whoever wrote it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

import msgspec

from artfs.catalog import tables
from artfs.catalog.parts import apply_part
from artfs.catalog.runs import MisfitError, add_edge, apply_run
from artfs.catalog.schema import (
    ROOT_SERIAL,
    STATE_KEY,
    AliasRow,
    Artifact,
    Edge,
    EdgeKind,
    NameRow,
    SerialKind,
    SerialRow,
    Version,
    alias_key,
    pair_key,
    serial_key,
)
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
    VersionRemoved,
    VersionUndeleted,
)
from artfs.format.runs import RunLogged, RunOp, RunUsed

if TYPE_CHECKING:
    from artfs.catalog.journal import Position
    from artfs.catalog.schema import State
    from artfs.catalog.tables import Txn

__all__ = ["apply"]


def apply(txn: Txn, state: State, entry: Entry, position: Position) -> State:
    """Apply one journal record.

    Args:
        txn: A write transaction.
        state: As it stands.
        entry: What the record says.
        position: Where the journal ends with this record.

    Returns:
        The state afterwards, which is also in the tables.

    Raises:
        IntegrityError: The record does not fit the tables.
    """
    applier = _Applier(txn, state.next_serial)
    try:
        for op in entry.ops:
            applier.apply(op)
    except MisfitError as error:
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
    def __init__(self, txn: Txn, next_serial: int) -> None:
        self._txn = txn
        self.next_serial = next_serial

    def apply(self, op: Op) -> None:
        if isinstance(op, RunUsed | RunLogged):
            self._version(op.artifact, op.index)
        if isinstance(op, RunOp):
            apply_run(self._txn, op)
        elif isinstance(op, PartAdded | PartsTaken):
            apply_part(self._txn, op)
        else:
            self._apply(op)

    def _apply(self, op: CatalogOp) -> None:
        match op:
            case ArtifactCreated():
                self._artifact_created(op)
            case ArtifactEdited():
                artifact = self._artifact(op.artifact)
                self._put_artifact(msgspec.structs.replace(artifact, description=op.description))
            case ArtifactRenamed():
                self._release(op.previous, op.artifact)
                self._check_used_by_no_other(op.name, op.artifact)
                self._take(op.name, op.artifact, self._name(op.previous).next_index)
                self._put_artifact(msgspec.structs.replace(self._artifact(op.artifact), name=op.name))
            case ArtifactDeleted():
                self._release(op.name, op.artifact)
                self._put_artifact(msgspec.structs.replace(self._artifact(op.artifact), deleted=True))
                tables.MEMBERS.delete(self._txn, pair_key(ROOT_SERIAL, op.artifact))
            case ArtifactUndeleted():
                self._check_used_by_no_other(op.name, op.artifact)
                self._take(op.name, op.artifact, 0)
                self._put_artifact(msgspec.structs.replace(self._artifact(op.artifact, deleted=True), deleted=False))
                self._list(ROOT_SERIAL, op.artifact)
            case VersionCreated():
                self._version_created(op)
            case VersionEdited():
                version = self._version(op.artifact, op.index)
                self._put_version(msgspec.structs.replace(version, fields=op.fields))
            case VersionDeleted() | VersionUndeleted() | VersionRemoved():
                self._version_gone_or_back(op)
            case AliasSet():
                self._alias_set(op)
            case AliasRemoved():
                self._alias_removed(op)
            case _:
                assert_never(op)

    def _artifact_created(self, op: ArtifactCreated) -> None:
        self._bear(op.serial, SerialRow(SerialKind.ARTIFACT, op.serial))
        self._take(op.name, op.serial, 0)
        self._put_artifact(Artifact(op.serial, op.name, op.type, op.created_ns, op.description))
        self._list(ROOT_SERIAL, op.serial)

    def _version_created(self, op: VersionCreated) -> None:
        name = self._artifact(op.artifact).name
        row = self._name(name)
        if row.next_index != op.index:
            raise MisfitError(f"{name}:v{op.index} is out of turn")
        self._bear(op.serial, SerialRow(SerialKind.VERSION, op.artifact, op.index))
        self._put_name(name, msgspec.structs.replace(row, next_index=op.index + 1))
        self._put_version(
            Version(
                op.serial,
                op.artifact,
                op.index,
                op.tree,
                op.created_ns,
                op.fields,
                op.logged_by,
                op.source,
            )
        )
        self._list(op.artifact, op.serial)
        if op.logged_by is not None:
            edge = Edge(op.logged_by, EdgeKind.LOGGED, op.artifact, op.index, op.how, op.created_ns)
            add_edge(self._txn, edge)

    def _version_gone_or_back(self, op: VersionDeleted | VersionUndeleted | VersionRemoved) -> None:
        if isinstance(op, VersionDeleted):
            version = self._version(op.artifact, op.index)
            self._put_version(msgspec.structs.replace(version, deleted=True))
            tables.MEMBERS.delete(self._txn, pair_key(op.artifact, version.serial))
            return
        version = self._version(op.artifact, op.index, deleted=True)
        if version.removed:
            raise MisfitError(f"version {op.index} of artifact {op.artifact} was removed")
        if isinstance(op, VersionRemoved):
            self._put_version(msgspec.structs.replace(version, removed=True))
        else:
            self._put_version(msgspec.structs.replace(version, deleted=False))
            self._list(op.artifact, version.serial)

    def _alias_set(self, op: AliasSet) -> None:
        self._version(op.artifact, op.index)
        key = alias_key(op.artifact, op.name)
        row = tables.ALIASES.get(self._txn, key)
        if (None if row is None else row.index) != op.previous or (row is not None and row.serial != op.serial):
            raise MisfitError(f"alias {op.name} is not what it was")
        if row is None:
            self._bear(op.serial, SerialRow(SerialKind.ALIAS, op.artifact, alias=op.name))
            self._list(op.artifact, op.serial)
        tables.ALIASES.put(self._txn, key, AliasRow(op.serial, op.artifact, op.name, op.index))

    def _alias_removed(self, op: AliasRemoved) -> None:
        key = alias_key(op.artifact, op.name)
        row = tables.ALIASES.get(self._txn, key)
        if row is None or row.index != op.previous or row.serial != op.serial:
            raise MisfitError(f"alias {op.name} is not what it was")
        tables.ALIASES.delete(self._txn, key)
        tables.SERIALS.delete(self._txn, serial_key(op.serial))
        tables.MEMBERS.delete(self._txn, pair_key(op.artifact, op.serial))

    def _bear(self, serial: int, row: SerialRow) -> None:
        """Give out the next serial."""
        if serial != self.next_serial:
            raise MisfitError(f"serial {serial} is out of turn")
        tables.SERIALS.put(self._txn, serial_key(serial), row)
        self.next_serial += 1

    def _list(self, parent: int, serial: int) -> None:
        tables.MEMBERS.put(self._txn, pair_key(parent, serial), b"")

    def _check_used_by_no_other(self, name: str, artifact: int) -> None:
        """An artifact brings versions along: their indexes must never have been another's under the name."""
        row = tables.NAMES.get(self._txn, name.encode())
        if row is not None and row.owner != artifact:
            raise MisfitError(f"the name {name} was another's")

    def _take(self, name: str, artifact: int, next_index: int) -> None:
        """Let an artifact bear a free name, under which no index is used again."""
        row = tables.NAMES.get(self._txn, name.encode()) or NameRow(0, 0, 0)
        if row.serial:
            raise MisfitError(f"the name {name} is taken")
        self._put_name(name, NameRow(artifact, max(row.next_index, next_index), artifact))

    def _release(self, name: str, artifact: int) -> None:
        row = self._name(name)
        if row.serial != artifact:
            raise MisfitError(f"the name {name} is another's")
        self._put_name(name, msgspec.structs.replace(row, serial=0))

    def _name(self, name: str) -> NameRow:
        row = tables.NAMES.get(self._txn, name.encode())
        if row is None:
            raise MisfitError(f"the name {name} was never taken")
        return row

    def _put_name(self, name: str, row: NameRow) -> None:
        tables.NAMES.put(self._txn, name.encode(), row)

    def _artifact(self, serial: int, *, deleted: bool = False) -> Artifact:
        artifact = tables.ARTIFACTS.get(self._txn, serial_key(serial))
        if artifact is None or artifact.deleted is not deleted:
            raise MisfitError(f"artifact {serial} is {'not deleted' if deleted else 'not there'}")
        return artifact

    def _put_artifact(self, artifact: Artifact) -> None:
        tables.ARTIFACTS.put(self._txn, serial_key(artifact.serial), artifact)

    def _version(self, artifact: int, index: int, *, deleted: bool = False) -> Version:
        version = tables.VERSIONS.get(self._txn, pair_key(artifact, index))
        if version is None or version.deleted is not deleted:
            raise MisfitError(f"version {index} of artifact {artifact} is {'not deleted' if deleted else 'not there'}")
        return version

    def _put_version(self, version: Version) -> None:
        tables.VERSIONS.put(self._txn, pair_key(version.artifact, version.index), version)
