"""Digests of stored bytes: BLAKE3-256, over the hashes of blocks where there are several.

Data of at most `BLOCK_SIZE` bytes has its plain BLAKE3-256 as digest. Longer data is cut into blocks of `BLOCK_SIZE`
(the last may be shorter); the BLAKE3-256 of each block, concatenated, are the *block table*, and the digest is the
BLAKE3-256 of that table in the domain `TABLE_DOMAIN`, so that a table stored as data can never pass for the data it
describes.

Why not the BLAKE3 of the whole: to serve 4 KiB out of 2 MiB a reader needs block hashes besides, which cost the writer
a second pass over every byte, and only a checksum would tie them to the digest. This way one pass yields both, and
every single block is proved against the digest itself.
"""

from __future__ import annotations

from typing import TypeAlias

from blake3 import blake3

__all__ = [
    "BLOCK_HASH_SIZE",
    "BLOCK_SIZE",
    "DIGEST_SIZE",
    "TABLE_DOMAIN",
    "Data",
    "block_hashes",
    "block_table",
    "digest",
    "digest_and_table",
    "table_digest",
    "table_size",
]

DIGEST_SIZE = 32
BLOCK_SIZE = 32768
BLOCK_HASH_SIZE = 32
TABLE_DOMAIN = "artfs 2026 block table"

Data: TypeAlias = bytes | bytearray | memoryview
"""Contiguous bytes in any form that the hot paths pass on without copying."""


def block_hashes(data: Data) -> bytes:
    """Return the concatenated BLAKE3 hashes of the blocks of `data`; the last may be short."""
    size = len(data)
    if size <= BLOCK_SIZE:
        return blake3(data).digest()
    view = memoryview(data)
    return b"".join([blake3(view[at : at + BLOCK_SIZE]).digest() for at in range(0, size, BLOCK_SIZE)])


def table_size(plain_len: int) -> int:
    """Return the size of the block table for `plain_len` bytes of data: 0 for one block."""
    if plain_len <= BLOCK_SIZE:
        return 0
    return (plain_len + BLOCK_SIZE - 1) // BLOCK_SIZE * BLOCK_HASH_SIZE


def block_table(data: Data) -> bytes:
    """Return the concatenated hashes of the blocks of `data`: empty when there is only one block."""
    return block_hashes(data) if len(data) > BLOCK_SIZE else b""


def table_digest(table: bytes) -> bytes:
    """Return the digest of the data that a (non-empty) block table describes."""
    return blake3(table, derive_key_context=TABLE_DOMAIN).digest()


def digest_and_table(data: Data) -> tuple[bytes, bytes]:
    """Return the digest of `data` and its block table, in one pass over the bytes."""
    table = block_table(data)
    return (blake3(table, derive_key_context=TABLE_DOMAIN) if table else blake3(data)).digest(), table


def digest(data: Data) -> bytes:
    """Return the 32-byte digest of `data`."""
    return digest_and_table(data)[0]
