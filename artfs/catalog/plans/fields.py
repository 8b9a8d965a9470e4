"""What is said of a version or an artifact: checked before it is planned."""

from __future__ import annotations

from collections.abc import Sequence

from artfs.catalog.metadata import decode_metadata
from artfs.errors import InvalidInputError
from artfs.format.operations import VersionFields
from artfs.names import parse_tag

__all__ = ["EMPTY_METADATA", "check_text", "fields_of"]

EMPTY_METADATA = b"{}"
_MAX_TEXT_BYTES = 1 << 20


def fields_of(description: str, metadata: bytes, tags: Sequence[str], ttl_ns: int | None) -> VersionFields:
    """Check what a version is said to be.

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
    """Give text back that can be written.

    Raises:
        InvalidInputError: It cannot be: no Unicode, or too long.
    """
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise InvalidInputError(f"the {what} holds text that is not Unicode") from error
    if size > _MAX_TEXT_BYTES:
        raise InvalidInputError(f"the {what} of {size} bytes is too long: at most {_MAX_TEXT_BYTES} are allowed")
    return text
