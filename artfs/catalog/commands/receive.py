"""Plan versions that come from another store: with their numbers, aliases, runs and edges.

- A version is *recognised* if the artifact of its name has it: made at the same time with the same tree, or of the same
  number with the same contents. It stays as it is here, but that a deleted one is undeleted.
- Any other becomes a new version. It keeps its number if no version here ever had that, else it gets the next one.
- An alias that names another version here stays there, unless `move_aliases`.
- A run is recognised by its id, start and process. Where another run has its id, it gets one that is computed, so that
  it is recognised the next time.
- An edge to a version that is neither received nor recognised is left out.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from artfs.catalog.commands.plan import Plan
from artfs.catalog.commands.runs import checked_run_fields
from artfs.catalog.metadata import check_text, checked_fields
from artfs.catalog.schema import EdgeKind
from artfs.errors import TypeMismatchError
from artfs.format.digest import digest
from artfs.format.operations import ArtifactCreated, ArtifactUndeleted, Origin, VersionCreated, VersionUndeleted
from artfs.format.runs import RunEdited, RunFinished, RunLogged, RunStarted, RunUsed
from artfs.names import LATEST

if TYPE_CHECKING:
    from artfs.catalog.schema import Run, Version
    from artfs.format.bundle import (
        BundledAlias,
        BundledArtifact,
        BundledEdge,
        BundledRun,
        BundledVersion,
        VersionIdentity,
    )

__all__ = ["Arrival", "Incoming", "Received", "ReceivedVersion", "receive_versions"]

_ID_CHARACTERS: Final = string.ascii_lowercase + string.digits


@dataclass(slots=True)
class Incoming:
    """What comes from another store; the trees of the versions are stored already.

    Attributes:
        store: The id of that store (16 bytes).
        artifacts: The artifacts of the versions, by name.
        versions: The versions, each once.
        aliases: Aliases of them.
        runs: Runs that used or logged them.
        edges: What these runs used and logged.
        move_aliases: Move aliases that name another version here.
    """

    store: bytes
    artifacts: dict[str, BundledArtifact] = field(default_factory=dict)
    versions: list[BundledVersion] = field(default_factory=list)
    aliases: list[BundledAlias] = field(default_factory=list)
    runs: list[BundledRun] = field(default_factory=list)
    edges: list[BundledEdge] = field(default_factory=list)
    move_aliases: bool = False


class Arrival(StrEnum):
    """What became of a version that came."""

    NEW = "new"
    PRESENT = "present"
    UNDELETED = "undeleted"


@dataclass(frozen=True, slots=True)
class ReceivedVersion:
    """A version that came.

    Attributes:
        version: As it came.
        index: N of vN here.
        arrival: What became of it.
    """

    version: BundledVersion
    index: int
    arrival: Arrival


@dataclass(slots=True)
class Received:
    """The outcome.

    Attributes:
        versions: Each version, by artifact and number.
        aliases: Aliases that were set.
        kept_aliases: Aliases that stay on another version.
        runs: How many runs are new.
        renamed_runs: Ids of runs whose own id another run has, by that.
        edges: How many edges are new.
        edges_left_out: How many lead to versions that are not here.
        changed: Anything changed.
    """

    versions: list[ReceivedVersion] = field(default_factory=list)
    aliases: list[BundledAlias] = field(default_factory=list)
    kept_aliases: list[BundledAlias] = field(default_factory=list)
    runs: int = 0
    renamed_runs: dict[str, str] = field(default_factory=dict)
    edges: int = 0
    edges_left_out: int = 0
    changed: bool = False


def receive_versions(plan: Plan, incoming: Incoming) -> Received:
    """Plan the versions, aliases, runs and edges that come from another store.

    Raises:
        InvalidInputError: A value is not allowed.
        TypeMismatchError: An artifact of the same name has another type here.
        ConflictError: A name is that of a project here, or its project that of an artifact.
    """
    received = Received()
    runs = _Runs(plan, incoming.store, received)
    for run in {run.id: run for run in incoming.runs}.values():
        runs.receive(run)
    artifacts = _Artifacts(plan, incoming, runs, received)
    for version in sorted(incoming.versions, key=lambda version: (version.artifact, version.index)):
        artifacts.receive(version)
    artifacts.set_aliases()
    for edge in {(edge.run, edge.used, edge.version): edge for edge in incoming.edges}.values():
        artifacts.receive_edge(edge)
    received.changed = bool(plan.ops)
    return received


class _Target:
    """An artifact as it is here, and as the plan makes it.

    Args:
        serial: Its serial; 0 if it is deleted, or not made yet.
        next_index: The next number of its name.
        versions: Its versions, deleted ones too.
        gaps: Numbers below that none of them ever had.
    """

    def __init__(
        self, serial: int = 0, next_index: int = 0, versions: Sequence[Version] = (), gaps: Sequence[range] = ()
    ) -> None:
        kept = [version for version in versions if not version.removed]
        self.serial = serial
        self._next_index = next_index
        self._gaps = gaps
        self.live = {version.index for version in kept if not version.deleted}
        self._by_identity = {(version.created_ns, version.tree.root): version for version in kept}
        self._by_index = {version.index: version for version in kept}
        self._arrived: dict[VersionIdentity, int] = {}

    def recognise(self, version: BundledVersion) -> Version | None:
        """Return the version here that one of another store is."""
        found = self._by_identity.get((version.created_ns, version.tree.root))
        if found is None:
            same = self._by_index.get(version.index)
            found = same if same is not None and same.tree.digest == version.tree.digest else None
        return found

    def take_index(self, wanted: int) -> int:
        """Return the number of a new version."""
        if any(wanted in gap for gap in self._gaps):
            return wanted
        index = max(wanted, self._next_index)
        self._next_index = index + 1
        return index

    def note(self, identity: VersionIdentity, index: int) -> None:
        """Note that a version that came is version `index` here."""
        self._arrived[identity] = index
        self.live.add(index)

    def index_of(self, identity: VersionIdentity) -> int | None:
        """Return the number that a version has here after the plan; None if it is not here."""
        index = self._arrived.get(identity)
        if index is None:
            found = self._by_identity.get((identity.created_ns, identity.root))
            index = None if found is None or found.index not in self.live else found.index
        return index


class _Runs:
    """The runs that come."""

    def __init__(self, plan: Plan, store: bytes, received: Received) -> None:
        self._plan = plan
        self._store = store
        self._received = received
        self._ids: dict[str, str] = {}

    def id_of(self, run: str | None) -> str | None:
        """Return the id that a run that came has here; None if none came."""
        return None if run is None else self._ids.get(run)

    def receive(self, run: BundledRun) -> None:
        here, run_id = self._plan.view.run(run.id), run.id
        if here is not None and not _is_same(here, run):
            run_id = self._received.renamed_runs[run.id] = _computed_id(run, self._store)
            here = self._plan.view.run(run_id)
        self._ids[run.id] = run_id
        fields = checked_run_fields(run.fields)
        goes_on = here is None or (here.state == "running" and here.process is None)
        if here is None:
            for text in (run.user, run.host, run.directory, run.git or "", *run.command):
                check_text(text, "run's user, host, commit, directory or command line")
            about = run.user, run.host, run.pid, run.command, run.git, run.directory, run.dirty
            self._plan.ops.append(RunStarted(run_id, fields, run.started_ns, *about))
            self._received.runs += 1
        elif goes_on and fields != here.fields:
            self._plan.ops.append(RunEdited(run_id, fields, here.fields))
        if goes_on and run.state is not None and run.ended_ns is not None:
            self._plan.ops.append(RunFinished(run_id, run.state, run.ended_ns, run.exit_code))


class _Artifacts:
    """The versions that come, and what refers to them."""

    def __init__(self, plan: Plan, incoming: Incoming, runs: _Runs, received: Received) -> None:
        self._plan = plan
        self._view = plan.view
        self._incoming = incoming
        self._runs = runs
        self._received = received
        self._targets: dict[str, _Target] = {}
        self._edges: set[tuple[str, EdgeKind, int, int]] = set()

    def _target(self, name: str) -> _Target:
        if name not in self._targets:
            self._targets[name] = self._look_up(name)
        return self._targets[name]

    def _look_up(self, name: str) -> _Target:
        row = self._view.name_row(name)
        owner = None if row is None else self._view.artifact(row.owner)
        if row is None or owner is None or owner.name != name:  # it may have another name since
            return _Target(0, 0 if row is None else row.next_index)
        came = self._incoming.artifacts.get(name)
        if came is not None and came.type != owner.type:
            if owner.deleted:
                return _Target(0, row.next_index)
            raise TypeMismatchError(
                f"artifact {name} has type {owner.type} here and {came.type} in what is imported: "
                f"`artfs rename {name} NEW` gives the one here another name"
            )
        versions = list(self._view.versions(owner.serial, deleted=True))
        return _Target(row.serial, row.next_index, versions, self._view.gaps(owner.serial))

    def receive(self, version: BundledVersion) -> None:
        target = self._target(version.artifact)
        here = target.recognise(version)
        if here is None:
            index, arrival = self._create(version, target), Arrival.NEW
        elif here.index in target.live:
            index, arrival = here.index, Arrival.PRESENT
        else:
            self._require(version.artifact, target)
            self._plan.ops.append(VersionUndeleted(here.artifact, here.index))
            index, arrival = here.index, Arrival.UNDELETED
        target.note(version.identity, index)
        self._received.versions.append(ReceivedVersion(version, index, arrival))

    def _require(self, name: str, target: _Target) -> None:
        """Make the artifact, or undelete it."""
        if target.serial:
            return
        self._plan.take_name(name)
        came = self._incoming.artifacts[name]
        row = self._view.name_row(name)
        owner = None if row is None else self._view.artifact(row.owner)
        if owner is not None and owner.deleted and (owner.name, owner.type) == (name, came.type):
            target.serial = owner.serial
            self._plan.ops.append(ArtifactUndeleted(owner.serial, name))
        else:
            target.serial = self._plan.new_serial()
            description = check_text(came.description, "description")
            self._plan.ops.append(ArtifactCreated(target.serial, name, came.type, came.created_ns, description))

    def _create(self, version: BundledVersion, target: _Target) -> int:
        self._require(version.artifact, target)
        index = target.take_index(version.index)
        came = version.fields
        fields = checked_fields(came.description, came.metadata, came.tags, came.ttl_ns)
        logged_by = self._runs.id_of(version.logged_by)
        origin = version.origin or Origin(self._incoming.store, version.artifact, version.index)
        about = logged_by, version.source, version.how, origin
        made = self._plan.new_serial(), target.serial, index, version.tree, version.created_ns, fields
        self._plan.ops.append(VersionCreated(*made, *about))
        if logged_by is not None:
            self._edges.add((logged_by, EdgeKind.LOGGED, target.serial, index))
            self._received.edges += 1
        return index

    def set_aliases(self) -> None:
        """Set the aliases that came, and `latest` of each artifact to its highest version."""
        indexes = {(one.version.artifact, one.version.index): one.index for one in self._received.versions}
        for alias in {(alias.artifact, alias.alias): alias for alias in self._incoming.aliases}.values():
            index = indexes.get((alias.artifact, alias.index))
            if index is not None and alias.alias != LATEST:
                self._set_alias(alias, self._target(alias.artifact).serial, index)
        for target in self._targets.values():
            if target.serial and target.live:
                self._plan.set_alias(target.serial, LATEST, max(target.live))

    def _set_alias(self, alias: BundledAlias, artifact: int, index: int) -> None:
        row = self._view.alias(artifact, alias.alias)
        if row is None or (row.index != index and self._incoming.move_aliases):
            self._plan.set_alias(artifact, alias.alias, index)
            self._received.aliases.append(alias)
        elif row.index != index:
            self._received.kept_aliases.append(alias)

    def receive_edge(self, edge: BundledEdge) -> None:
        run = self._runs.id_of(edge.run)
        target = self._target(edge.version.artifact)
        index = target.index_of(edge.version)
        if run is None or index is None:
            self._received.edges_left_out += 1
            return
        artifact, kind = target.serial, EdgeKind.USED if edge.used else EdgeKind.LOGGED
        if (run, kind, artifact, index) in self._edges:
            return
        self._edges.add((run, kind, artifact, index))
        version = self._view.version(artifact, index, deleted=True)
        known = None if version is None else self._view.edge(run, kind, version)
        if edge.used and (known is None or edge.entries > known.entries):
            self._plan.ops.append(RunUsed(run, artifact, index, edge.how, edge.time_ns, edge.entries, edge.paths))
        elif not edge.used and known is None:
            self._plan.ops.append(RunLogged(run, artifact, index, edge.how, edge.time_ns))
        self._received.edges += known is None


def _is_same(here: Run, run: BundledRun) -> bool:
    return (here.started_ns, here.host, here.user, here.pid) == (run.started_ns, run.host, run.user, run.pid)


def _computed_id(run: BundledRun, store: bytes) -> str:
    """Return another id for a run, the same each time that it comes."""
    seed = b"\0".join((store, run.id.encode(), str(run.started_ns).encode()))
    number, made = int.from_bytes(digest(seed), "little"), ""
    for _place in range(8):
        number, rest = divmod(number, len(_ID_CHARACTERS))
        made += _ID_CHARACTERS[rest]
    return made
