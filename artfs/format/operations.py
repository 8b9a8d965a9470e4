"""Bodies of journal records: author and time of a change of the catalog, and its operations.

The operations are the catalog: applied in order they give its tables, byte for byte. Each holds what it replaced. They
are msgpack arrays whose first element is the name of the operation; fields are only ever appended. Every value is
validated when it is made or decoded, so that a hostile journal meets the same rules as a user.
"""

from __future__ import annotations

from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta

from artfs.errors import StoreFormatError
from artfs.format.msgpack import DECODE_ERRORS, FIRST_SERIAL, Count, Digest, Index, Serial, Time
from artfs.format.pack_operations import PacksAdded
from artfs.format.runs import EdgeSource, RunOp
from artfs.names import (
    parse_alias,
    parse_artifact_name,
    parse_artifact_type,
    parse_distributed_id,
    parse_run_id,
    parse_tag,
)

__all__ = [
    "FIRST_SERIAL",
    "AliasRemoved",
    "AliasSet",
    "ArtifactCreated",
    "ArtifactDeleted",
    "ArtifactEdited",
    "ArtifactRenamed",
    "ArtifactUndeleted",
    "CatalogOp",
    "Entry",
    "Op",
    "Origin",
    "PartAdded",
    "PartsTaken",
    "Tree",
    "VersionCreated",
    "VersionDeleted",
    "VersionEdited",
    "VersionFields",
    "VersionLinked",
    "VersionRemoved",
    "VersionUndeleted",
    "decode_entry",
    "encode_entry",
]


class _Operation(msgspec.Struct, frozen=True, array_like=True, tag_field="op"):
    """The base of all operations."""


class ArtifactCreated(_Operation, frozen=True, array_like=True, tag="artifact-created"):
    """A new artifact takes `name`."""

    serial: Serial
    name: str
    type: str
    created_ns: int
    description: str = ""

    def __post_init__(self) -> None:
        parse_artifact_name(self.name)
        parse_artifact_type(self.type)


class ArtifactEdited(_Operation, frozen=True, array_like=True, tag="artifact-edited"):
    """The artifact gets another description."""

    artifact: Serial
    description: str
    previous: str


class ArtifactRenamed(_Operation, frozen=True, array_like=True, tag="artifact-renamed"):
    """The artifact gives up the name `previous` and takes `name`."""

    artifact: Serial
    name: str
    previous: str

    def __post_init__(self) -> None:
        parse_artifact_name(self.name)
        parse_artifact_name(self.previous)


class ArtifactDeleted(_Operation, frozen=True, array_like=True, tag="artifact-deleted"):
    """The artifact gives up its name; its versions and aliases went in operations before."""

    artifact: Serial
    name: str


class ArtifactUndeleted(_Operation, frozen=True, array_like=True, tag="artifact-undeleted"):
    """The artifact takes its name again; its versions stay deleted."""

    artifact: Serial
    name: str


class VersionFields(msgspec.Struct, frozen=True, array_like=True):
    """The fields of a version that can be edited.

    Attributes:
        description: Free text.
        metadata: Canonical JSON of an object.
        tags: Distinct tags, in the order given.
        ttl_ns: Nanoseconds that the version lives from its creation; None: for ever.
    """

    description: str = ""
    metadata: bytes = b"{}"
    tags: tuple[str, ...] = ()
    ttl_ns: Annotated[int, Meta(gt=0, le=(1 << 63) - 1)] | None = None

    def __post_init__(self) -> None:
        for tag in self.tags:
            parse_tag(tag)


class Tree(msgspec.Struct, frozen=True, array_like=True):
    """The contents of a version: its top directory.

    Attributes:
        root: Node digest of its topmost page.
        digest: Content digest: equal contents, equal digest, whatever the modification times.
        size: Bytes of all files.
        entries: Number of entries below the top directory.
        mode: Permission and sticky bits of the top directory.
        mtime_ns: Its modification time (nanoseconds since 1970).
    """

    root: Digest
    digest: Digest
    size: Count
    entries: Count
    mode: Annotated[int, Meta(ge=0, le=0o1777)]
    mtime_ns: int


class Origin(msgspec.Struct, frozen=True, array_like=True):
    """What an imported version is in the store where it was made.

    Attributes:
        store: The id of that store (16 bytes).
        artifact: The artifact's name there.
        index: N of vN there.
    """

    store: Annotated[bytes, Meta(min_length=16, max_length=16)]
    artifact: str
    index: Index

    def __post_init__(self) -> None:
        parse_artifact_name(self.artifact)

    def __str__(self) -> str:
        return f"{self.artifact}:v{self.index}"


class VersionCreated(_Operation, frozen=True, array_like=True, tag="version-created"):
    """The artifact gets a version.

    Attributes:
        serial: The version's serial.
        artifact: The artifact's serial.
        index: N of vN: the next index of the artifact's name; of an imported one perhaps a later one,
            or one that was passed over.
        tree: Its contents.
        created_ns: Its time (nanoseconds since 1970).
        fields: Those that can be edited.
        logged_by: The run that logged it.
        source: The version with the same contents, by its name at that time (`animals:v3`).
        how: The source of the edge to that run.
        origin: Of an imported version, what it is in the store where it was made.
    """

    serial: Serial
    artifact: Serial
    index: Index
    tree: Tree
    created_ns: int
    fields: VersionFields
    logged_by: str | None = None
    source: str | None = None
    how: EdgeSource = "api"
    origin: Origin | None = None

    def __post_init__(self) -> None:
        if self.logged_by is not None:
            parse_run_id(self.logged_by)


