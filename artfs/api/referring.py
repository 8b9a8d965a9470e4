"""Add references to a draft: to one object, or to all below a directory or prefix."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import islice

from artfs.api.contents import Contents
from artfs.errors import InvalidInputError
from artfs.format.node import Entry
from artfs.format.reference import Reference, reference_entry
from artfs.names import parse_entry_path, quoted
from artfs.references import find, scheme_of

__all__ = ["add_reference"]

_MAX_OBJECTS = 10_000_000
_MODE = 0o644


def add_reference(
    contents: Contents, uri: str, name: bytes | None, *, checksum: bool, max_objects: int | None
) -> list[tuple[bytes, Entry]]:
    """Add what a URI leads to, all of it or nothing.

    Args:
        contents: Of the draft.
        uri: With a scheme.
        name: Where it goes; by default an object goes by its own name, and what is below a directory to the top.
        checksum: Keep what identifies the contents.
        max_objects: How many objects there may be.

    Returns:
        The paths and entries that were added.

    Raises:
        InvalidInputError: The URI is not allowed, leads to nothing or to more than `max_objects`, has a scheme that is
            not known and no name was given, or a path has other contents.
        SourceError: Something cannot be read.
    """
    limit = _MAX_OBJECTS if max_objects is None else max_objects
    added = []
    for path, entry in islice(_entries(uri, name, checksum=checksum), limit + 1):
        contents.check(path, entry)
        added.append((path, entry))
    if len(added) > limit:
        raise InvalidInputError(f"{quoted(uri)} leads to more than {limit} objects: name fewer, or raise max_objects")
    for path, entry in added:
        contents.add(path, entry, overwrite=False)
    return added


def _entries(uri: str, name: bytes | None, *, checksum: bool) -> Iterator[tuple[bytes, Entry]]:
    found = find(uri, checksum=checksum)
    if found is None:
        if name is None:
            raise InvalidInputError(
                f"artfs does not know the scheme {scheme_of(uri)!r}: give a name, under which the URI is kept"
            )
        yield name, reference_entry(name.rpartition(b"/")[2], Reference(uri), _MODE, time.time_ns())
        return
    for each in found:
        path = _joined(name, each.name) if each.name else name or _joined(None, each.basename)
        yield path, reference_entry(path.rpartition(b"/")[2], each.reference, _MODE, each.mtime_ns or time.time_ns())


def _joined(prefix: bytes | None, name: str) -> bytes:
    parts = parse_entry_path(name)
    return b"/".join((prefix, *parts) if prefix else parts)
