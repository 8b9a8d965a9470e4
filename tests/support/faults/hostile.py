"""A corpus of hostile nodes, records, packs and journals: generated, always the same.

Each begins as something sound. Then one field says something else, and whatever checksums cover it are made right
again: only the decoder itself stands between the bytes and who asked for them.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

import msgspec
import zstandard
from blake3 import blake3

from artfs.chunks.codec import decode
from artfs.chunks.record import encode_record
from artfs.errors import IntegrityError
from artfs.format.chunk_rows import decode_chunk_rows, encode_chunk_rows
from artfs.format.chunklist import Piece, decode_chunk_page, encode_chunk_page
from artfs.format.digest import digest, digest_and_table
from artfs.format.journal import decode_segment_header, encode_segment_header, parse_record
from artfs.format.journal import encode_record as encode_journal
from artfs.format.node import Entry, Kind, Page, encode_page
from artfs.format.operations import decode_entry
from artfs.format.pack import (
    Codec,
    Location,
    PackKind,
    RecordKind,
    decode_footer,
    decode_header,
    decode_trailer,
    encode_entry,
    encode_header,
    encode_trailer,
    parse_head,
)
from artfs.format.reference import decode_reference

__all__ = ["DECODERS", "SEEDS", "Hostile", "corpus"]


class Hostile(NamedTuple):
    """Bytes, who decodes them, and what is wrong with them."""

    decoder: str
    what: str
    data: bytes


def _page(data: bytes) -> object:
    return Page(data).check()


def _body(data: bytes) -> object:
    return decode_entry(data)


def _frame(data: bytes) -> object:
    return decode(Codec.ZSTD, data, 1000)


def _location(data: bytes) -> object:
    try:
        return Location.decode(data)
    except ValueError as error:  # the index, which has it, tells of it with its key
        raise IntegrityError("location") from error


def _reference(data: bytes) -> object:
    return decode_reference(Entry(b"r", Kind.REFERENCE, 0o644, 0, 1, bytes(32), extra=data))


DECODERS: dict[str, Callable[[bytes], object]] = {
    "page": _page,
    "list": decode_chunk_page,
    "reference": _reference,
    "chunk rows": lambda data: decode_chunk_rows(data, is_start=True),
    "frame": _frame,
    "pack header": decode_header,
    "record head": parse_head,
    "footer": lambda data: decode_footer(bytes(16), data),
    "trailer": lambda data: decode_trailer(data, 1000),
    "location": _location,
    "segment header": decode_segment_header,
    "journal record": lambda data: parse_record(data, 0),
    "journal body": _body,
}

_DIGEST = digest(b"x")
_PLAIN = b"plain " * 100
_LEAF = encode_page(
    0,
    [
        Entry(b"a", Kind.FILE, 0o644, 0, 1, _DIGEST),
        Entry(b"dir", Kind.DIRECTORY, 0o755, 0, 0, _DIGEST, 0, _DIGEST),
        Entry(b"link", Kind.SYMLINK, 0o777, 0, 3, digest(b"../"), extra=b"../"),
        Entry(b"list", Kind.FILE, 0o644, 0, 9, _DIGEST, extra=b"\x01"),
    ],
).data
_LIST = encode_chunk_page(1, [Piece(3, _DIGEST), Piece(9, _DIGEST)])
_LOCATION = Location(bytes(16), 64, 10, 10, int(Codec.RAW))
_OPERATION = ["artifact-created", 16, "animals", "dataset", 1, ""]
_BODY = msgspec.msgpack.encode([1, "ann", "lab", 1, None, [_OPERATION]])
_RECORD = encode_record(RecordKind.CHUNK, *digest_and_table(_PLAIN), _PLAIN)

SEEDS: dict[str, bytes] = {
    "page": _LEAF,
    "list": _LIST,
    "reference": msgspec.msgpack.encode(["file:///x", 1, None, None, None, None, [_DIGEST, 80, 1]]),
    "chunk rows": encode_chunk_rows([Piece(3, _DIGEST), Piece(9, _DIGEST)]),
    "frame": zstandard.ZstdCompressor().compress(bytes(1000)),
    "pack header": encode_header(PackKind.DATA, bytes(16)),
    "record head": b"".join(bytes(part) for part in _RECORD.buffers)[:64],
    "footer": encode_entry(_DIGEST, _LOCATION, RecordKind.CHUNK),
    "trailer": encode_trailer(1, 1000 - 64 - 56, _DIGEST),
    "location": _LOCATION.encode(),
    "segment header": encode_segment_header(1, bytes(32)),
    "journal record": encode_journal(1, bytes(32), _BODY)[0],
    "journal body": _BODY,
}
"""Something sound for each decoder."""

_VALUES = (0, 1, 0x7F, 0xFF, 0x7FFF_FFFF, 0xFFFF_FFFF)
_CRC_AT = {"pack header": 60, "record head": 60, "trailer": 60, "segment header": 60}


def _sealed(decoder: str, data: bytes) -> bytes:
    """The same with right checksums."""
    at = _CRC_AT.get(decoder)
    if at is not None:
        return data[:at] + struct.pack("<I", zlib.crc32(data[:at])) + data[at + 4 :]
    if decoder == "journal record":
        whole = data[:52] + struct.pack("<I", zlib.crc32(data[:52])) + data[56:-32]
        return whole + blake3(whole).digest()
    return data


def corpus() -> Iterator[Hostile]:
    """All of it."""
    for decoder, seed in SEEDS.items():
        for at in range(0, min(len(seed), 64), 4):
            for value in _VALUES:
                changed = seed[:at] + struct.pack("<I", value) + seed[at + 4 :]
                if changed != seed:
                    yield Hostile(decoder, f"{value:#x} at {at}", _sealed(decoder, changed[: len(seed)]))
        for size in {0, 1, len(seed) // 2, len(seed) - 1}:
            yield Hostile(decoder, f"cut to {size}", seed[:size])
        yield Hostile(decoder, "more behind", seed + bytes(64))
    yield from _names()
    yield from _frames()
    yield from _bodies()


def _names() -> Iterator[Hostile]:
    for name in (b"", b".", b"..", b"a/b", b"/", b"\0", b"a\0b", b"\xff" * 255, b"../../etc/passwd"):
        entry = Entry(name[:255] or b"?", Kind.FILE, 0o644, 0, 1, _DIGEST)
        raw = encode_page(0, [entry]).data
        heap = raw.rfind(entry.name) if len(name) else -1
        if not name:
            raw = raw[:36] + b"\0" + raw[37:]
        elif heap > 0:
            raw = raw[:heap] + name + raw[heap + len(name) :]
        yield Hostile("page", f"the name {name[:20]!r}", raw)
    twice = encode_page(0, [Entry(b"a", Kind.FILE, 0o644, 0, 1, _DIGEST), Entry(b"b", Kind.FILE, 0o644, 0, 1, _DIGEST)])
    yield Hostile("page", "a name twice", twice.data.replace(b"ab", b"aa", 1))
    yield Hostile("page", "names unsorted", twice.data.replace(b"ab", b"ba", 1))
    for mode in (0o4755, 0o2755, 0xFFFF):
        row = encode_page(0, [Entry(b"a", Kind.FILE, 0o644, 0, 1, _DIGEST)]).data
        yield Hostile("page", f"mode {mode:o}", row[:38] + struct.pack("<H", mode) + row[40:])


def _frames() -> Iterator[Hostile]:
    compressor = zstandard.ZstdCompressor(write_content_size=True)
    sound = compressor.compress(bytes(1000))
    yield Hostile("frame", "two frames", sound + sound)
    yield Hostile("frame", "no content size", zstandard.ZstdCompressor(write_content_size=False).compress(bytes(1000)))
    yield Hostile("frame", "a bomb", compressor.compress(bytes(64 << 20)))
    for size in (1 << 40, (1 << 64) - 1):  # single segment, content size in eight bytes
        yield Hostile("frame", f"claims {size}", b"\x28\xb5\x2f\xfd\xe0" + struct.pack("<Q", size) + bytes(2000))
    yield Hostile("frame", "claims right, has much", b"\x28\xb5\x2f\xfd\x60\xe8\x02" + b"\xfb\xff\xff" + b"x")


def _bodies() -> Iterator[Hostile]:
    encode = msgspec.msgpack.encode
    deep: object = []
    for _ in range(500):
        deep = [deep]
    wrong: list[list[object]] = [
        ["artifact-created", serial, name, kind, 1, ""]
        for serial in (16, 0, -1, 1 << 40)
        for name, kind in (
            ("../x", "dataset"),
            ("", "dataset"),
            ("x" * 300, "dataset"),
            ("a\nb", "dataset"),
            ("a", "/"),
        )
    ]
    wrong += [["version-deleted", 16, index] for index in (-1, 10**18, "x")]
    wrong += [["alias-set", 17, 16, alias, 0, None] for alias in ("v0", "", "a/b", "\0")]
    wrong += [["nobody-knows"], [], ["run-started"], ["version-created", 17, 16, 0, [b"", b"", -1, -1, -1, 0], 1, []]]
    unknown = b"\x97" + encode([1, "ann", "lab", 1, None, [_OPERATION]])[1:] + b"\x91" * 5000 + b"\xc0"
    yield Hostile("journal body", "a field that nobody knows, nested without end", unknown)
    for number, operation in enumerate(wrong):
        yield Hostile("journal body", f"operation {number}", encode([1, "ann", "lab", 1, None, [operation]]))
    for number, body in enumerate([deep, {}, 7, [1], [1, "a", "b", 1, None, [deep]]]):
        yield Hostile("journal body", f"body {number}", encode(body))
    yield Hostile("journal body", "an array that claims 4 billion", b"\xdd\xff\xff\xff\xff")
    yield Hostile("journal body", "nested without end", b"\x91" * 100_000)
    yield Hostile("journal body", "bytes that claim 4 billion", b"\x96\x01\xc6\xff\xff\xff\xff")
