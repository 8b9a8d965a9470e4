"""Validation of metadata and of the other fields of a version.

Metadata are a JSON object, stored as canonical bytes: UTF-8, keys sorted, no spaces; `json_values` says what is kept of
each value. Equal metadata are equal bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Final

from artfs.catalog.json_values import MAX_METADATA_DEPTH, Json, Place, place_words, restored, to_json
from artfs.errors import InvalidInputError
from artfs.format.operations import VersionFields
from artfs.names import parse_tag

__all__ = [
    "EMPTY_METADATA",
    "MAX_METADATA_BYTES",
    "MAX_METADATA_DEPTH",
    "MAX_METADATA_KEYS",
    "check_key_count",
    "check_text",
    "checked_fields",
    "decode_metadata",
    "encode_metadata",
    "encode_value",
    "json_object",
    "merge_metadata",
]

EMPTY_METADATA: Final = b"{}"

MAX_METADATA_KEYS: Final = 100
"""At the top level."""
MAX_METADATA_BYTES: Final = 16 << 20
_MAX_TEXT_BYTES: Final = 1 << 20


def encode_metadata(
    metadata: Mapping[str, object], *, max_keys: int | None = MAX_METADATA_KEYS, what: str = "metadata"
) -> bytes:
    """Return metadata as canonical JSON.

    Args:
        metadata: A mapping of values that `json_values` can keep. No reference to them is.
        max_keys: The most keys at the top level; None: any number.
        what: Their name in messages.

    Raises:
        TypeError: A value is of a type that JSON cannot express.
        InvalidInputError: A value is not allowed: nested too deeply, no Unicode; or they are too many or too long.
    """
    if not isinstance(metadata, Mapping):
        raise TypeError(f"{what} must be a JSON object, not {type(metadata).__name__}")
    check_key_count(len(metadata), max_keys, what)
    return encode_value(to_json(metadata, what), what)


def encode_value(value: Json, place: Place) -> bytes:
    """Return canonical JSON of a JSON value.

    Raises:
        InvalidInputError: It is too long.
    """
    data = json.dumps(value, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")).encode()
    if len(data) > MAX_METADATA_BYTES:
        raise InvalidInputError(
            f"{place_words(place)} of {len(data)} bytes is too long: at most {MAX_METADATA_BYTES} are allowed"
        )
    return data


def decode_metadata(data: bytes, *, max_keys: int | None = MAX_METADATA_KEYS) -> dict[str, object]:
    """Return a fresh copy of the metadata that `encode_metadata` made bytes of.

    Raises:
        InvalidInputError: The bytes are nothing that it could have made.
    """
    return {key: restored(value) for key, value in json_object(data, max_keys=max_keys).items()}


def json_object(data: bytes, *, max_keys: int | None = MAX_METADATA_KEYS) -> dict[str, Json]:
    """Return the JSON object that `encode_metadata` made bytes of, infinite numbers as they are kept.

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


def check_key_count(count: int, max_keys: int | None, what: str) -> None:
    """Refuse too many keys at the top level.

    Raises:
        InvalidInputError: They are.
    """
    if max_keys is not None and count > max_keys:
        raise InvalidInputError(f"{what} has {count} top-level keys: at most {max_keys} are allowed")


def checked_fields(description: str, metadata: bytes, tags: Sequence[str], ttl_ns: int | None) -> VersionFields:
    """Return a version's fields, checked.

    Raises:
        InvalidInputError: A value is not allowed.
    """
    if metadata != EMPTY_METADATA:
        decode_metadata(metadata)
    if ttl_ns is not None and not 0 < ttl_ns < 1 << 63:
        raise InvalidInputError("a time to live must be positive")
    return VersionFields(
        check_text(description, "description"), metadata, tuple(dict.fromkeys(map(parse_tag, tags))), ttl_ns
    )


def check_text(text: str, what: str) -> str:
    """Return text that can be stored.

    Raises:
        TypeError: It is no text.
        InvalidInputError: It cannot: it is no Unicode, or too long.
    """
    if not isinstance(text, str):
        raise TypeError(f"the {what} must be text, not {type(text).__name__}")
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise InvalidInputError(f"the {what} holds text that is not Unicode") from error
    if size > _MAX_TEXT_BYTES:
        raise InvalidInputError(f"the {what} of {size} bytes is too long: at most {_MAX_TEXT_BYTES} are allowed")
    return str.__str__(text)  # of a subclass the plain text


def merge_metadata(before: bytes, here: bytes, now: bytes, *, max_keys: int | None = MAX_METADATA_KEYS) -> bytes:
    """Apply the changes from one state to another to what is stored now, key by key at the top level.

    Args:
        before: The state that was changed.
        here: The state after the changes.
        now: The state that is stored, which others may have changed.
        max_keys: The most keys at the top level; None: any number.

    Raises:
        InvalidInputError: Together they are too many or too long.
    """
    old, new, merged = (json_object(data, max_keys=max_keys) for data in (before, here, now))
    for key in old.keys() - new.keys():
        merged.pop(key, None)
    merged.update({key: value for key, value in new.items() if key not in old or old[key] != value})
    return encode_metadata(merged, max_keys=max_keys)
