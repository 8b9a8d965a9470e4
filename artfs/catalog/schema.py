"""Schema of the index: the tables, and the meaning of every key and value.

The index is an LMDB environment. All of it is derived: `chunks`, `nodes` and `packs` from the packs, `statcache`
from nothing that matters, and the rest from the journal. Serials and indexes in keys are big-endian u64, so that LMDB's
order is the order of numbers; rows are msgpack arrays, to which fields are only ever appended. Every value ends in a
checksum over key and row (see `tables`), because LMDB has none; only `nodes` goes without, its keys are digests.

    table        key                          value
    m meta       b"state"                     IndexState: the place up to which the journal is applied
    n names      name, UTF-8                  NameRow: the artifact of the name, and the next version index under it
    a artifacts  serial                       Artifact, deleted ones too
    v versions   artifact serial, index       Version, deleted and removed ones too
    l aliases    artifact serial, alias       AliasRow
    e members    parent serial, own serial    nothing: the children of a directory of the mount, in readdir's order
    s serials    serial                       SerialRow: the artifact, version or alias that has it
    r runs       run id                       Run
    o order      started ns, run id           nothing: the runs in the order of their start
    g edges      run id, kind, artifact serial, index   Edge: a version that a run used (kind 1) or logged (kind 2)
    b bearers    artifact serial, index, kind, run id   nothing: the same edges by version
    d parts      digest of name and group, number   DistributedPart: a part of a version that is not finished
    y origins    artifact serial, index       Origin (`format.operations`): what an imported version is elsewhere
    h links        artifact serial, index       Link: what the version is a link to
    i pointers     artifact serial, index, artifact serial, index   nothing: the same, by what is linked to
    w deletions    artifact serial, index       Deletion: of a deleted version that gc has not removed
    u gaps       artifact serial, index       the first index behind a gap: from the key's on none was ever used
    c chunks     digest                       Location (`format.pack`)
    t nodes      digest                       the node's bytes
    p packs      pack id                      PackRow
    k recorded   pack id                      RecordedPack: a pack of a store at a URL
    q condemned  kind (one byte), digest      nothing: a chunk or node that gc is about to remove
    x statcache  16 bytes                     rows of the stat cache (`store.write.statcache`)

The parent of all artifacts is serial 0. One counter issues the serials of artifacts, versions and aliases, and none
twice: inode numbers and directory offsets are computed from them.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final, Literal, TypeAlias

import msgspec

from artfs.catalog.journal import Position
from artfs.format.digest import digest
from artfs.format.operations import Tree, VersionFields
from artfs.format.runs import EdgeSource, Outcome, Process, RunFields
from artfs.procfs import is_dead

__all__ = [
    "ROOT_SERIAL",
    "SCHEMA",
    "STATE_KEY",
    "AliasRow",
    "Artifact",
    "Deletion",
    "DistributedPart",
    "Edge",
    "EdgeKind",
    "IndexState",
    "Link",
    "NameRow",
    "PackRow",
    "RecordedPack",
    "Run",
    "RunState",
    "SerialKind",
    "SerialRow",
    "Version",
    "alias_key",
    "condemned_key",
    "edge_by_version_key",
    "edge_key",
    "link_by_source_key",
    "pair_key",
    "part_key",
    "run_by_time_key",
    "serial_key",
    "state_now",
]

SCHEMA: Final = 4
"""Raised whenever the tables change; an index of another schema is rebuilt, never migrated."""
ROOT_SERIAL: Final = 0
STATE_KEY: Final = b"state"


class IndexState(msgspec.Struct, frozen=True, array_like=True):
    """The place up to which the journal is applied. It changes in the same transaction as the tables.

    Attributes:
        schema: `SCHEMA` of the artfs that made the tables.
        store_id: The store's id (16 bytes).
        seq: The last journal record applied; 0 when none was.
        head: That record's hash, or the journal's genesis.
        segment: First seq of the segment that holds it.
        segment_length: Its end in the segment; 0 before the first segment exists.
        next_serial: The serial of the next artifact, version or alias.
    """

    schema: int
    store_id: bytes
    seq: int
    head: bytes
    segment: int
    segment_length: int
    next_serial: int

    @property
    def position(self) -> Position:
        """The end of the last journal record applied."""
        return Position(self.segment, self.segment_length, self.seq, self.head)


class NameRow(msgspec.Struct, frozen=True, array_like=True):
    """A name. The row stays for ever, or a version index could be used again under the name.

    Attributes:
        serial: The artifact that has it; 0 when none does.
        next_index: The index of the next version under it.
        owner: The artifact that had it last.
    """

    serial: int
    next_index: int
    owner: int


class Artifact(msgspec.Struct, frozen=True, array_like=True):
    """An artifact.

    Attributes:
        serial: Its serial.
        name: Its name now (the last one it had, when deleted).
        type: Its type, for ever.
        created_ns: When its first version was logged (nanoseconds since 1970).
        description: Free text.
        deleted: It has given up its name and is listed nowhere.
    """

    serial: int
    name: str
    type: str
    created_ns: int
    description: str = ""
    deleted: bool = False


class Version(msgspec.Struct, frozen=True, array_like=True):
    """A version.

    Attributes:
        serial: Its serial.
        artifact: Its artifact's serial.
        index: N of vN.
        tree: Its contents.
        created_ns: When it was logged (nanoseconds since 1970).
        fields: The fields that can be edited.
        logged_by: The run that logged it.
        source: The version that it is a link to or was restored from, by its reference then (`animals:v3`).
        deleted: Listed nowhere; can be undeleted until gc.
        removed: gc has removed its contents; the row stays, for the runs that used it.
    """

    serial: int
    artifact: int
    index: int
    tree: Tree
    created_ns: int
    fields: VersionFields
    logged_by: str | None = None
    source: str | None = None
    deleted: bool = False
    removed: bool = False

    @property
    def name(self) -> str:
        """`vN`."""
        return f"v{self.index}"

    @property
    def digest(self) -> bytes:
        """The digest of its contents."""
        return self.tree.digest

    @property
    def size(self) -> int:
        """Bytes of all its files."""
        return self.tree.size

    @property
    def entries(self) -> int:
        """Number of its entries."""
        return self.tree.entries

    @property
    def description(self) -> str:
        """Free text."""
        return self.fields.description

    @property
    def metadata(self) -> bytes:
        """Canonical JSON of an object (`metadata.decode_metadata`)."""
        return self.fields.metadata

    @property
    def tags(self) -> tuple[str, ...]:
        """Distinct tags, in the order given."""
        return self.fields.tags

    @property
    def ttl_ns(self) -> int | None:
        """Nanoseconds that it lives from its creation; None: for ever."""
        return self.fields.ttl_ns


class AliasRow(msgspec.Struct, frozen=True, array_like=True):
    """An alias of an artifact.

    Attributes:
        serial: Its serial; the alias keeps it when it moves.
        artifact: Its artifact's serial.
        name: The alias.
        index: The version that it names.
    """

    serial: int
    artifact: int
    name: str
    index: int


class Deletion(msgspec.Struct, frozen=True, array_like=True):
    """The deletion of a version. One that an earlier artfs deleted has none.

    Attributes:
        deleted_ns: The time (nanoseconds since 1970).
        aliases: Those that were removed with it, `latest` left out.
    """

    deleted_ns: int
    aliases: tuple[str, ...]


class Link(msgspec.Struct, frozen=True, array_like=True):
    """What a version is a link to.

    Attributes:
        artifact: The serial of the artifact of its source.
        index: N of the source's vN.
        run: The run that made the link.
    """

    artifact: int
    index: int
    run: str | None = None


class SerialKind(IntEnum):
    """The kind of thing that has a serial."""

    ARTIFACT = 1
    VERSION = 2
    ALIAS = 3


class SerialRow(msgspec.Struct, frozen=True, array_like=True):
    """The key of the row that has a serial.

    Attributes:
        kind: A `SerialKind` value.
        artifact: The artifact's serial.
        index: Of a version.
        alias: Of an alias.
    """

    kind: int
    artifact: int
    index: int = 0
    alias: str = ""


RunState: TypeAlias = Literal["running"] | Outcome


class Run(msgspec.Struct, frozen=True, array_like=True):
    """A run.

    Attributes:
        id: Its id.
        fields: The fields that can be edited.
        started_ns: When it was first started (nanoseconds since 1970).
        user: The user who started it.
        host: The machine.
        pid: The process.
        command: The command line.
        git: The commit that was checked out, if any.
        state: `running`, `finished`, `failed` or `crashed`.
        ended_ns: The time of its end (of a crash, of its discovery); None while it runs.
        directory: The working directory; empty when not known.
        dirty: Tracked files differed from the commit; None: not known.
        process: The process with which it ends; None: not known.
        exit_code: Its exit code; None while it runs, and when not known.
    """

    id: str
    fields: RunFields
    started_ns: int
    user: str
    host: str
    pid: int
    command: tuple[str, ...] = ()
    git: str | None = None
    state: RunState = "running"
    ended_ns: int | None = None
    directory: str = ""
    dirty: bool | None = None
    process: Process | None = None
    exit_code: int | None = None


def state_now(run: Run) -> RunState:
    """Return a run's state: crashed if its process is dead and nothing says that it ended."""
    return "crashed" if run.state == "running" and is_dead(run.process) else run.state


