"""The bytes of a bundle: the file, or stream, in which versions go from one store to another. No I/O.

    header     64 bytes   magic, version of the format, id of the store
    documents  *          the summary, then artifacts, versions, aliases, runs and edges
    records    *          nodes and chunks, as in packs (`format.pack`), each behind all that it points to
    end        1          the last document: totals, and a hash over all that was before

Integers are little-endian, reserved bytes are zero and checked, everything begins at a multiple of 8. A bundle is
written and read once from its beginning to its end. `artfs/docs/FORMAT.md` has the offsets and the rules B1 to B7.
"""

from __future__ import annotations

import struct
from typing import Annotated, Final, TypeAlias
from zlib import crc32

import msgspec
from blake3 import blake3
from msgspec import Meta

from artfs.errors import BundleDamagedError, BundleFormatError
from artfs.format.msgpack import DECODE_ERRORS, Count, Digest, Index, Time
from artfs.format.operations import Origin, Tree, VersionFields
from artfs.format.runs import MAX_EXIT_CODE, MAX_PATHS, EdgeSource, Outcome, RunFields
from artfs.names import parse_alias, parse_artifact_name, parse_artifact_type, parse_run_id

__all__ = [
    "BUNDLE_VERSION",
    "DOCUMENT_HEAD_SIZE",
    "DOCUMENT_MAGIC",
    "HEADER_SIZE",
    "MAX_DOCUMENTS_SIZE",
    "BundledAlias",
    "BundledArtifact",
    "BundledEdge",
    "BundledRun",
    "BundledVersion",
    "Document",
    "End",
    "Summary",
    "VersionIdentity",
    "decode_document",
    "decode_header",
    "document_rest",
    "encode_document",
    "encode_header",
]

BUNDLE_VERSION: Final = 1
HEADER_SIZE: Final = 64
DOCUMENT_HEAD_SIZE: Final = 16
DOCUMENT_MAGIC: Final = b"DOC1"
MAX_DOCUMENTS_SIZE: Final = 48 << 20
"""The most bytes of all documents together: they become one journal record, which has less than 64 MiB."""

_HASH_SIZE: Final = 32
_ALIGNMENT: Final = 8
_MAGIC: Final = b"ARTFSBDL"
_HEADER: Final = struct.Struct("<8sI4s16s28s")  # magic, version, reserved, store id, reserved; then crc32
_HEAD: Final = struct.Struct("<4sI4s")  # magic, length of the body, reserved; then crc32
_CRC: Final = struct.Struct("<I")


class _Document(msgspec.Struct, frozen=True, array_like=True, tag_field="kind"):
    """The base of all documents. Fields are only ever appended; a reader passes over those that it does not know."""


class VersionIdentity(msgspec.Struct, frozen=True, array_like=True):
    """The identity of a version in all stores: its name, when it was made, and its tree.

    Attributes:
        artifact: The artifact's name.
        index: N of vN.
        created_ns: Its time (nanoseconds since 1970).
        root: Node digest of its topmost page.
    """

    artifact: str
    index: Index
    created_ns: int
    root: Digest

    def __post_init__(self) -> None:
        parse_artifact_name(self.artifact)

    def __str__(self) -> str:
        return f"{self.artifact}:v{self.index}"


class Summary(_Document, frozen=True, array_like=True, tag="bundle"):
    """The first document.

    Attributes:
        made_ns: Time of the export (nanoseconds since 1970).
        made_by: The program that wrote it.
        versions: How many versions are in it.
        size: Bytes of all their files.
        since: Versions whose contents were left out: the store that gets this one has them.
    """

    made_ns: Time
    made_by: str
    versions: Count
    size: Count
    since: tuple[VersionIdentity, ...] = ()


class BundledArtifact(_Document, frozen=True, array_like=True, tag="artifact"):
    """An artifact; before its versions."""

    name: str
    type: str
    created_ns: int
    description: str = ""

    def __post_init__(self) -> None:
        parse_artifact_name(self.name)
        parse_artifact_type(self.type)


class BundledVersion(_Document, frozen=True, array_like=True, tag="version"):
    """A version, with the fields of `operations.VersionCreated`; `artifact` is a name.

    Attributes:
        origin: What it is in the store where it was made; None: in the one that exported it.
    """

    artifact: str
    index: Index
    tree: Tree
    created_ns: int
    fields: VersionFields
    logged_by: str | None = None
    source: str | None = None
    how: EdgeSource = "api"
    origin: Origin | None = None

    def __post_init__(self) -> None:
        parse_artifact_name(self.artifact)
        if self.logged_by is not None:
            parse_run_id(self.logged_by)

    @property
    def identity(self) -> VersionIdentity:
        """Its identity."""
        return VersionIdentity(self.artifact, self.index, self.created_ns, self.tree.root)


class BundledAlias(_Document, frozen=True, array_like=True, tag="alias"):
    """An alias, other than `latest`, of a version of the bundle."""

    artifact: str
    index: Index
    alias: str

    def __post_init__(self) -> None:
        parse_artifact_name(self.artifact)
        parse_alias(self.alias)

    def __str__(self) -> str:
        return f"{self.artifact}:{self.alias}"


