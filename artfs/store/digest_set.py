"""Set of millions of digests, in little more memory than they take themselves."""

from __future__ import annotations

from typing import Final

__all__ = ["EXACT", "SHORT", "DigestSet"]

EXACT: Final = 30
"""All bytes of a digest, but the two that choose a bucket."""
SHORT: Final = 8
"""So many bytes of it: two digests in 2^80 are taken for one. Where being in the set keeps something, that is safe."""


class DigestSet:
    """A set of millions of digests, in 65,536 buckets of their other bytes, one after the other.

    A Python set takes more than 100 bytes for each digest, this one little more than the digest itself.

    Args:
        width: Bytes of each digest that are kept: `EXACT`, or `SHORT`.
    """

    def __init__(self, width: int = EXACT) -> None:
        self._width = width
        self._buckets: dict[bytes, bytearray] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __contains__(self, digest: bytes) -> bool:
        bucket = self._buckets.get(digest[:2])
        return bucket is not None and self._is_in(bucket, digest[2 : 2 + self._width])

    def _is_in(self, bucket: bytearray, rest: bytes) -> bool:
        at = bucket.find(rest)
        while at >= 0 and at % self._width:
            at = bucket.find(rest, at + 1)
        return at >= 0

    def add(self, digest: bytes) -> bool:
        """Add a digest; return False if it was there."""
        rest = digest[2 : 2 + self._width]
        bucket = self._buckets.get(digest[:2])
        if bucket is None:
            self._buckets[digest[:2]] = bytearray(rest)
        elif self._is_in(bucket, rest):
            return False
        else:
            bucket += rest
        self._count += 1
        return True
