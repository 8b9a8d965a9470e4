"""The decoders of `artfs.format`, of chunk frames, of names and of metadata: bytes to values, no file."""

from __future__ import annotations

import io
import struct
import zlib
from itertools import pairwise
from typing import Final

import zstandard
from blake3 import blake3

from artfs.catalog.metadata import decode_metadata, encode_metadata
from artfs.chunks.codec import decode
from artfs.chunks.record import encode_record, prove_record
from artfs.errors import BundleDamagedError, IntegrityError, InvalidInputError, SourceError
from artfs.format import bundle, journal, pack
from artfs.format.chunk_rows import ChunkRow, decode_chunk_rows, encode_chunk_rows
from artfs.format.chunklist import ChunkPage, Piece, decode_chunk_page, encode_chunk_page
from artfs.format.digest import digest, digest_and_table
from artfs.format.node import Entry, Kind, Page, encode_page
from artfs.format.operations import Origin, Tree, VersionFields
from artfs.format.reference import Reference, decode_reference, reference_entry
from artfs.format.runs import RunFields
from artfs.names import (
    PathRef,
    parse_alias,
    parse_artifact_name,
    parse_artifact_type,
    parse_distributed_id,
    parse_entry_path,
    parse_path_ref,
    parse_run_id,
    parse_tag,
)
from artfs.transfer.bundle_stream import BundleReader, BundleWriter
from tests.support.faults.hostile import SEEDS
from tests.support.torture.fuzz.target import Target

__all__ = ["FORMATS", "crc_behind"]

_U32: Final = struct.Struct("<I")
_PACK_SIZE: Final = 1000
_DIGEST: Final = digest(b"x")
_PARSERS: Final = (
    parse_alias,
    parse_artifact_name,
    parse_artifact_type,
    parse_distributed_id,
    parse_run_id,
    parse_tag,
)


def crc_behind(data: bytes, size: int) -> bytes:
    """The same with the CRC-32 of the first `size` bytes behind them."""
    return data[:size] + _U32.pack(zlib.crc32(data[:size])) + data[size + 4 :] if len(data) >= size + 4 else data


def _sealed_header(data: bytes) -> bytes:
    return crc_behind(data, 60)


def _page(data: bytes) -> tuple[int, list[Entry]]:
    """Look in it as who serves it does, who checks no more than the rows that he needs; then prove all of it."""
    page = Page(data)
    page.index(b"dir")
    page.child_for(b"dir")
    row = page.at_position(1)
    if row < len(page):
        page.link(row)
        page.before(row)
        page.entry(row)
    return page.level, page.check()


def _encode_page(value: tuple[int, list[Entry]]) -> bytes:
    return encode_page(*value).data


def _encode_list(value: ChunkPage) -> bytes:
    lengths = [end - start for start, end in zip((0, *value.ends), value.ends, strict=False)]
    return encode_chunk_page(value.height, [Piece(*piece) for piece in zip(lengths, value.digests, strict=True)])


def _rows(data: bytes) -> list[ChunkRow]:
    return decode_chunk_rows(data, is_start=True)


def _encode_rows(value: list[ChunkRow]) -> bytes:
    return encode_chunk_rows([Piece(row.end - before.end, row.digest) for before, row in pairwise(value)])


def _reference(data: bytes) -> Reference:
    return decode_reference(Entry(b"r", Kind.REFERENCE, 0o644, 0, 1, bytes(32), extra=data))


def _encode_reference(value: Reference) -> bytes:
    return reference_entry(b"r", value, 0o644, 0).extra


def _frame(data: bytes) -> None:
    """A byte says how many bytes are to come out, as a power of two; what follows is the frame."""
    size = 1 << (data[0] % 26 if data else 0)
    assert len(decode(pack.Codec.ZSTD, data[1:], size)) == size


def _head(data: bytes) -> bytes:
    head, data_at = pack.parse_head(data)
    if data_at > len(data):
        raise IntegrityError("not checked yet")
    again = pack.encode_head(
        head.codec, head.kind, head.plain_len, head.stored_len, head.digest, data[64:data_at], head.stored_checksum
    )
    assert again == data[:64]
    return again + data[64:]


def _sealed_head(data: bytes) -> bytes:
    if len(data) < 64:
        return data
    codec, plain_len = data[4], _U32.unpack_from(data, 8)[0]
    table = data[64 : 64 + pack.stored_table_size(codec, plain_len % (1 << 24))]
    return data[:60] + _U32.pack(zlib.crc32(table, zlib.crc32(data[:60]))) + data[64:]


