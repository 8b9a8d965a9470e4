"""Journal operations on the packs of a store at a URL: the journal is the list of them, and no server is asked for one.

A local store has its packs in a directory, and no such operations.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from artfs.format.msgpack import Count
from artfs.format.pack import ENTRY_SIZE, HEADER_SIZE, PACK_ID_SIZE, TRAILER_SIZE

__all__ = ["AddedPack", "PacksAdded"]


class AddedPack(msgspec.Struct, frozen=True, array_like=True):
    """A pack that is in the store, whole.

    Attributes:
        pack: Its id.
        kind: A `format.pack.PackKind` value.
        size: Bytes of it.
        count: Records in it, which say how long its footer is.
    """

    pack: Annotated[bytes, Meta(min_length=PACK_ID_SIZE, max_length=PACK_ID_SIZE)]
    kind: Literal[1, 2]
    size: Count
    count: Count

    def __post_init__(self) -> None:
        if self.size < HEADER_SIZE + self.count * ENTRY_SIZE + TRAILER_SIZE:
            raise ValueError(f"pack {self.pack.hex()} of {self.size} bytes cannot hold {self.count} records")


class PacksAdded(msgspec.Struct, frozen=True, array_like=True, tag_field="op", tag="packs-added"):
    """Packs were written, in this order: what is named in one is in it, or in one before it."""

    packs: tuple[AddedPack, ...]
