"""The bytes of a file of steps, the history of a run: a magic, then blocks.

    file    8 bytes  magic, then blocks up to the end
    block   16       magic 4 | length n of the body u32 | plain length u32 | crc32 of the first 12 bytes and the body
            n        zstd of a msgpack array

The array of a block `SB01` holds rows, maps of `_step`, `_timestamp`, `_runtime` and what was logged. That of a block
`SP01`, which is first in a compacted file, holds the names of the part files that the file has the rows of.

Integers are little-endian. A part that is being written, or whose writer was killed, may end in a torn block.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias
from zlib import crc32

import msgspec

from artfs.errors import IntegrityError
from artfs.format.msgpack import DECODE_ERRORS

__all__ = ["COMPACTED", "FILE_MAGIC", "Row", "StepFile", "encode_parts", "encode_rows", "parse_steps"]

Row: TypeAlias = dict[str, Any]
"""One step: `_step`, `_timestamp` (s since 1970), `_runtime` (s since the start of the run), and values by key."""

COMPACTED: Final = "all"
"""The name of the compacted file in the directory of a history."""
FILE_MAGIC: Final = b"ARTFSST\x01"
_ROWS: Final = b"SB01"
_PARTS: Final = b"SP01"
_HEAD: Final = struct.Struct("<4sII")
_CRC: Final = struct.Struct("<I")
_HEAD_SIZE: Final = _HEAD.size + _CRC.size
_MAX_BODY: Final = 64 << 20
_MAX_PLAIN: Final = 256 << 20
"""The most that a damaged length can ask for."""


@dataclass(slots=True)
class StepFile:
    """What a file of steps holds.

    Attributes:
        rows: Its rows, in their order.
        parts: Names of the part files that it has the rows of; None: it is not compacted.
        whole: Number of bytes that were read; what is behind them is torn or damaged.
    """

    rows: list[Row] = field(default_factory=list)
    parts: frozenset[str] | None = None
    whole: int = 0


def encode_rows(rows: list[Row], level: int = 3) -> bytes:
    """Encode rows as a block.

    Args:
        rows: The rows.
        level: Of zstd.
    """
    return _block(_ROWS, rows, level)


def encode_parts(names: list[str]) -> bytes:
    """Encode the names of part files as a block."""
    return _block(_PARTS, names, 3)


def _block(magic: bytes, values: list[Any], level: int) -> bytes:
    from zstandard import ZstdCompressor  # noqa: PLC0415 # most programs log no step

    plain = msgspec.msgpack.encode(values)
    body = ZstdCompressor(level=level).compress(plain)
    head = _HEAD.pack(magic, len(body), len(plain))
    return head + _CRC.pack(crc32(body, crc32(head))) + body


def parse_steps(data: bytes) -> StepFile:
    """Read a file of steps up to its last whole block."""
    found = StepFile()
    if not data.startswith(FILE_MAGIC):
        return found
    found.whole = len(FILE_MAGIC)
    while found.whole < len(data):
        try:
            magic, values, size = _read_block(data, found.whole)
            if magic == _ROWS:
                found.rows += msgspec.convert(values, list[Row])
            else:
                found.parts = msgspec.convert(values, frozenset[str])
        except (IntegrityError, msgspec.ValidationError):
            break
        found.whole += size
    return found


def _read_block(data: bytes, at: int) -> tuple[bytes, object, int]:
    """Return the magic of the block at an offset, its array, and its size.

    Raises:
        IntegrityError: It is torn or damaged.
    """
    from zstandard import ZstdDecompressor, ZstdError  # noqa: PLC0415 # as above

    if len(data) - at < _HEAD_SIZE:
        raise IntegrityError("a block of steps is torn")
    magic, length, plain_length = _HEAD.unpack_from(data, at)
    body = data[at + _HEAD_SIZE : at + _HEAD_SIZE + length]
    if magic not in {_ROWS, _PARTS} or length > _MAX_BODY or plain_length > _MAX_PLAIN or len(body) != length:
        raise IntegrityError("a block of steps is torn")
    if _CRC.unpack_from(data, at + _HEAD.size)[0] != crc32(body, crc32(data[at : at + _HEAD.size])):
        raise IntegrityError("a block of steps is damaged")
    try:
        plain = ZstdDecompressor().decompress(body, max_output_size=plain_length)
        return magic, msgspec.msgpack.decode(plain), _HEAD_SIZE + length
    except (ZstdError, *DECODE_ERRORS) as error:
        raise IntegrityError(f"a block of steps is damaged: {error}") from error