def _footer(data: bytes) -> list[pack.FooterEntry]:
    return pack.decode_footer(bytes(16), data)


def _encode_footer(value: list[pack.FooterEntry]) -> bytes:
    return b"".join(pack.encode_entry(entry.digest, entry.location, entry.kind) for entry in value)


def _trailer(data: bytes) -> pack.Trailer:
    return pack.decode_trailer(data, _PACK_SIZE)


def _encode_trailer(value: pack.Trailer) -> bytes:
    return pack.encode_trailer(value.count, value.footer_offset, value.footer_digest)


def _segment(data: bytes) -> tuple[journal.SegmentHeader, bytes]:
    return journal.decode_segment_header(data), data[journal.SEGMENT_HEADER_SIZE :]


def _encode_segment(value: tuple[journal.SegmentHeader, bytes]) -> bytes:
    return journal.encode_segment_header(value[0].first_seq, value[0].previous) + value[1]


def _record(data: bytes) -> tuple[journal.RawRecord, bytes] | None:
    record = journal.parse_record(data, 0) if data else None
    return None if record is None else (record, data[record.size :])


def _encode_record(value: tuple[journal.RawRecord, bytes] | None) -> bytes:
    if value is None:  # torn: nothing of it counts
        return b""
    record, rest = value
    return journal.encode_record(record.seq, record.previous, record.body)[0] + rest


def _sealed_record(data: bytes) -> bytes:
    if len(data) < 88:
        return data
    whole = crc_behind(data[:4] + _U32.pack(len(data) - 88) + data[8:], 52)[:-32]
    return whole + blake3(whole).digest()


def _encode_path(value: PathRef) -> bytes:
    first = value.ref.name if value.first_is_bare else str(value.ref)
    return "/".join([first, *(part.decode("utf-8", "surrogateescape") for part in value.path)]).encode(
        "utf-8", "surrogateescape"
    )


def _name(data: bytes) -> tuple[int, str]:
    """A byte says which kind of name follows."""
    which = data[0] % len(_PARSERS) if data else 0
    return data[0] if data else 0, _PARSERS[which](data[1:].decode("utf-8", "surrogateescape"))


def _document(data: bytes) -> bundle.Document:
    head = data[: bundle.DOCUMENT_HEAD_SIZE]
    if len(head) < bundle.DOCUMENT_HEAD_SIZE or len(data) != len(head) + bundle.document_rest(head):
        raise BundleDamagedError("cut off")
    return bundle.decode_document(data)


def _sealed_document(data: bytes) -> bytes:
    body = data[16:-32]
    whole = crc_behind(b"DOC1" + _U32.pack(len(body)) + bytes(8), 12) + body
    return whole + blake3(whole).digest() + bytes(-len(whole) % 8)


def _proved(data: bytes) -> bytes:
    record, plain = prove_record(data)
    assert record.plain_len == len(plain)
    return b"".join(map(bytes, record.buffers))


def _bundle(data: bytes) -> list[object]:
    return list(BundleReader(io.BytesIO(data), "the bundle"))


def _make_bundle() -> bytes:
    out = io.BytesIO()
    writer = BundleWriter(out.write, bytes(16))
    for document in _DOCUMENTS:
        writer.document(document)
    for data in (b"x" * 1000, b"y"):
        writer.record(encode_record(pack.RecordKind.CHUNK, *digest_and_table(data), data))
    writer.end()
    return out.getvalue()


