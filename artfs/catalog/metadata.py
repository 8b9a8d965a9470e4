"""The rules of metadata, in one place: a JSON object, kept as canonical bytes.

Canonical: UTF-8, keys sorted, no spaces, NaN as null. Equal metadata are equal bytes.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Final

from artfs.errors import InvalidInputError

__all__ = ["MAX_METADATA_BYTES", "MAX_METADATA_DEPTH", "MAX_METADATA_KEYS", "decode_metadata", "encode_metadata"]

MAX_METADATA_KEYS: Final = 100
"""At the top level."""
MAX_METADATA_DEPTH: Final = 64
MAX_METADATA_BYTES: Final = 16 << 20


def encode_metadata(metadata: Mapping[str, object], *, max_keys: int | None = MAX_METADATA_KEYS) -> bytes:
    """Return metadata as canonical JSON.

    Args:
        metadata: Mappings with text keys, lists, tuples, text, numbers, booleans, None, and whatever has a `tolist`
            that gives such (numpy scalars and arrays). Nothing of it is kept.
        max_keys: How many keys are allowed at the top level; None: any number.

    Raises:
        TypeError: A value is of another type.
        InvalidInputError: A value is not allowed: infinite, nested too deeply, no Unicode; or they are too many or
            too long.
    """
    if not isinstance(metadata, Mapping):
        raise TypeError(f"metadata must be a JSON object, not {type(metadata).__name__}")
    if max_keys is not None and len(metadata) > max_keys:
        raise InvalidInputError(f"metadata has {len(metadata)} top-level keys: at most {max_keys} are allowed")
    try:
        data = json.dumps(
            _plain(metadata, "metadata", 0), ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")
        ).encode()
    except UnicodeEncodeError as error:
        raise InvalidInputError("metadata holds text that is not Unicode") from error
    if len(data) > MAX_METADATA_BYTES:
        raise InvalidInputError(f"metadata of {len(data)} bytes is too long: at most {MAX_METADATA_BYTES} are allowed")
    return data


def decode_metadata(data: bytes, *, max_keys: int | None = MAX_METADATA_KEYS) -> dict[str, object]:
    """Return a fresh copy of the metadata that `encode_metadata` made bytes of.

    Raises:
        InvalidInputError: The bytes are nothing that it could have made.
    """
    try:
        value = json.loads(data)
        if isinstance(value, dict) and encode_metadata(value, max_keys=max_keys) == data:
            return value
    except (ValueError, RecursionError) as error:
        raise InvalidInputError(f"metadata is no canonical JSON object: {error}") from error
    raise InvalidInputError("metadata is no canonical JSON object")


def _plain(value: object, where: str, depth: int) -> object:
    """Return a JSON value without NaN, made of plain types."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str | int):
        return str(value) if isinstance(value, str) else int(value)
    if isinstance(value, float):
        return _number(float(value), where)
    if depth >= MAX_METADATA_DEPTH:
        raise InvalidInputError(f"{where} is nested too deeply: at most {MAX_METADATA_DEPTH} levels are allowed")
    if isinstance(value, Mapping):
        return {_key(key, where): _plain(item, f"{where}[{key!r}]", depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, f"{where}[{number}]", depth + 1) for number, item in enumerate(value)]
    tolist = getattr(value, "tolist", None)
    if not callable(tolist):
        raise TypeError(f"{where} is a {type(value).__name__}, which JSON cannot express")
    return _plain(tolist(), where, depth + 1)


def _key(key: object, where: str) -> str:
    if not isinstance(key, str):
        raise TypeError(f"{where} has the key {key!r}: keys must be text")
    return str(key)


def _number(value: float, where: str) -> float | None:
    if math.isnan(value):
        return None
    if math.isinf(value):
        raise InvalidInputError(f"{where} is infinite, which JSON cannot express")
    return value
