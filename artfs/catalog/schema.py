"""The tables of the index, and what every key and value in them means.

The index is an LMDB environment. All of it is derived: `chunks`, `nodes` and `packs` from the pack files, `statcache`
from nothing that matters, and the rest from the journal. Serials and indexes in keys are big-endian u64, so that LMDB's
order is the order of numbers; rows are msgpack arrays, to which fields are only ever appended. Every value ends in a
checksum over key and row (see `tables`), because LMDB has none; only `nodes` goes without, its keys are digests.

    table        key                          value
    m meta       b"state"                     State: how far the journal is applied
    n names      name, UTF-8                  NameRow: who bears the name, and the next version index under it
    a artifacts  serial                       Artifact, deleted ones too
    v versions   artifact serial, index       Version, deleted and removed ones too
    l aliases    artifact serial, alias       AliasRow
    e members    parent serial, own serial    nothing: what a directory of the mount lists, in the order of readdir
    s serials    serial                       SerialRow: what bears it
    r runs       run id                       Run
    o order      started ns, run id           nothing: the runs in order
    g edges      run id, kind, artifact serial, index   Edge: what a run used (kind 1) and logged (kind 2)
    b bearers    artifact serial, index, kind, run id   nothing: the same edges from their other end
    d parts      digest of name and group, number   Part: what was added to a version that is not finished
    c chunks     digest                       Location (`format.pack`)
    t nodes      digest                       the node's bytes
    p packs      pack id                      PackRow
    q condemned  kind (one byte), digest      nothing: a chunk or node that gc is about to remove
    x statcache  16 bytes                     the store layer's business

The parent of all artifacts is serial 0. One counter gives serials to artifacts, versions and aliases alike, and none
twice: inode numbers and directory offsets are made of them.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final, Literal, TypeAlias

import msgspec

from artfs.format.digest import digest
from artfs.format.operations import Tree, VersionFields
from artfs.format.runs import Learnt, Outcome, Process, RunFields

__all__ = [
    "ROOT_SERIAL",
    "SCHEMA",
    "STATE_KEY",
    "AliasRow",
    "Artifact",
    "Edge",
    "EdgeKind",
    "NameRow",
    "PackRow",
    "Part",
    "Run",
    "RunState",
    "SerialKind",
    "SerialRow",
    "State",
    "Version",
    "alias_key",
    "bearer_key",
    "condemned_key",
    "edge_key",
    "order_key",
    "pair_key",
    "part_key",
    "serial_key",
]

SCHEMA: Final = 4
"""Goes up whenever the tables change; an index of another schema is rebuilt, never migrated."""
ROOT_SERIAL: Final = 0
STATE_KEY: Final = b"state"


class State(msgspec.Struct, frozen=True, array_like=True):
    """How far the journal is applied. Changed in the same transaction as what it tells of.

    Attributes:
        schema: `SCHEMA` of the artfs that made the tables.
        store_id: The store's id (16 bytes).
        seq: The last journal record applied; 0 when none was.
        head: That record's hash, or the journal's genesis.
        segment: First seq of the segment that holds it.
        segment_length: Where in the segment it ends; 0 before the first segment is made.
        next_serial: The serial that the next artifact, version or alias gets.
    """

    schema: int
    store_id: bytes
    seq: int
    head: bytes
    segment: int
    segment_length: int
    next_serial: int


class NameRow(msgspec.Struct, frozen=True, array_like=True):
    """What is known of a name. A row stays for ever, or an index could come back under the name.

    Attributes:
        serial: The artifact that bears it; 0 when none does.
        next_index: The index of the next version under it.
        owner: The artifact that bore it last.
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
        fields: What can be edited.
        logged_by: The run that logged it.
        source: The version that it is a link to, as it was called then (`animals:v3`).
        deleted: Listed nowhere; can be undeleted until gc.
        removed: gc has taken what only it held; the row stays, for the runs that used it.
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
        """The content digest that names its contents."""
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


class SerialKind(IntEnum):
    """What a serial was given to."""

    ARTIFACT = 1
    VERSION = 2
    ALIAS = 3


class SerialRow(msgspec.Struct, frozen=True, array_like=True):
    """Where the row of what bears a serial is found.

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
        fields: What can be edited.
        started_ns: When it was first started (nanoseconds since 1970).
        user: Who started it.
        host: On which machine.
        pid: In which process.
        command: The command line.
        git: The commit that was checked out, if any.
        state: `running`, `finished`, `failed` or `crashed`.
        ended_ns: When it ended (of one that crashed, when that was found out); None while it runs.
        directory: The working directory; empty when not known.
        dirty: Whether tracked files differed from the commit; None: not known.
        process: The process with which it ends; None: not known.
        exit_code: Of its command; None while it runs, and when not known.
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


class EdgeKind(IntEnum):
    """What a run did with a version."""

    USED = 1
    LOGGED = 2


class Edge(msgspec.Struct, frozen=True, array_like=True):
    """A run used or logged a version.

    Attributes:
        run: The run's id.
        kind: An `EdgeKind` value.
        artifact: The artifact's serial.
        index: N of vN.
        how: How that was learnt.
        time_ns: When (nanoseconds since 1970).
        entries: Of a version that was used: how many of its entries are known to have been opened.
        paths: Which, at most `format.runs.MAX_PATHS`, in the order in which they were opened first.
    """

    run: str
    kind: int
    artifact: int
    index: int
    how: Learnt
    time_ns: int
    entries: int = 0
    paths: tuple[bytes, ...] = ()


class Part(msgspec.Struct, frozen=True, array_like=True):
    """What one process added to a version that several make together.

    Attributes:
        group: What they call that version (the distributed id).
        name: The artifact's name.
        number: How many parts there were before.
        tree: What was added.
        fields: What it says of the version.
        added_ns: When (nanoseconds since 1970).
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
    """The key of a part; without a number, what the keys of all parts of the version begin with."""
    together = digest(name.encode() + b"/" + group.encode())
    return together if number is None else together + number.to_bytes(8, "big")


def order_key(started_ns: int, run: str) -> bytes:
    """The key of a run's place among the runs."""
    return started_ns.to_bytes(8, "big") + run.encode()


def edge_key(run: str, kind: int, artifact: int, index: int) -> bytes:
    """The key of what a run did with a version."""
    return run.encode() + bytes([kind]) + pair_key(artifact, index)


def bearer_key(artifact: int, index: int, kind: int, run: str) -> bytes:
    """The key of the same edge, from the version."""
    return pair_key(artifact, index) + bytes([kind]) + run.encode()