class BundledRun(_Document, frozen=True, array_like=True, tag="run"):
    """A run that used or logged a version of the bundle; the fields are those of `operations.RunStarted` and its end.

    Attributes:
        state: How it ended; None: it was running.
        ended_ns: The time of its end; None: it was running.
    """

    id: str
    fields: RunFields
    started_ns: Time
    user: str
    host: str
    pid: int
    command: tuple[str, ...] = ()
    git: str | None = None
    directory: str = ""
    dirty: bool | None = None
    state: Outcome | None = None
    ended_ns: Time | None = None
    exit_code: Annotated[int, Meta(ge=0, le=MAX_EXIT_CODE)] | None = None

    def __post_init__(self) -> None:
        parse_run_id(self.id)
        if (self.state is None) != (self.ended_ns is None) or (self.state is None and self.exit_code is not None):
            raise ValueError("a run has a state and an end, or neither")


class BundledEdge(_Document, frozen=True, array_like=True, tag="edge"):
    """A run of the bundle used or logged a version, of the bundle or not.

    Attributes:
        run: The run's id.
        used: It used the version; else it logged it.
        version: The version.
        how: The source of the edge.
        time_ns: The time (nanoseconds since 1970).
        entries: Of a used version: number of its entries that were opened.
        paths: Those opened first.
    """

    run: str
    used: bool
    version: VersionIdentity
    how: EdgeSource
    time_ns: Time
    entries: Count = 0
    paths: Annotated[tuple[bytes, ...], Meta(max_length=MAX_PATHS)] = ()

    def __post_init__(self) -> None:
        parse_run_id(self.run)
        if len(self.paths) > self.entries or (self.entries and not self.used):
            raise ValueError("an edge names no more paths than entries, and of a logged version none")


class End(_Document, frozen=True, array_like=True, tag="end"):
    """The last document.

    Attributes:
        documents: Documents before this one.
        nodes: Nodes.
        chunks: Chunks.
        size: Bytes of the bundle before this document.
        chain: BLAKE3-256 of the header, the first 64 bytes of each record, and the bytes of each document but this
            one, in their order: none is missing, twice, or out of place.
    """

    documents: Count
    nodes: Count
    chunks: Count
    size: Count
    chain: Digest


Document: TypeAlias = Summary | BundledArtifact | BundledVersion | BundledAlias | BundledRun | BundledEdge | End

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Document] = msgspec.msgpack.Decoder(Document)


def encode_header(store_id: bytes, version: int = BUNDLE_VERSION) -> bytes:
    """Return a bundle's header."""
    body = _HEADER.pack(_MAGIC, version, bytes(4), store_id, bytes(28))
    return body + _CRC.pack(crc32(body))


def decode_header(data: bytes) -> bytes:
    """Parse and check a bundle's header, and return the id of the store that it came from.

    Raises:
        BundleFormatError: It is no bundle, or a newer artfs wrote it.
        BundleDamagedError: It is cut off or damaged.
    """
    if not data or data[:8] != _MAGIC[: len(data)]:
        raise BundleFormatError("it is no file that `artfs export` wrote")
    if len(data) != HEADER_SIZE:
        raise BundleDamagedError("the header is cut off")
    if crc32(data[:-4]) != _CRC.unpack_from(data, HEADER_SIZE - 4)[0]:
        raise BundleDamagedError("the header is damaged")
    _magic, version, reserved, store_id, more = _HEADER.unpack_from(data)
    if version != BUNDLE_VERSION:
        raise BundleFormatError(f"it has format {version}, and this artfs reads format {BUNDLE_VERSION}: update artfs")
    if any(reserved) or any(more):
        raise BundleDamagedError("the header is damaged")
    return bytes(store_id)


def encode_document(document: Document) -> bytes:
    """Return a document as it stands in a bundle: head, body, hash, zeros."""
    body = _encoder.encode(document)
    head = _HEAD.pack(DOCUMENT_MAGIC, len(body), bytes(4))
    data = head + _CRC.pack(crc32(head)) + body
    return b"".join((data, blake3(data).digest(), bytes(-len(data) % _ALIGNMENT)))


def document_rest(head: bytes) -> int:
    """Return how many bytes of a document follow its head.

    Raises:
        BundleDamagedError: The head is damaged.
    """
    magic, length, reserved = _HEAD.unpack_from(head)
    (checksum,) = _CRC.unpack_from(head, _HEAD.size)
    if crc32(head[: _HEAD.size]) != checksum or magic != DOCUMENT_MAGIC or any(reserved) or length > MAX_DOCUMENTS_SIZE:
        raise BundleDamagedError("the head of a document is damaged")
    return int(length + _HASH_SIZE + -length % _ALIGNMENT)


def decode_document(data: bytes) -> Document:
    """Parse and check a whole document, whose head is sound.

    Raises:
        BundleDamagedError: It is damaged.
        BundleFormatError: It is not, and says what this artfs does not understand or allow.
    """
    _magic, length, _reserved = _HEAD.unpack_from(data)
    end = DOCUMENT_HEAD_SIZE + length
    if blake3(data[:end]).digest() != data[end : end + _HASH_SIZE] or any(data[end + _HASH_SIZE :]):
        raise BundleDamagedError("a document is damaged")
    try:
        return _decoder.decode(data[DOCUMENT_HEAD_SIZE:end])
    except DECODE_ERRORS as error:
        raise BundleFormatError(f"this artfs cannot read a document in it ({error}): update artfs") from error