class EdgeKind(IntEnum):
    """The kinds of edges."""

    USED = 1
    LOGGED = 2


class Edge(msgspec.Struct, frozen=True, array_like=True):
    """A run used or logged a version.

    Attributes:
        run: The run's id.
        kind: An `EdgeKind` value.
        artifact: The artifact's serial.
        index: N of vN.
        how: The source of the edge.
        time_ns: The time (nanoseconds since 1970).
        entries: Of a used version: number of its entries that are known to have been opened.
        paths: Their paths, at most `format.runs.MAX_PATHS`, in the order of the tree.
    """

    run: str
    kind: int
    artifact: int
    index: int
    how: EdgeSource
    time_ns: int
    entries: int = 0
    paths: tuple[bytes, ...] = ()


class DistributedPart(msgspec.Struct, frozen=True, array_like=True):
    """A part that one process added to a version that several make together.

    Attributes:
        group: Their name for that version (the distributed id).
        name: The artifact's name.
        number: Number of parts before it.
        tree: Its contents.
        fields: Description, metadata and tags for the version.
        added_ns: The time (nanoseconds since 1970).
        aliases: To be moved to the version.
        run: The run that added it.
    """

    group: str
    name: str
    number: int
    tree: Tree
    fields: VersionFields
    added_ns: int
    aliases: tuple[str, ...] = ()
    run: str | None = None


