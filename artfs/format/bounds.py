"""The numbers and digests in journal records, and their bounds."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from msgspec import Meta

__all__ = ["FIRST_SERIAL", "Count", "Digest", "Index", "Serial", "Time"]

FIRST_SERIAL = 16
"""Serials below are reserved (0 is the parent of all artifacts; inode 1 is the mount's root)."""

Serial: TypeAlias = Annotated[int, Meta(ge=FIRST_SERIAL, lt=1 << 31)]
Index: TypeAlias = Annotated[int, Meta(ge=0, lt=10**18)]
Count: TypeAlias = Annotated[int, Meta(ge=0, le=(1 << 63) - 1)]
Time: TypeAlias = Annotated[int, Meta(ge=0, le=(1 << 63) - 1)]
"""Nanoseconds since 1970, where they are part of a key."""
Digest: TypeAlias = Annotated[bytes, Meta(min_length=32, max_length=32)]
