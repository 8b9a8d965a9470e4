"""Decoders that are wrong, each in a way that fuzzing has to find: so it is known to look."""

from __future__ import annotations

from typing import Final

from tests.support.torture.fuzz.target import Target

__all__ = ["PLANTED"]

_LARGE: Final = 40 << 20


def _behind_four_bytes(data: bytes) -> int:
    """It fails behind comparisons that only one input in four billion passes: one that is led there byte by byte."""
    if data[:1] == b"\xa7":
        if data[1:2] == b"\x54":
            if data[2:3] == b"\x9e":
                if data[3:4] == b"\x31":
                    raise KeyError("planted")
                raise ValueError("three")
            raise ValueError("two")
        raise ValueError("one")
    raise ValueError("none")


def _large(data: bytes) -> int:
    if data.startswith(b"\xa7"):
        return len(bytes(_LARGE))
    raise ValueError


def _careless(data: bytes) -> int:
    return int(data)


PLANTED: Final[dict[str, Target]] = {
    "planted-error": Target(_behind_four_bytes, (b"seed",), (ValueError,)),
    "planted-memory": Target(_large, (b"seed",), (ValueError,)),
    "planted-form": Target(_careless, (b"10",), (ValueError,), lambda value: b"%d" % value),
}
"""As `targets.TARGETS`."""