class PackRow(msgspec.Struct, frozen=True, array_like=True):
    """A pack.

    Attributes:
        kind: A `format.pack.PackKind` value.
        size: Bytes of the file.
        count: Records in it.
    """

    kind: int
    size: int
    count: int


class RecordedPack(msgspec.Struct, frozen=True, array_like=True):
    """A pack that the journal of a store at a URL has, whether or not this machine's index has what is in it.

    Attributes:
        kind: A `format.pack.PackKind` value.
        size: Bytes of it.
        count: Records in it.
        seq: The record that added it.
        number: Packs before it in that record.
    """

    kind: int
    size: int
    count: int
    seq: int
    number: int

    @property
    def order(self) -> tuple[int, int]:
        """Its place among all that were recorded."""
        return self.seq, self.number


def serial_key(serial: int) -> bytes:
    """The key of a serial."""
    return serial.to_bytes(8, "big")


def pair_key(first: int, second: int) -> bytes:
    """The key of a serial and a serial or index."""
    return (first << 64 | second).to_bytes(16, "big")


def alias_key(artifact: int, alias: str) -> bytes:
    """The key of an artifact's alias."""
    return artifact.to_bytes(8, "big") + alias.encode()


def condemned_key(kind: int, digest: bytes) -> bytes:
    """The key of a condemned chunk or node (a `format.pack.RecordKind` value and its digest)."""
    return bytes([kind]) + digest


def part_key(name: str, group: str, number: int | None = None) -> bytes:
    """The key of a part; without a number, the prefix of the keys of all parts of the version."""
    prefix = digest(name.encode() + b"/" + group.encode())
    return prefix if number is None else prefix + number.to_bytes(8, "big")


def run_by_time_key(started_ns: int, run: str) -> bytes:
    """The key of a run in the order of time."""
    return started_ns.to_bytes(8, "big") + run.encode()


def edge_key(run: str, kind: int, artifact: int, index: int) -> bytes:
    """The key of an edge, by run."""
    return run.encode() + bytes([kind]) + pair_key(artifact, index)


def link_by_source_key(link: Link, artifact: int = 0, index: int = 0) -> bytes:
    """The key of a link by its source, which its first 16 bytes are."""
    return pair_key(link.artifact, link.index) + pair_key(artifact, index)


def edge_by_version_key(artifact: int, index: int, kind: int, run: str) -> bytes:
    """The key of an edge, by version."""
    return pair_key(artifact, index) + bytes([kind]) + run.encode()
