"""View: reads the catalog and the index in one transaction."""

from __future__ import annotations

import os
from itertools import islice
from typing import TYPE_CHECKING, Final, Self, TypeVar

from artfs.catalog import tables
from artfs.catalog.index import INDEX_ERRORS, damaged_index
from artfs.catalog.not_found import (
    missing_alias,
    missing_artifact,
    missing_version,
    no_versions,
    unnamed_artifact,
)
from artfs.catalog.schema import (
    STATE_KEY,
    AliasRow,
    Artifact,
    Deletion,
    DistributedPart,
    Edge,
    EdgeKind,
    IndexState,
    Link,
    NameRow,
    PackRow,
    RecordedPack,
    Run,
    SerialKind,
    Version,
    alias_key,
    condemned_key,
    edge_key,
    link_by_source_key,
    pair_key,
    part_key,
    serial_key,
)
from artfs.errors import IntegrityError, NotFoundError
from artfs.format.pack import RecordKind
from artfs.kv.errors import LmdbError
from artfs.names import (
    LATEST,
    ArtifactName,
    ArtifactPattern,
    VersionRange,
    VersionRef,
    parse_ref,
    parse_run_id,
    project_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from artfs.format.operations import Origin
    from artfs.format.pack import Location
    from artfs.kv.checked_rows import Table, Txn
    from artfs.names import EntryPath, PathRef

__all__ = ["View"]

R = TypeVar("R")
_NAMES_COMPARED: Final = 1_000


class View:
    """Reads the tables; a context manager that ends its transaction.

    Every method raises IntegrityError where it meets a damaged row.

    Args:
        txn: The transaction to read them in.
    """

    __slots__ = ("_txn",)

    def __init__(self, txn: Txn) -> None:
        self._txn = txn

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        self._txn.abort()
        if isinstance(error, LmdbError):
            raise INDEX_ERRORS.artfs_error(error, "reading the index") from error

    # Artifacts, versions, aliases

    def state(self) -> IndexState:
        """The place up to which the journal is applied.

        Raises:
            IntegrityError: The index was never finished.
        """
        state = tables.META.get(self._txn, STATE_KEY)
        if state is None:
            raise damaged_index("it was never finished")
        return state

    def name_row(self, name: str) -> NameRow | None:
        """The row of an artifact name; None if the name was never used."""
        return tables.NAMES.get(self._txn, name.encode())

    def artifact_by_name(self, name: str) -> Artifact | None:
        """The artifact that has the name."""
        row = self.name_row(name)
        return None if row is None or not row.serial else self.artifact(row.serial)

    def names_in(self, project: str) -> Iterator[tuple[str, NameRow]]:
        """The names in a project with their rows, those of deleted artifacts too."""
        for key, row in tables.NAMES.scan(self._txn, f"{project}/".encode()):
            yield key.decode(), row

    def is_project(self, name: str) -> bool:
        """True if an artifact that is not deleted is in a project of that name."""
        return any(row.serial for _name, row in self.names_in(name))

    def project_serial(self, project: str) -> int | None:
        """The serial of a project's first artifact, deleted or not; None if no artifact is in it.

        A project keeps it as long as that artifact is not renamed.
        """
        rows = list(self.names_in(project))
        if not any(row.serial for _name, row in rows):
            return None
        owners = ((name, self.artifact(row.owner)) for name, row in rows)
        return min(owner.serial for name, owner in owners if owner is not None and owner.name == name)

    def projects(self) -> list[str]:
        """The projects that artifacts are in, by name."""
        named = (project_of(key.decode()) for key, row in tables.NAMES.scan(self._txn) if row.serial)
        return list(dict.fromkeys(project for project in named if project is not None))

    def locate(self, named: PathRef) -> tuple[VersionRef, EntryPath]:
        """The reference and the path that `REF/PATH` is: the first part may be a project, or an entity before one.

        Raises:
            InvalidInputError: The part behind a project is no reference.
        """
        ref, path = named.ref, named.path
        if named.first_is_bare and path and self.is_project(ref.name):
            return self._in_project(ref.name, path)
        if named.project is not None:
            ref = VersionRef(ArtifactName(f"{named.project}/{ref.name}"), ref.selector)
        is_entity = named.first_is_bare and len(path) > 1 and self.artifact_by_name(ref.name) is None
        if is_entity and self.is_project(project := os.fsdecode(path[0])):
            return self._in_project(project, path[1:])
        return ref, path

    def _in_project(self, project: str, path: EntryPath) -> tuple[VersionRef, EntryPath]:
        return parse_ref(os.fsdecode(path[0]), project), path[1:]

    def artifact(self, serial: int) -> Artifact | None:
        """The artifact of that serial, deleted or not."""
        return tables.ARTIFACTS.get(self._txn, serial_key(serial))

    def artifacts(self) -> Iterator[Artifact]:
        """The artifacts that are not deleted, by name."""
        for _name, row in tables.NAMES.scan(self._txn):
            if row.serial:
                artifact = self.artifact(row.serial)
                if artifact is None:
                    raise damaged_index(f"artifact {row.serial} is missing")
                yield artifact

    def version(self, artifact: int, index: int, *, deleted: bool = False) -> Version | None:
        """The version of an artifact (by its serial); one that is deleted only if `deleted`."""
        version = tables.VERSIONS.get(self._txn, pair_key(artifact, index))
        return None if version is None or (version.deleted and not deleted) else version

    def versions(self, artifact: int, *, newest_first: bool = False, deleted: bool = False) -> Iterator[Version]:
        """An artifact's versions; those that are deleted only if `deleted`."""
        prefix = serial_key(artifact)
        scan = tables.VERSIONS.scan_back if newest_first else tables.VERSIONS.scan
        rows = scan(self._txn, prefix)
        for _key, version in rows:
            if deleted or not version.deleted:
                yield version

    def versions_before(self, artifact: int, index: int) -> Iterator[Version]:
        """An artifact's versions with lower indexes, the newest first; deleted ones too."""
        rows = tables.VERSIONS.scan_back(self._txn, serial_key(artifact), pair_key(artifact, index))
        return (version for _key, version in rows)

    def all_versions(self) -> Iterator[Version]:
        """The versions of all artifacts, deleted and removed ones too."""
        return (version for _key, version in tables.VERSIONS.scan(self._txn))

    def latest(self, artifact: int) -> Version | None:
        """The version that `latest` names; None when all are deleted."""
        alias = self.alias(artifact, LATEST)
        return None if alias is None else self.version(artifact, alias.index)

    def alias(self, artifact: int, alias: str) -> AliasRow | None:
        """An alias of an artifact."""
        return tables.ALIASES.get(self._txn, alias_key(artifact, alias))

    def aliases(self, artifact: int) -> list[AliasRow]:
        """All aliases of an artifact, by name, `latest` among them."""
        return [row for _key, row in tables.ALIASES.scan(self._txn, serial_key(artifact))]

    def aliases_of(self, version: Version) -> list[str]:
        """The aliases that name a version, by name, `latest` among them."""
        return [row.name for row in self.aliases(version.artifact) if row.index == version.index]

    def resolve(self, ref: VersionRef) -> Version:
        """The version that a reference names.

        Raises:
            NotFoundError: There is none; the message says what to do.
        """
        serial = self.resolve_artifact(ref.name).serial
        index = ref.selector
        if not isinstance(index, int):
            alias = self.alias(serial, index)
            if alias is None and index == LATEST:
                raise no_versions(ref.name, self._newest_deleted(serial))
            if alias is None:
                raise self.missing_alias(ref.name, serial, index)
            index = alias.index
        version = self.version(serial, index, deleted=True)
        if version is None or version.deleted:
            raise missing_version(ref, version, self.latest(serial))
        return version

    def resolve_known(self, ref: VersionRef) -> Version:
        """The version that a reference names, deleted or not: lineage outlives contents.

        A bare name without a version that is not deleted is the newest deleted one.

        Raises:
            NotFoundError: There never was one; the message says what to do.
        """
        artifact = self.known_artifact(ref.name)
        if artifact is not None and isinstance(ref.selector, int):
            found = self.version(artifact.serial, ref.selector, deleted=True)
        elif artifact is not None and ref.selector == LATEST:
            found = self.latest(artifact.serial) or self._newest_deleted(artifact.serial)
        else:
            found = None
        return found or self.resolve(ref)

    def known_artifact(self, name: str) -> Artifact | None:
        """The artifact that has a name, or was deleted under it and is known by it."""
        row = self.name_row(name)
        artifact = None if row is None else self.artifact(row.serial or row.owner)
        return artifact if artifact is not None and artifact.name == name else None

    def resolve_artifact(self, name: str) -> Artifact:
        """The artifact that a user named.

        Raises:
            NotFoundError: There is none; the message says what to do.
        """
        row = self.name_row(name)
        artifact = None if row is None else self.artifact(row.serial or row.owner)
        if row is None or artifact is None:
            raise self.missing_artifact(name)
        if not row.serial:
            raise unnamed_artifact(name, artifact, self._newest_deleted(artifact.serial, removed=False))
        return artifact

    def missing_artifact(self, name: str) -> NotFoundError:
        """Make the error for a name that no artifact ever had; it says what to do."""
        project = project_of(name)
        if project is not None and self.artifact_by_name(project) is not None:
            return NotFoundError(f"artifact {name} does not exist: {project} is an artifact, and not a project")
        return missing_artifact(name, self._names_like(name), self._elsewhere(name))

    def _elsewhere(self, name: str) -> list[str]:
        """The names by which artifacts of the same last part are in other projects, or in none; the first few."""
        last = name.rpartition("/")[2]
        found = (artifact.name for artifact in islice(self.artifacts(), _NAMES_COMPARED))
        return [other for other in found if other != name and other.rpartition("/")[2] == last]

    def missing_alias(self, name: str, artifact: int, alias: str) -> NotFoundError:
        """Make the error for an alias that an artifact does not have; it says what to do."""
        return missing_alias(name, alias, [row.name for row in self.aliases(artifact)])

    def _names_like(self, name: str) -> Iterator[str]:
        """Some of the artifacts' names that have the same first letter."""
        for first in {name[:1].lower(), name[:1].upper()}:
            for key, row in islice(tables.NAMES.scan(self._txn, first.encode()), _NAMES_COMPARED):
                if row.serial:
                    yield key.decode()

    def _newest_deleted(self, artifact: int, *, removed: bool = True) -> Version | None:
        """The newest deleted version of an artifact; None if there is none, or (not `removed`) no contents of any."""
        versions = self.versions(artifact, newest_first=True, deleted=True)
        return next(
            (version for version in versions if version.deleted and not (version.removed and not removed)), None
        )

    def resolve_all(self, refs: Iterable[VersionRef | VersionRange | ArtifactPattern]) -> list[Version]:
        """The versions that references, ranges and patterns of artifacts name, each once; those that are there.

        Raises:
            NotFoundError: There is none of a reference, none in a range, no such artifact, or it has none.
        """
        found: dict[int, Version] = {}
        for ref in refs:
            if isinstance(ref, ArtifactPattern):
                some = self._in_artifacts(ref)
            else:
                some = self._in_range(ref) if isinstance(ref, VersionRange) else [self.resolve(ref)]
            found |= {version.serial: version for version in some}
        return list(found.values())

    def _in_artifacts(self, pattern: ArtifactPattern) -> list[Version]:
        names = pattern.choose(artifact.name for artifact in self.artifacts())
        artifacts = [self.resolve_artifact(name) for name in names]
        found = [version for artifact in artifacts for version in self.versions(artifact.serial)]
        if not found:
            raise no_versions(names[0], self._newest_deleted(artifacts[0].serial))
        return found

    def _in_range(self, versions: VersionRange) -> list[Version]:
        artifact = self.resolve_artifact(versions.name)
        found = [one for one in self.versions(artifact.serial) if versions.first <= one.index <= versions.last]
        if not found:
            name = versions.name
            raise NotFoundError(f"there is no version in {versions}: `artfs log {name}` shows the versions of {name}")
        return found

    def undeletable(self, artifact: int) -> list[Version]:
        """The deleted versions of an artifact that can be brought back, the newest first."""
        found = self.versions(artifact, newest_first=True, deleted=True)
        return [version for version in found if version.deleted and not version.removed]

    def ref(self, version: Version) -> VersionRef:
        """The reference of a version, as it is now."""
        artifact = self.artifact(version.artifact)
        if artifact is None:
            raise damaged_index(f"artifact {version.artifact} is missing")
        return VersionRef(ArtifactName(artifact.name), version.index)

    def origin(self, version: Version) -> Origin | None:
        """What an imported version is in the store where it was made; None if it was made here."""
        return tables.ORIGINS.get(self._txn, pair_key(version.artifact, version.index))

    def deletion(self, version: Version) -> Deletion | None:
        """The deletion of a version that gc has not removed; None if an earlier artfs deleted it, or nobody."""
        return tables.DELETIONS.get(self._txn, pair_key(version.artifact, version.index))

    def link(self, version: Version) -> Link | None:
        """What a version is a link to; None if it is none."""
        return tables.LINKS.get(self._txn, pair_key(version.artifact, version.index))

    def source(self, version: Version) -> Version:
        """The version whose lineage a version has: of a link that which it is a link to, perhaps deleted; or itself."""
        link = self.link(version)
        if link is None:
            return version
        source = self.version(link.artifact, link.index, deleted=True)
        if source is None:
            raise damaged_index(f"what version {version.index} of artifact {version.artifact} is a link to is missing")
        return source

    def links(self, version: Version) -> list[Version]:
        """The links that are not deleted to a version, or to that which it is a link to itself."""
        source = self.source(version)
        prefix = link_by_source_key(Link(source.artifact, source.index))[:16]
        keys = [key[16:] for key, _nothing in tables.LINKS_BY_SOURCE.scan(self._txn, prefix)]
        found = [self.version(int.from_bytes(key[:8], "big"), int.from_bytes(key[8:], "big")) for key in keys]
        return [link for link in found if link is not None]

    def gaps(self, artifact: int) -> list[range]:
        """The version indexes that imports have passed over, and that no version of the artifact ever had."""
        rows = tables.GAPS.scan(self._txn, serial_key(artifact))
        return [range(int.from_bytes(key[8:], "big"), end) for key, end in rows]

    def by_serial(self, serial: int) -> Artifact | Version | AliasRow | None:
        """The artifact, version or alias that has a serial; deleted ones too."""
        row = tables.SERIALS.get(self._txn, serial_key(serial))
        if row is None:
            return None
        if row.kind == SerialKind.VERSION:
            return self.version(row.artifact, row.index, deleted=True)
        if row.kind == SerialKind.ARTIFACT:
            return self.artifact(row.artifact)
        return self.alias(row.artifact, row.alias)

    def children(self, parent: int, after_serial: int = 0) -> Iterator[Artifact | Version | AliasRow]:
        """Yield all artifacts (`parent` 0), or an artifact's versions and aliases, by serial.

        Args:
            parent: A serial, or 0.
            after_serial: Yield children with higher serials only.
        """
        start = pair_key(parent, after_serial + 1)
        for key, _nothing in tables.CHILDREN.scan(self._txn, start[:8], start):
            child = self.by_serial(int.from_bytes(key[8:], "big"))
            if child is None:
                raise damaged_index(f"what has serial {int.from_bytes(key[8:], 'big')} is missing")
            yield child

    # Runs

    def run(self, run: str) -> Run | None:
        """The run of that id."""
        return tables.RUNS.get(self._txn, run.encode())

    def resolve_run(self, run: str) -> Run:
        """The run of that id, which a user gave.

        Raises:
            InvalidInputError: The id is not allowed.
            NotFoundError: There is none.
        """
        found = self.run(parse_run_id(run))
        if found is None:
            raise NotFoundError(f"run {run} does not exist: `artfs runs` shows which do")
        return found

    def runs(self, *, newest_first: bool = False) -> Iterator[Run]:
        """All runs, in the order of their start."""
        rows = tables.RUNS_BY_TIME.scan_back(self._txn, b"") if newest_first else tables.RUNS_BY_TIME.scan(self._txn)
        for key, _nothing in rows:
            run = tables.RUNS.get(self._txn, key[8:])
            if run is None:
                raise damaged_index(f"run {key[8:].decode('utf-8', 'replace')} is missing")
            yield run

    def edge(self, run: str, kind: EdgeKind, version: Version) -> Edge | None:
        """The edge between a run and a version, of a link its source; None if there is none."""
        version = self.source(version)
        return tables.EDGES.get(self._txn, edge_key(run, kind, version.artifact, version.index))

    def edges_of_run(self, run: str, kind: EdgeKind) -> list[Edge]:
        """The versions that a run used or logged, in the order of time."""
        rows = tables.EDGES.scan(self._txn, run.encode() + bytes([kind]))
        return sorted((edge for _key, edge in rows), key=_time)

    def edges_of_version(self, version: Version, kind: EdgeKind) -> list[Edge]:
        """The runs that used or logged a version, of a link its source, in the order of time."""
        version = self.source(version)
        prefix = pair_key(version.artifact, version.index) + bytes([kind])
        edges = []
        for key, _nothing in tables.EDGES_BY_VERSION.scan(self._txn, prefix):
            edge = self.edge(key[17:].decode("ascii", "replace"), kind, version)
            if edge is None:
                raise damaged_index(f"an edge of run {key[17:].hex()} is missing")
            edges.append(edge)
        return sorted(edges, key=_time)

    def parts(self, name: str, group: str) -> list[DistributedPart]:
        """The parts that processes have added to a version that they make together."""
        return [part for _key, part in tables.PARTS.scan(self._txn, part_key(name, group))]

    def all_parts(self) -> Iterator[DistributedPart]:
        """The parts of all versions that are not finished."""
        return (part for _key, part in tables.PARTS.scan(self._txn))

    # Contents

    def find_node(self, node: bytes) -> bytes | None:
        """A node's bytes, verified; None if it is not in the index."""
        return tables.NODES.get(self._txn, node)

    def node(self, node: bytes) -> bytes:
        """A node's bytes, verified.

        Raises:
            IntegrityError: It is missing or damaged.
        """
        data = tables.NODES.get(self._txn, node)
        if data is None:
            raise IntegrityError(f"node {node.hex()} is not in the index: run `artfs fsck`")
        return data

    def find_location(self, chunk: bytes) -> Location | None:
        """The location of a chunk; None if it is not in the index."""
        return tables.CHUNKS.get(self._txn, chunk)

    def location(self, chunk: bytes) -> Location:
        """The location of a chunk.

        Raises:
            IntegrityError: It is not in the index, or the row is damaged.
        """
        location = tables.CHUNKS.get(self._txn, chunk)
        if location is None:
            raise IntegrityError(f"chunk {chunk.hex()} is not in the index: run `artfs fsck`")
        return location

    def locations(self, chunks: Iterable[bytes]) -> dict[bytes, Location]:
        """The locations of those chunks that are in the index."""
        return dict(tables.CHUNKS.find(self._txn, chunks))

    def missing_chunks(self, chunks: Iterable[bytes]) -> list[bytes]:
        """The chunks that must be stored, each once, in the order given.

        Those with damaged rows, which storing mends, and condemned ones, which may be removed, are among them.
        """
        return self._missing(tables.CHUNKS, RecordKind.CHUNK, chunks)

    def missing_nodes(self, nodes: Iterable[bytes]) -> list[bytes]:
        """The nodes that must be stored, as for chunks."""
        return self._missing(tables.NODES, RecordKind.NODE, nodes)

    def unknown_chunks(self, chunks: Iterable[bytes]) -> list[bytes]:
        """The chunks that the index does not have, each once; for callers that gc does not run beside."""
        return self._unknown(tables.CHUNKS, chunks)

    def unknown_nodes(self, nodes: Iterable[bytes]) -> list[bytes]:
        """The nodes that the index does not have, as for chunks."""
        return self._unknown(tables.NODES, nodes)

    def _unknown(self, table: Table[R], keys: Iterable[bytes]) -> list[bytes]:
        wanted = dict.fromkeys(keys)
        for key, _row in table.find_sound(self._txn, list(wanted)):
            del wanted[key]
        return list(wanted)

    def _missing(self, table: Table[R], kind: RecordKind, keys: Iterable[bytes]) -> list[bytes]:
        wanted = dict.fromkeys(keys)
        found = {key for key, _row in table.find_sound(self._txn, list(wanted))}
        if found:
            found.difference_update(self.condemned(kind, found))
        return [key for key in wanted if key not in found]

    def condemned(self, kind: RecordKind, digests: Iterable[bytes]) -> set[bytes]:
        """Those of the given chunks or nodes that gc is about to remove."""
        if not self.any_condemned():
            return set()
        keys = [condemned_key(kind, digest) for digest in digests]
        return {key[1:] for key, _nothing in tables.CONDEMNED.find(self._txn, keys)}

    def any_condemned(self) -> bool:
        """True if gc is about to remove anything."""
        return next(tables.CONDEMNED.scan(self._txn), None) is not None

    def pack(self, pack: bytes) -> PackRow | None:
        """The row of a pack."""
        return tables.PACKS.get(self._txn, pack)

    def packs(self) -> Iterator[tuple[bytes, PackRow]]:
        """All packs, by id."""
        return tables.PACKS.scan(self._txn)

    def recorded_pack(self, pack: bytes) -> RecordedPack | None:
        """A pack that the journal of a store at a URL has."""
        return tables.RECORDED_PACKS.get(self._txn, pack)

    def recorded_packs(self) -> Iterator[tuple[bytes, RecordedPack]]:
        """All of these, by id."""
        return tables.RECORDED_PACKS.scan(self._txn)

    def stats(self, keys: Iterable[bytes]) -> dict[bytes, bytes]:
        """The stat cache's values under keys of 16 bytes; missing and damaged ones are left out."""
        return dict(tables.STATCACHE.find_sound(self._txn, keys))


def _time(edge: Edge) -> int:
    return edge.time_ns
