"""The catalog as one transaction sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self, TypeVar

import lmdb

from artfs.catalog import tables
from artfs.catalog.faults import damaged_index, translate
from artfs.catalog.schema import (
    STATE_KEY,
    AliasRow,
    Artifact,
    Edge,
    EdgeKind,
    NameRow,
    PackRow,
    Part,
    Run,
    SerialKind,
    State,
    Version,
    alias_key,
    condemned_key,
    edge_key,
    pair_key,
    part_key,
    serial_key,
)
from artfs.errors import IntegrityError, NotFoundError
from artfs.format.pack import RecordKind
from artfs.names import LATEST, ArtifactName, VersionRef, parse_run_id, printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import TracebackType

    from artfs.catalog.tables import Table, Txn
    from artfs.format.pack import Location

__all__ = ["View"]

R = TypeVar("R")


class View:
    """Reads the tables; a context manager that ends its transaction.

    Every method raises IntegrityError where it meets a damaged row.

    Args:
        txn: What to read them in.
    """

    __slots__ = ("_txn",)

    def __init__(self, txn: Txn) -> None:
        self._txn = txn

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._txn.abort()
        if isinstance(error, lmdb.Error):
            raise translate(error, "reading the index") from error

    # Artifacts, versions, aliases

    def state(self) -> State:
        """How far the journal is applied.

        Raises:
            IntegrityError: The index was never finished.
        """
        state = tables.META.get(self._txn, STATE_KEY)
        if state is None:
            raise damaged_index("it was never finished")
        return state

    def name(self, name: str) -> NameRow | None:
        """What is known of an artifact name, borne or not; None if it was never used."""
        return tables.NAMES.get(self._txn, name.encode())

    def artifact_by_name(self, name: str) -> Artifact | None:
        """The artifact that bears the name."""
        row = self.name(name)
        return None if row is None or not row.serial else self.artifact(row.serial)

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
        """The version that a user means.

        Raises:
            NotFoundError: There is none; says what to do.
        """
        artifact = self.artifact_by_name(ref.name)
        if artifact is None:
            raise NotFoundError(f"artifact {ref.name} does not exist: `artfs ls` shows which do")
        if isinstance(ref.selector, int):
            version = self.version(artifact.serial, ref.selector, deleted=True)
            if version is not None and version.deleted:
                raise NotFoundError(f"{ref} was deleted: `artfs log {ref.name}` shows the versions that are left")
        else:
            alias = self.alias(artifact.serial, ref.selector)
            if alias is None:
                raise NotFoundError(
                    f"{ref.name} has no alias {printable(ref.selector)}: `artfs alias ls {ref.name}` shows its aliases"
                )
            version = self.version(artifact.serial, alias.index)
        if version is None:
            raise NotFoundError(f"{ref} does not exist: `artfs log {ref.name}` shows the versions of {ref.name}")
        return version

    def ref(self, version: Version) -> VersionRef:
        """What a version is called now."""
        artifact = self.artifact(version.artifact)
        if artifact is None:
            raise damaged_index(f"artifact {version.artifact} is missing")
        return VersionRef(ArtifactName(artifact.name), version.index)

    def by_serial(self, serial: int) -> Artifact | Version | AliasRow | None:
        """What bears a serial, deleted artifacts and versions too."""
        row = tables.SERIALS.get(self._txn, serial_key(serial))
        if row is None:
            return None
        if row.kind == SerialKind.VERSION:
            return self.version(row.artifact, row.index, deleted=True)
        if row.kind == SerialKind.ARTIFACT:
            return self.artifact(row.artifact)
        return self.alias(row.artifact, row.alias)

    def members(self, parent: int, after_serial: int = 0) -> Iterator[Artifact | Version | AliasRow]:
        """What a directory lists, by serial: all artifacts (`parent` 0), or an artifact's versions and aliases.

        Args:
            parent: A serial, or 0.
            after_serial: Where to go on: members with higher serials only.
        """
        start = pair_key(parent, after_serial + 1)
        for key, _nothing in tables.MEMBERS.scan(self._txn, start[:8], start):
            member = self.by_serial(int.from_bytes(key[8:], "big"))
            if member is None:
                raise damaged_index(f"what bears serial {int.from_bytes(key[8:], 'big')} is missing")
            yield member

    # Runs

    def run(self, run: str) -> Run | None:
        """The run of an id."""
        return tables.RUNS.get(self._txn, run.encode())

    def known_run(self, run: str) -> Run:
        """The run that a user means.

        Raises:
            InvalidInputError: The id is not allowed.
            NotFoundError: There is none.
        """
        found = self.run(parse_run_id(run))
        if found is None:
            raise NotFoundError(f"run {run} does not exist: `artfs.init(id={run!r})` starts it")
        return found

    def runs(self, *, newest_first: bool = False) -> Iterator[Run]:
        """All runs, in the order in which they were started."""
        rows = tables.ORDER.scan_back(self._txn, b"") if newest_first else tables.ORDER.scan(self._txn)
        for key, _nothing in rows:
            run = tables.RUNS.get(self._txn, key[8:])
            if run is None:
                raise damaged_index(f"run {key[8:].decode('utf-8', 'replace')} is missing")
            yield run

    def edge(self, run: str, kind: EdgeKind, version: Version) -> Edge | None:
        """What is known of a run that used or logged a version; None: it did not."""
        return tables.EDGES.get(self._txn, edge_key(run, kind, version.artifact, version.index))

    def edges_of_run(self, run: str, kind: EdgeKind) -> list[Edge]:
        """The versions that a run used or logged, in the order of time."""
        rows = tables.EDGES.scan(self._txn, run.encode() + bytes([kind]))
        return sorted((edge for _key, edge in rows), key=_time)

    def edges_of_version(self, version: Version, kind: EdgeKind) -> list[Edge]:
        """The runs that used or logged a version, in the order of time."""
        prefix = pair_key(version.artifact, version.index) + bytes([kind])
        edges = []
        for key, _nothing in tables.BEARERS.scan(self._txn, prefix):
            edge = self.edge(key[17:].decode("ascii", "replace"), kind, version)
            if edge is None:
                raise damaged_index(f"what run {key[17:].hex()} did is missing")
            edges.append(edge)
        return sorted(edges, key=_time)

    def parts(self, name: str, group: str) -> list[Part]:
        """What processes added so far to a version that they make together."""
        return [part for _key, part in tables.PARTS.scan(self._txn, part_key(name, group))]

    def all_parts(self) -> Iterator[Part]:
        """The parts of all versions that are not finished."""
        return (part for _key, part in tables.PARTS.scan(self._txn))

    # Contents

    def find_node(self, node: bytes) -> bytes | None:
        """A node's bytes, verified; None if the index has it not."""
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
        """Where a chunk is stored; None if the index does not know."""
        return tables.CHUNKS.get(self._txn, chunk)

    def location(self, chunk: bytes) -> Location:
        """Where a chunk is stored.

        Raises:
            IntegrityError: The index does not know, or the row is damaged.
        """
        location = tables.CHUNKS.get(self._txn, chunk)
        if location is None:
            raise IntegrityError(f"chunk {chunk.hex()} is not in the index: run `artfs fsck`")
        return location

    def locations(self, chunks: Iterable[bytes]) -> dict[bytes, Location]:
        """Where chunks are stored, of those that the index knows."""
        return dict(tables.CHUNKS.find(self._txn, chunks))

    def missing(self, chunks: Iterable[bytes]) -> list[bytes]:
        """The chunks that must be stored, each once, in the order given; those of damaged rows too: it mends them.

        What gc has condemned must be stored too: it may be gone before anybody reads it.
        """
        return self._missing(tables.CHUNKS, RecordKind.CHUNK, chunks)

    def missing_nodes(self, nodes: Iterable[bytes]) -> list[bytes]:
        """The nodes that must be stored, each once, in the order given; damaged ones among them."""
        return self._missing(tables.NODES, RecordKind.NODE, nodes)

    def _missing(self, table: Table[R], kind: RecordKind, keys: Iterable[bytes]) -> list[bytes]:
        wanted = dict.fromkeys(keys)
        found = {key for key, _row in table.find_sound(self._txn, list(wanted))}
        if found:
            found.difference_update(self.condemned(kind, found))
        return [key for key in wanted if key not in found]

    def condemned(self, kind: RecordKind, digests: Iterable[bytes]) -> set[bytes]:
        """Of chunks or nodes those that gc is about to remove."""
        if not self.any_condemned():
            return set()
        keys = [condemned_key(kind, digest) for digest in digests]
        return {key[1:] for key, _nothing in tables.CONDEMNED.find(self._txn, keys)}

    def any_condemned(self) -> bool:
        """Whether gc is about to remove anything."""
        return next(tables.CONDEMNED.scan(self._txn), None) is not None

    def pack(self, pack: bytes) -> PackRow | None:
        """What is known of a pack."""
        return tables.PACKS.get(self._txn, pack)

    def packs(self) -> Iterator[tuple[bytes, PackRow]]:
        """All packs, by id."""
        return tables.PACKS.scan(self._txn)

    def stats(self, keys: Iterable[bytes]) -> dict[bytes, bytes]:
        """The stat cache's values under keys (16 bytes each), of those that are there and sound."""
        return dict(tables.STATCACHE.find_sound(self._txn, keys))


def _time(edge: Edge) -> int:
    return edge.time_ns
