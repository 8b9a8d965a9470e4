"""What is fuzzed: a decoder, what it may answer, and how what it decodes is encoded again."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

__all__ = ["Target", "UnlikeError", "attempt"]


class UnlikeError(Exception):
    """What was decoded does not encode to what it was decoded from."""


class Target(NamedTuple):
    """A decoder.

    Attributes:
        decode: Bytes to a value.
        seeds: Bytes that it decodes, to begin with.
        errors: What it may raise of other bytes, and nothing else. Empty: it may raise nothing.
        encode: The bytes of a value that it gave; None: there is no such function.
        canonical: What decodes encodes to the same bytes. Else to bytes that decode to the same value.
        seals: Each makes checksums in the bytes right, which no mutation hits upon: the decoder is given what they make
            too.
    """

    decode: Callable[[bytes], Any]
    seeds: tuple[bytes, ...]
    errors: tuple[type[Exception], ...] = ()
    encode: Callable[[Any], bytes] | None = None
    canonical: bool = True
    seals: tuple[Callable[[bytes], bytes], ...] = ()


def _forms(target: Target, data: bytes) -> Iterable[bytes]:
    return dict.fromkeys((data, *(seal(data) for seal in target.seals)))


def attempt(target: Target, data: bytes) -> int:
    """Decode bytes, and what the seals make of them.

    Returns:
        How many of these forms decoded.

    Raises:
        UnlikeError: What decoded does not encode back.
        Exception: The decoder raised something else than it may.
    """
    decoded = 0
    for form in _forms(target, data):
        try:
            value = target.decode(form)
        except target.errors:
            continue
        decoded += 1
        if target.encode is None:
            continue
        again = target.encode(value)
        if target.canonical and again != form:
            raise UnlikeError(f"{form!r} decodes to {value!r}, which encodes to {again!r}")
        if not target.canonical and target.decode(again) != value:
            raise UnlikeError(f"{form!r} decodes to {value!r}, which encodes to {again!r}, and that decodes otherwise")
    return decoded
