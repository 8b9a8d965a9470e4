"""Values in JSON documents: objects, kinds of entries, times, and bytes that are mostly text."""

from __future__ import annotations

import time
from binascii import b2a_base64
from typing import Any

from artfs.format.node import Kind

__all__ = ["KINDS", "Document", "duration_text", "iso_time", "json_text", "local_time"]

Document = dict[str, Any]
"""An object of a JSON document."""

KINDS: dict[int, str] = {
    Kind.FILE: "file",
    Kind.DIRECTORY: "directory",
    Kind.SYMLINK: "symlink",
    Kind.REFERENCE: "reference",
}
"""The kinds of entries in JSON."""

_SECOND = 1_000_000_000


def iso_time(time_ns: int) -> str:
    """Return a time in UTC by ISO 8601, to the nanosecond."""
    seconds, rest = divmod(time_ns, _SECOND)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{rest:09d}Z"


def duration_text(duration_ns: int) -> str:
    """Return a duration as `--ttl` takes it: `30d`, `1d12h`."""
    seconds = max(duration_ns // _SECOND, 1)
    parts = []
    for unit, length in (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)):
        count, seconds = divmod(seconds, length)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts)


def local_time(time_ns: int) -> str:
    """Return a time in this machine's zone, to the minute."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(time_ns // _SECOND))


def json_text(key: str, raw: bytes) -> Document:
    """Return bytes that are mostly text under a key of a JSON object, without loss.

    Args:
        key: The key.
        raw: A file name, path or link target.

    Returns:
        The key with the text; and `<key>_base64` with the exact bytes when they are not UTF-8.
    """
    try:
        return {key: raw.decode()}
    except UnicodeDecodeError:
        return {key: raw.decode(errors="replace"), f"{key}_base64": b2a_base64(raw, newline=False).decode()}
