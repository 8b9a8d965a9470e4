"""Bounded types for the fields of msgpack values, and the errors of decoding them."""

from __future__ import annotations

from typing import Annotated, Final, TypeAlias

import msgspec
from msgspec import Meta

__all__ = ["DECODE_ERRORS", "FIRST_SERIAL", "Count", "Digest", "Index", "Serial", "Time"]

FIRST_SERIAL: Final = 16
"""Serials below are reserved (0 is the parent of all artifacts; inode 1 is the mount's root)."""

Serial: TypeAlias = Annotated[int, Meta(ge=FIRST_SERIAL, lt=1 << 31)]
Index: TypeAlias = Annotated[int, Meta(ge=0, lt=10**18)]
Count: TypeAlias = Annotated[int, Meta(ge=0, le=(1 << 63) - 1)]
Time: TypeAlias = Count
"""Nanoseconds since 1970, where they are part of a key."""
Digest: TypeAlias = Annotated[bytes, Meta(min_length=32, max_length=32)]

DECODE_ERRORS: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""All that msgspec raises for bytes that are no value of the wanted type.

The second comes of text that is no UTF-8, the third of unknown fields, which are skipped, that are nested deep.
"""