_TREE: Final = Tree(_DIGEST, _DIGEST, 1, 1, 0o755, 7)
_IDENTITY: Final = bundle.VersionIdentity("animals", 3, 5, _DIGEST)
_DOCUMENTS: Final = tuple(
    bundle.encode_document(document)
    for document in (
        bundle.Summary(5, "artfs", 1, 7, (_IDENTITY,)),
        bundle.BundledArtifact("animals", "dataset", 5, "all"),
        bundle.BundledVersion(
            "animals", 3, _TREE, 5, VersionFields(), "abcd1234", "zoo:v1", "open", Origin(bytes(16), "beasts", 1)
        ),
        bundle.BundledAlias("animals", 3, "best"),
        bundle.BundledRun("abcd1234", RunFields(), 5, "ann", "lab", 7, ("t",), None, "/", None, "failed", 9, 1),
        bundle.BundledEdge("abcd1234", True, _IDENTITY, "open", 5, 2, (b"a",)),
    )
)
_LEVELS: Final = encode_page(1, [encode_page(0, [Entry(b"a", Kind.FILE, 0o644, 0, 1, _DIGEST)]).as_row()]).data
_FRAMES: Final = tuple(
    bytes([bits]) + zstandard.ZstdCompressor().compress((bytes(range(kinds)) * (1 << bits))[: 1 << bits])
    for bits, kinds in ((3, 5), (10, 97), (10, 256), (20, 1))
)
_METADATA: Final = (b"{}", b'{"a":[1,2.5,null,true],"b":{"c":"\xc3\xa4\\n"}}', b'{"x":' + b"[" * 60 + b"]" * 60 + b"}")
_TABLE: Final = bytes(64)
_WITH_TABLE: Final = pack.encode_head(pack.Codec.RAW, 1, 40_000, 40_000, _DIGEST, _TABLE, 0) + _TABLE
_INTEGRITY: Final = (IntegrityError,)
_INPUT: Final = (InvalidInputError,)
_SOURCE: Final = (SourceError,)

FORMATS: Final[dict[str, Target]] = {
    "page": Target(_page, (SEEDS["page"], _LEVELS), _INTEGRITY, _encode_page),
    "list": Target(decode_chunk_page, (SEEDS["list"],), _INTEGRITY, _encode_list),
    "reference": Target(_reference, (SEEDS["reference"],), _INTEGRITY, _encode_reference, canonical=False),
    "chunk-rows": Target(_rows, (SEEDS["chunk rows"],), _INTEGRITY, _encode_rows),
    "frame": Target(_frame, _FRAMES, _INTEGRITY),
    "pack-header": Target(
        pack.decode_header,
        (SEEDS["pack header"],),
        _INTEGRITY,
        lambda value: pack.encode_header(value.kind, value.pack),
        seals=(_sealed_header,),
    ),
    "record-head": Target(
        _head, (SEEDS["record head"], _WITH_TABLE), _INTEGRITY, lambda value: value, seals=(_sealed_head,)
    ),
    "footer": Target(_footer, (SEEDS["footer"],), _INTEGRITY, _encode_footer),
    "trailer": Target(_trailer, (SEEDS["trailer"],), _INTEGRITY, _encode_trailer, seals=(_sealed_header,)),
    "location": Target(pack.Location.decode, (SEEDS["location"],), (ValueError,), pack.Location.encode),
    "segment-header": Target(
        _segment, (SEEDS["segment header"],), _INTEGRITY, _encode_segment, seals=(_sealed_header,)
    ),
    "journal-record": Target(
        _record,
        (SEEDS["journal record"],),
        _INTEGRITY,
        _encode_record,
        canonical=False,
        seals=(lambda data: crc_behind(data, 52), _sealed_record),
    ),
    "record": Target(
        _proved,
        tuple(
            b"".join(map(bytes, encode_record(pack.RecordKind.CHUNK, *digest_and_table(data), data).buffers))
            for data in (b"x", b"x" * 1000, bytes(range(256)) * 130)
        ),
        _INTEGRITY,
        lambda value: value,
        seals=(_sealed_head,),
    ),
    "bundle-header": Target(
        bundle.decode_header, (bundle.encode_header(bytes(16)),), _SOURCE, bundle.encode_header, seals=(_sealed_header,)
    ),
    "bundle-document": Target(
        _document, _DOCUMENTS, _SOURCE, bundle.encode_document, canonical=False, seals=(_sealed_document,)
    ),
    "bundle": Target(_bundle, (_make_bundle(),), _SOURCE),
    "metadata": Target(decode_metadata, _METADATA, _INPUT, encode_metadata),
    "entry-path": Target(parse_entry_path, (b"a", b"a/b", b".artfs.txt/\xff"), _INPUT, b"/".join),
    "ref": Target(
        lambda data: parse_path_ref(data.decode("utf-8", "surrogateescape")),
        (b"a", b"animals:v3/a/b", b"a:best"),
        _INPUT,
        _encode_path,
        canonical=False,
    ),
    "name": Target(
        _name,
        tuple(bytes([kind]) + b"abcd1234" for kind in range(6)),
        _INPUT,
        lambda value: bytes([value[0]]) + value[1].encode("utf-8", "surrogateescape"),
    ),
}
"""Each decoder by its name on the command line."""