class VersionLinked(_Operation, frozen=True, array_like=True, tag="version-linked"):
    """The version, created just before, is a link: another version under another name, whose lineage it has.

    Attributes:
        artifact: The artifact's serial.
        index: N of vN.
        source_artifact: The serial of the artifact of what it is a link to; that is no link itself.
        source_index: N of its vN.
        run: The run that made the link.
    """

    artifact: Serial
    index: Index
    source_artifact: Serial
    source_index: Index
    run: str | None = None

    def __post_init__(self) -> None:
        if self.run is not None:
            parse_run_id(self.run)


class VersionEdited(_Operation, frozen=True, array_like=True, tag="version-edited"):
    """The fields of a version that can be edited become `fields`; they were `previous`."""

    artifact: Serial
    index: Index
    fields: VersionFields
    previous: VersionFields


class VersionDeleted(_Operation, frozen=True, array_like=True, tag="version-deleted"):
    """The version is deleted: hidden now, removed by a gc.

    Attributes:
        artifact: The artifact's serial.
        index: N of vN.
        aliases: Those removed with it, which an undeletion sets again, `latest` left out. None: an earlier artfs wrote
            it, and none of them is known.
    """

    artifact: Serial
    index: Index
    aliases: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        for alias in self.aliases or ():
            parse_alias(alias)


class VersionUndeleted(_Operation, frozen=True, array_like=True, tag="version-undeleted"):
    """The version, not yet removed by gc, is visible again."""

    artifact: Serial
    index: Index


class VersionRemoved(_Operation, frozen=True, array_like=True, tag="version-removed"):
    """gc removes what only the deleted version refers to: it can never be visible again."""

    artifact: Serial
    index: Index


class AliasSet(_Operation, frozen=True, array_like=True, tag="alias-set"):
    """The alias names version `index`; before, version `previous` (None: it is new, and `serial` too)."""

    serial: Serial
    artifact: Serial
    name: str
    index: Index
    previous: Index | None

    def __post_init__(self) -> None:
        parse_alias(self.name)


class AliasRemoved(_Operation, frozen=True, array_like=True, tag="alias-removed"):
    """The alias, which named version `previous`, is removed."""

    serial: Serial
    artifact: Serial
    name: str
    previous: Index


class PartAdded(_Operation, frozen=True, array_like=True, tag="part-added"):
    """A process adds a part to a version that several processes make together.

    Attributes:
        group: Their name for that version (the distributed id).
        name: The artifact's name.
        number: Number of parts before it.
        tree: The contents of the part.
        fields: Those for the version.
        added_ns: Its time (nanoseconds since 1970).
        aliases: To be moved to the version.
        run: The run that adds it.
    """

    group: str
    name: str
    number: Index
    tree: Tree
    fields: VersionFields
    added_ns: Time
    aliases: tuple[str, ...] = ()
    run: str | None = None

    def __post_init__(self) -> None:
        parse_distributed_id(self.group)
        parse_artifact_name(self.name)
        for alias in self.aliases:
            parse_alias(alias)
        if self.run is not None:
            parse_run_id(self.run)


class PartsTaken(_Operation, frozen=True, array_like=True, tag="parts-taken"):
    """All `count` parts have become the version that is logged with this."""

    group: str
    name: str
    count: Index

    def __post_init__(self) -> None:
        parse_distributed_id(self.group)
        parse_artifact_name(self.name)


CatalogOp: TypeAlias = (
    ArtifactCreated
    | ArtifactEdited
    | ArtifactRenamed
    | ArtifactDeleted
    | ArtifactUndeleted
    | VersionCreated
    | VersionLinked
    | VersionEdited
    | VersionDeleted
    | VersionUndeleted
    | VersionRemoved
    | AliasSet
    | AliasRemoved
)
"""One change of artifacts, versions and aliases."""
Op: TypeAlias = CatalogOp | RunOp | PartAdded | PartsTaken | PacksAdded
"""One change of the catalog."""


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """The body of a journal record: operations that happened together or not at all.

    Attributes:
        time_ns: Its time (nanoseconds since 1970, by the clock of `host`).
        user: The system's name of the author.
        host: The author's machine.
        pid: The author's process.
        run: The author's run, if any.
        ops: The operations, in order.
    """

    time_ns: int
    user: str
    host: str
    pid: int
    run: str | None
    ops: tuple[Op, ...]


class _MarkedEntry(Entry, frozen=True, array_like=True):
    """An entry with a field that readers pass over: no other record has the same bytes."""

    mark: bytes = b""


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Entry)


def encode_entry(entry: Entry, mark: bytes = b"") -> bytes:
    """Return a record's body.

    Args:
        entry: The entry.
        mark: Random bytes, by which a writer knows its own record where many machines write; empty: none, as in a
            local journal.
    """
    if mark:
        fields = entry.time_ns, entry.user, entry.host, entry.pid, entry.run, entry.ops
        return _encoder.encode(_MarkedEntry(*fields, mark=mark))
    return _encoder.encode(entry)


def decode_entry(body: bytes) -> Entry:
    """Parse and validate the body of a record whose hash is right.

    Raises:
        StoreFormatError: This artfs does not understand it, or it breaks a rule; no damage can do that.
    """
    try:
        return _decoder.decode(body)
    except DECODE_ERRORS as error:
        raise StoreFormatError(
            f"this artfs cannot read a journal record ({error}): use the artfs that wrote it"
        ) from error
